// Package cases lists the cases of the oracle: the tool predicts each case, then the lab runs it.
package cases

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// All returns every case of a topology, grouped by feature.
func All(t *lab.Topology) []probe.Case {
	b := builder{t}
	if t.On != "" {
		return kubernetes(b)
	}
	var all []probe.Case
	for _, group := range []func(builder) []probe.Case{basic, loadBalancers, acls, nat, routers, provider, special, controller, placement, learning, underlay, related, fragments, zones, vtep, mirrors, stale, sessions, loadBalancerPlacement, policy, gateways, connections, after2303, networkFunctions, since2603, bonds, reasons, causes, hashed} {
		all = append(all, group(b)...)
	}
	explain(all)
	markUnseen(all, unseen)
	if t.Datapath == lab.Userspace {
		markUnseen(all, unseenOnUserspace)
		forUserspace(all)
	}
	return all
}

// builder writes packets between the topology's ports.
type builder struct{ t *lab.Topology }

// end is a port or outside host that sends or receives a packet.
type end struct {
	mac, gateway string
	ips          []string
	vlan         int
}

func (b builder) end(name string) end {
	for _, h := range b.t.Hosts {
		if h.Name == name {
			return end{h.MAC, h.Gateway, h.IPs, h.VLAN}
		}
	}
	v, err := b.t.VIF(name)
	if err != nil {
		panic(err)
	}
	return end{v.MAC, v.Gateway, v.IPs, 0}
}

func (e end) ip(v6 bool) string {
	for _, s := range e.ips {
		if a, err := netip.ParseAddr(s); err == nil && a.Is6() == v6 {
			return s
		}
	}
	panic(fmt.Sprintf("no address in %v", e.ips))
}

// sameNet reports whether two addresses have the same prefix: all networks of the lab are /24 or
// /64.
func sameNet(a, b string) bool {
	x, y := netip.MustParseAddr(a), netip.MustParseAddr(b)
	bits := 24
	if x.Is6() {
		bits = 64
	}
	p, err := x.Prefix(bits)
	return err == nil && x.Is6() == y.Is6() && p.Contains(y)
}

// To returns a packet without a transport header from a port or outside host to dst, a name or an
// IP address, as the cases send it.
func To(t *lab.Topology, from, dst string, v6 bool) probe.Packet {
	return builder{t}.to(from, dst, v6)
}

// to returns a packet from a port to dst, a port's name or an IP address. The destination MAC is
// that of the peer on the same subnet, else that of the router.
func (b builder) to(from, dst string, v6 bool) probe.Packet {
	e := b.end(from)
	p := probe.Packet{From: from, EthSrc: e.mac, EthDst: e.gateway, VLAN: e.vlan}
	if a, err := netip.ParseAddr(dst); err == nil {
		p.Dst = dst
		p.Src = e.ip(a.Is6())
		if sameNet(p.Src, p.Dst) {
			for _, v := range b.t.VIFs {
				for _, ip := range v.IPs {
					if ip == dst {
						p.EthDst = v.MAC
					}
				}
			}
		}
		return p
	}
	d := b.end(dst)
	p.Src, p.Dst = e.ip(v6), d.ip(v6)
	if sameNet(p.Src, p.Dst) {
		p.EthDst = d.mac
	}
	return p
}

func (b builder) tcp(from, dst string, dport int) *probe.Packet {
	p := b.to(from, dst, false)
	p.Proto, p.Sport, p.Dport, p.Flags = "tcp", 40000+dport%1000, dport, "syn"
	return &p
}

func (b builder) tcp6(from, dst string, dport int) *probe.Packet {
	p := b.to(from, dst, true)
	p.Proto, p.Sport, p.Dport, p.Flags = "tcp", 40000+dport%1000, dport, "syn"
	return &p
}

func (b builder) udp(from, dst string, dport int) *probe.Packet {
	p := b.to(from, dst, false)
	p.Proto, p.Sport, p.Dport = "udp", 41000+dport%1000, dport
	return &p
}

func (b builder) udp6(from, dst string, dport int) *probe.Packet {
	p := b.to(from, dst, true)
	p.Proto, p.Sport, p.Dport = "udp", 41000+dport%1000, dport
	return &p
}

// echoID is the identifier that the tool assumes if the expression contains none.
const echoID = 1

func (b builder) ping(from, dst string) *probe.Packet {
	p := b.to(from, dst, false)
	p.Proto, p.Type, p.ID = "icmp", 8, echoID
	return &p
}

func (b builder) ping6(from, dst string) *probe.Packet {
	p := b.to(from, dst, true)
	p.Proto, p.Type, p.ID = "icmp6", 128, echoID
	return &p
}

// with returns a packet changed by f.
func with(p *probe.Packet, f func(*probe.Packet)) *probe.Packet {
	q := *p
	f(&q)
	return &q
}

// one returns a case with a single packet.
func one(name, feature string, p *probe.Packet, want string) probe.Case {
	return probe.Case{Name: name, Feature: feature, Steps: []probe.Step{{Packet: p, Want: want}}}
}

// handshake returns a case of SYN, SYN-ACK and ACK, each predicted over the table that the packet
// before has left. An answer to an outside host leaves by the chassis in back.
func handshake(name, feature string, p *probe.Packet, server string, back ...string) probe.Case {
	return probe.Case{Name: name, Feature: feature, Steps: []probe.Step{
		{Packet: p, Want: server},
		{Answer: true, Want: client(p, back)},
		{Answer: true, Want: server},
	}}
}

// echo returns a case of a request and its answer.
func echo(name, feature string, p *probe.Packet, server string, back ...string) probe.Case {
	return probe.Case{Name: name, Feature: feature, Steps: []probe.Step{
		{Packet: p, Want: server},
		{Answer: true, Want: client(p, back)},
	}}
}

func client(p *probe.Packet, back []string) string {
	if len(back) > 0 {
		return "external " + back[0]
	}
	return p.From
}

// ipLow24 returns the last three bytes of an IPv6 address in hexadecimal.
func ipLow24(s string) [3]string {
	b := netip.MustParseAddr(s).As16()
	return [3]string{fmt.Sprintf("%02x", b[13]), fmt.Sprintf("%02x", b[14]), fmt.Sprintf("%02x", b[15])}
}

func macBytes(s string) []byte {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}
