package cases

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// Random returns n random cases, the same for the same seed. Each sends packets between two random
// places of the lab, as it is or as another case sets it up, and answers and ICMP errors to them,
// over the conntrack entries of the packets before; some play a handshake. The cases have no
// expected ends: the prediction must agree with the reality.
func Random(t *lab.Topology, seed uint64, n int) []probe.Case {
	b := builder{t}
	var setups []probe.Case
	for _, c := range All(t) {
		unsettled := slices.ContainsFunc(c.Steps, func(s probe.Step) bool { return s.Unsettled })
		if len(c.Setup) > 0 && !unsettled {
			setups = append(setups, c)
		}
	}
	var out []probe.Case
	for i := range n {
		g := gamble{b, rand.New(rand.NewPCG(seed, uint64(i))), nil, nil, nil}
		c := probe.Case{Name: fmt.Sprintf("random-%d-%d", seed, i), Feature: "at random"}
		if g.chance(60) {
			g.setUp(&c, pick(&g, setups))
			if second := pick(&g, setups); c.Needs+second.Needs+c.Only+second.Only == "" && apart(c, second) && g.chance(40) {
				g.setUp(&c, second)
			}
		}
		g.learn(slices.Concat(t.Setup, c.Setup))
		if opening := g.packet(); opens(opening) && g.chance(25) {
			c.Session, c.Steps = true, []probe.Step{{Packet: opening, Maybe: true}}
		} else {
			c.Steps = g.steps(opening)
		}
		c.Cleanup = append(slices.Clone(c.Cleanup), forget...)
		out = append(out, c)
	}
	return out
}

// setUp adds the set-up of another case to a case, and where that sends packets.
func (g *gamble) setUp(c *probe.Case, from probe.Case) {
	c.Name += "-" + from.Name
	c.Needs, c.Until, c.Only, c.Cannot = from.Needs, from.Until, from.Only, from.Cannot
	c.Setup, c.Args = slices.Concat(c.Setup, from.Setup), slices.Concat(c.Args, from.Args)
	c.Cleanup = slices.Concat(from.Cleanup, c.Cleanup)
	for _, s := range from.Steps {
		if s.Packet != nil && s.Packet.Raw == nil && s.Status == 0 {
			g.near = append(g.near, s.Packet.From)
			g.nearTo = append(g.nearTo, s.Packet.Dst)
		}
	}
}

// name matches the words of commands that name a row, an address or a device.
var name = regexp.MustCompile(`[a-zA-Z@.:-]*[0-9][\w.:-]*|lb-case|[a-z]+-case|public|join|prov`)

// apart reports whether the set-ups of two cases have no name in common, so that they can be made
// one after the other. Those with commands on chassis are alone.
func apart(a, b probe.Case) bool {
	names := map[string]bool{}
	for _, s := range slices.Concat(a.Setup, a.Cleanup) {
		for _, w := range name.FindAllString(s, -1) {
			names[w] = true
		}
	}
	for _, s := range slices.Concat(b.Setup, b.Cleanup) {
		for _, w := range name.FindAllString(s, -1) {
			if _, err := strconv.Atoi(w); names[w] && err != nil && w != "ip4" && w != "ip6" {
				return false
			}
		}
	}
	return !slices.ContainsFunc(slices.Concat(a.Setup, b.Setup), func(s string) bool { return strings.HasPrefix(s, "@") })
}

// opens reports whether a packet opens a handshake that can be predicted as a whole. A broadcast
// does not: of its receivers only machines of the lab would answer, and the bridges' hosts would
// not.
func opens(p *probe.Packet) bool {
	if mac, err := net.ParseMAC(p.EthDst); err != nil || mac[0]&1 != 0 {
		return false
	}
	switch p.Proto {
	case "tcp":
		return p.Flags == "syn"
	case "icmp", "icmp6":
		return p.Cut == nil && (p.Type == 8 || p.Type == 128)
	}
	return p.Proto == "udp" && p.Cut == nil
}

// forget removes what packets have taught OVN, so that a case is the same alone as after others.
var forget = []string{"@sb --all destroy fdb", "@sb --all destroy mac_binding"}

// gamble draws random packets.
type gamble struct {
	builder
	*rand.Rand
	addrs  []string // of all machines of the lab
	near   []string // sources and destinations of the case whose set-up is used
	nearTo []string
}

