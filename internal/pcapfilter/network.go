package pcapfilter

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/bpf"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// extFragment is the next header of IPv6 that says fragment (RFC 8200).
const extFragment = 44

// protocol holds for a protocol by name.
func (g *gen) protocol(name string) test {
	switch name {
	case "icmp":
		return g.over4(packet.ProtoICMP)
	case "icmp6":
		return g.over6(packet.ProtoICMPv6)
	}
	if t, ok := etherTypes[name]; ok {
		return g.ethType(t)
	}
	n := uint8(ipProtocols[name])
	return g.any(g.over4(n), g.over6(n))
}

func (p *Prim) protocolNumber(g *gen) test {
	switch p.Proto {
	case protoEther:
		return g.ethType(p.Lo)
	case "ip":
		return g.over4(uint8(p.Lo))
	case "ip6":
		return g.over6(uint8(p.Lo))
	}
	return g.any(g.over4(uint8(p.Lo)), g.over6(uint8(p.Lo)))
}

// over4 holds for an IPv4 packet of a protocol.
func (g *gen) over4(proto uint8) test {
	return g.all(g.ethType(packet.EthIPv4), g.equal(g.net()+9, 1, uint32(proto)))
}

// over6 holds for an IPv6 packet of a protocol, which may be behind a fragment header; behind other
// extension headers it is not looked for, as by libpcap.
func (g *gen) over6(proto uint8) test {
	next := g.net() + 6
	return g.all(g.ethType(packet.EthIPv6), g.any(
		g.equal(next, 1, uint32(proto)),
		g.all(g.equal(next, 1, extFragment), g.equal(g.net()+40, 1, uint32(proto)))))
}

// address holds for an address or a network: of IP, and without a protocol of ARP and RARP too.
func (p *Prim) address(g *gen) test {
	at := func(ethType uint16, src, dst int) test {
		return g.all(g.ethType(ethType), g.dir(p.Dir, g.within(g.net()+src, p.Net), g.within(g.net()+dst, p.Net)))
	}
	if p.Net.Addr().Is6() {
		return at(packet.EthIPv6, 8, 24)
	}
	of := map[string]test{"ip": at(packet.EthIPv4, 12, 16), "arp": at(packet.EthARP, 14, 24), "rarp": at(packet.EthRARP, 14, 24)}
	if t := of[p.Proto]; t != nil {
		return t
	}
	return g.any(of["ip"], of["arp"], of["rarp"])
}

// within holds if the address at an offset is of a network. An offset without a bit to compare is
// not read.
func (g *gen) within(off int, n netip.Prefix) test {
	var tests []test
	addr := n.Addr().AsSlice()
	for i := 0; 8*i < n.Bits(); i += 4 {
		mask := ^uint32(0)
		if rest := n.Bits() - 8*i; rest < 32 {
			mask <<= 32 - rest
		}
		tests = append(tests, g.load(off+i, 4, mask, bpf.JumpEqual, binary.BigEndian.Uint32(addr[i:])))
	}
	if tests == nil {
		return func(yes, _ label) { g.jump(yes) }
	}
	return g.all(tests...)
}

// fragmentOffset are the bits of IPv4's fragment offset.
const fragmentOffset = 0x1fff

// ports holds for a port between lo and hi, of a protocol or of any that has ports. A later
// fragment has none.
func (p *Prim) ports(g *gen, lo, hi uint16) test {
	protos := []uint8{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP}
	if n, ok := ipProtocols[p.Proto]; ok {
		protos = []uint8{uint8(n)}
	}
	l := g.net()
	is := func(off int) test {
		var tests []test
		for _, n := range protos {
			tests = append(tests, g.equal(off, 1, uint32(n)))
		}
		return g.any(tests...)
	}
	first := func(yes, no label) {
		g.add(bpf.LoadAbsolute{Off: uint32(l + 6), Size: 2})
		g.cmp(bpf.JumpBitsSet, fragmentOffset, no, yes)
	}
	indirect := func(off int) test {
		return func(yes, no label) {
			g.add(bpf.LoadMemShift{Off: uint32(l)}) // X: length of the IPv4 header
			g.add(bpf.LoadIndirect{Off: uint32(l + off), Size: 2})
			g.between(lo, hi)(yes, no)
		}
	}
	direct := func(off int) test {
		return func(yes, no label) {
			g.add(bpf.LoadAbsolute{Off: uint32(l + 40 + off), Size: 2})
			g.between(lo, hi)(yes, no)
		}
	}
	return g.any(
		g.all(g.ethType(packet.EthIPv4), is(l+9), first, g.dir(p.Dir, indirect(0), indirect(2))),
		g.all(g.ethType(packet.EthIPv6), is(l+6), g.dir(p.Dir, direct(0), direct(2))))
}

// between compares the accumulator with a range.
func (g *gen) between(lo, hi uint16) test {
	if lo == hi {
		return func(yes, no label) { g.cmp(bpf.JumpEqual, uint32(lo), yes, no) }
	}
	return func(yes, no label) {
		next := g.newLabel()
		g.cmp(bpf.JumpGreaterOrEqual, uint32(lo), next, no)
		g.mark(next)
		g.cmp(bpf.JumpLessOrEqual, uint32(hi), yes, no)
	}
}