var address = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b|\b[0-9a-f]{4}:[0-9a-f:]*::[0-9a-f]*`)

// learn collects the addresses in commands.
func (g *gamble) learn(commands []string) {
	for _, cmd := range commands {
		for _, s := range address.FindAllString(cmd, -1) {
			if a, err := netip.ParseAddr(s); err == nil && !a.IsUnspecified() && !strings.HasSuffix(s, "::") && !slices.Contains(g.addrs, s) {
				g.addrs = append(g.addrs, s)
			}
		}
	}
}

// steps draws the steps of a case: packets, the first of which is given, and what comes back.
func (g *gamble) steps(p *probe.Packet) []probe.Step {
	var out []probe.Step
	for i := range 4 {
		if i > 0 {
			p = g.packet()
		}
		out = append(out, probe.Step{Packet: p})
		for range g.IntN(3) {
			out = append(out, g.back(p))
		}
	}
	return out
}

// back draws what comes back for a packet: an answer, rarely one that breaks the connection off, or
// an ICMP error from the receiver or from a router in front of it.
func (g *gamble) back(p *probe.Packet) probe.Step {
	s := probe.Step{Maybe: true}
	switch roll := g.IntN(100); {
	case roll < 10 && p.Cut == nil:
		s.Error = true
		if g.chance(40) {
			s.Middle = g.dst(end{ips: []string{p.Src}})
		}
		return s
	case roll < 20:
		s.Flags = pick(g, []string{"rst", "rst|ack", "fin|ack", "ack", "psh|ack"})
	}
	s.Answer = true
	return s
}

func (g *gamble) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *gamble, from []T) T { return from[g.IntN(len(from))] }

// from draws the port or host at which a packet enters.
func (g *gamble) from() string {
	if len(g.near) > 0 && g.chance(60) {
		return pick(g, g.near)
	}
	n := g.IntN(len(g.t.VIFs) + len(g.t.Hosts))
	if n < len(g.t.VIFs) {
		return g.t.VIFs[n].Port
	}
	return g.t.Hosts[n-len(g.t.VIFs)].Name
}

// dst draws a destination address of a family that e has.
func (g *gamble) dst(e end) string {
	for {
		d := pick(g, g.addrs)
		switch roll := g.IntN(100); {
		case roll < 40 && len(g.nearTo) > 0:
			d = pick(g, g.nearTo)
		case roll < 43:
			d = pick(g, []string{"8.8.8.8", "10.0.0.99", "20.0.0.255", "255.255.255.255", "224.0.0.5", "239.1.1.1", "fd00:10::99", "2001:db8::1", "ff02::1"})
		}
		a, err := netip.ParseAddr(d)
		if err == nil && slices.ContainsFunc(e.ips, func(s string) bool { return netip.MustParseAddr(s).Is6() == a.Is6() }) {
			return d
		}
	}
}

var (
	ports    = []int{80, 8080, 53, 22, 25, 443, 9, 9000, 12345}
	tcpFlags = []string{"syn", "ack", "syn|ack", "fin|ack", "rst", "psh|ack", "fin", "rst|ack", "syn|fin"}
)

// packet draws a packet.
func (g *gamble) packet() *probe.Packet {
	from := g.from()
	e := g.end(from)
	p := g.to(from, g.dst(e), false)
	v6 := p.V6()
	switch roll := g.IntN(100); {
	case roll < 45:
		p.Proto, p.Sport, p.Dport, p.Flags = "tcp", 30000+g.IntN(20000), pick(g, ports), "syn"
		if g.chance(20) {
			p.Flags = pick(g, tcpFlags)
		}
	case roll < 65:
		p.Proto, p.Sport, p.Dport = "udp", 30000+g.IntN(20000), pick(g, ports)
	case roll < 80 && v6:
		p.Proto, p.Type, p.ID = "icmp6", 128, echoID
	case roll < 80:
		p.Proto, p.Type, p.ID = "icmp", 8, echoID
		if g.chance(10) {
			p.Type = pick(g, []int{0, 13, 15, 17})
		}
	case roll < 86:
		p.Proto, p.Sport, p.Dport = "sctp", 30000+g.IntN(20000), pick(g, ports)
	case roll < 90:
		p.Proto, p.IPProto = "ip", pick(g, []int{47, 50, 89, 112})
	case v6:
		a := netip.MustParseAddr(p.Dst).As16()
		p.Proto, p.Target, p.SHA = "nd_ns", p.Dst, e.mac
		p.EthDst = fmt.Sprintf("33:33:ff:%02x:%02x:%02x", a[13], a[14], a[15])
		p.Dst = fmt.Sprintf("ff02::1:ff%02x:%02x%02x", a[13], a[14], a[15])
		return &p
	default:
		p.Proto, p.Op, p.SHA, p.THA, p.EthDst = "arp", 1, e.mac, "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"
		if g.chance(20) {
			p.Op, p.THA = 2, "00:00:00:00:ff:01"
		}
		return &p
	}
	g.spoil(&p)
	if (p.Proto == "udp" || p.Proto == "icmp" || p.Proto == "icmp6") && g.chance(8) {
		// No smaller fragment than the userspace datapath takes (ipf_get_min_frag_size, 1280 for
		// IPv6).
		p.Size, p.Cut, p.DF = 2600, pick(g, [][]int{{1400}, {1240, 2480}}), false
		if len(p.Cut) == 1 && g.chance(30) {
			p.Pieces = []int{1, 0}
		}
	}
	return &p
}

// spoil sometimes makes a field wrong that an ordinary machine sets correctly.
func (g *gamble) spoil(p *probe.Packet) {
	if a := netip.MustParseAddr(p.Dst); a.IsMulticast() && a.Is4() {
		p.EthDst = "01:00:5e:01:01:01"
	} else if a.IsMulticast() {
		p.EthDst = "33:33:00:00:00:01"
	} else if p.Dst == "255.255.255.255" {
		p.EthDst = "ff:ff:ff:ff:ff:ff"
	}
	switch g.IntN(40) {
	case 0:
		p.TTL = 1
	case 1:
		p.TTL = 2
	case 2:
		p.EthDst = "ff:ff:ff:ff:ff:ff"
	case 3:
		p.EthDst = "50:54:00:99:99:99"
	case 4:
		p.EthDst = pick(g, g.t.VIFs).MAC
	case 5:
		p.EthSrc = "50:54:00:99:99:98"
	case 6:
		if !p.V6() {
			p.Src = "10.99.99.99"
		}
	case 7:
		p.TOS = 0x28
	case 8, 9:
		p.Hex = true
	case 10:
		p.DF, p.Size = !p.V6(), 1300
	}
}
