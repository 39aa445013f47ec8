package microflow

import (
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"
)

// addresses are the parts of which a description may give only some bits; Fill sets the others.
const addresses = HasEthSrc | HasEthDst | HasSrc | HasDst

// builder makes a packet from a clause.
type builder struct {
	mf    Microflow
	c     ovnexpr.Clause
	a     *ovnexpr.Plain
	byStr map[string]*ovnexpr.Symbol
}

func build(in string, a *ovnexpr.Plain, c ovnexpr.Clause) Microflow {
	b := builder{c: c, a: a, byStr: map[string]*ovnexpr.Symbol{}}
	b.mf.Text, b.mf.Where, b.mf.Other = in, map[Set]int{}, map[string]Value{}
	b.mf.partly = map[Set]ovnexpr.Cube{}
	for sym := range c {
		b.byStr[sym.Name] = sym
	}
	b.packet()
	b.rest()
	return b.mf
}

// get removes a field's cube from the clause and returns it.
func (b *builder) get(name string, part Set) (ovnexpr.Cube, bool) {
	sym := b.byStr[name]
	if sym == nil {
		return ovnexpr.Cube{}, false
	}
	delete(b.byStr, name)
	if part != 0 {
		b.mf.Given |= part
		if at := about(b.a, sym); at != nil {
			b.mf.Where[part] = at.Off
		}
		if c := b.c[sym][0]; addresses.Has(part) && c.Mask != u128.Ones(0, sym.Width) {
			b.mf.partly[part] = c
		}
	}
	return b.c[sym][0], true
}

func num[T ~uint8 | ~uint16 | ~uint32](b *builder, name string, part Set, to *T) {
	if c, ok := b.get(name, part); ok {
		*to = T(c.Val.Lo)
	}
}

func (b *builder) mac(name string, part Set, to *packet.MAC) {
	if c, ok := b.get(name, part); ok {
		v := c.Val.Bytes()
		copy(to[:], v[10:])
	}
}

func (b *builder) addr4(name string, part Set, to *netip.Addr) {
	if c, ok := b.get(name, part); ok {
		v := c.Val.Bytes()
		*to = netip.AddrFrom4([4]byte(v[12:]))
	}
}

func (b *builder) addr6(name string, part Set, to *netip.Addr) {
	if c, ok := b.get(name, part); ok {
		*to = netip.AddrFrom16(c.Val.Bytes())
	}
}

func (b *builder) packet() {
	p := &b.mf.Packet
	b.mac("eth.src", HasEthSrc, &p.EthSrc)
	b.mac("eth.dst", HasEthDst, &p.EthDst)
	num(b, "eth.type", HasEthType, &p.EthType)
	if c, ok := b.get("vlan.tci", HasVLAN); ok && c.Val.Bit(12) {
		tci := uint16(c.Val.Lo)
		p.VLANs = []packet.VLAN{{TPID: packet.EthVLAN, VID: tci & 0xfff, PCP: uint8(tci >> 13)}}
	}
	b.ip(p)
	for _, arp := range []string{"arp", "rarp"} {
		num(b, arp+".op", HasARPOp, &p.ARPOp)
		b.addr4(arp+".spa", HasSrc, &p.Src)
		b.addr4(arp+".tpa", HasDst, &p.Dst)
		b.mac(arp+".sha", HasARPSHA, &p.ARPSHA)
		b.mac(arp+".tha", HasARPTHA, &p.ARPTHA)
	}
	b.addr6("nd.target", HasNDTarget, &p.NDTarget)
	b.mac("nd.sll", HasNDSLL, &p.NDSLL)
	b.mac("nd.tll", HasNDTLL, &p.NDTLL)
}

func (b *builder) ip(p *packet.Packet) {
	num(b, "ip.proto", HasProto, &p.Proto)
	num(b, "ip.ttl", HasTTL, &p.TTL)
	var dscp, ecn, frag uint8
	num(b, "ip.dscp", HasTOS, &dscp)
	num(b, "ip.ecn", HasTOS, &ecn)
	p.TOS = dscp<<2 | ecn
	num(b, "ip.frag", HasFrag, &frag)
	switch {
	case frag&2 != 0: // later; this bit without the other is in no packet, and means a later fragment
		p.Frag = packet.FragLater
	case frag != 0:
		p.Frag = packet.FragFirst
	}
	b.addr4("ip4.src", HasSrc, &p.Src)
	b.addr4("ip4.dst", HasDst, &p.Dst)
	b.addr6("ip6.src", HasSrc, &p.Src)
	b.addr6("ip6.dst", HasDst, &p.Dst)
	num(b, "ip6.label", HasLabel, &p.Label)
	for _, proto := range []string{"tcp", "udp", "sctp"} {
		num(b, proto+".src", HasSrcPort, &p.SrcPort)
		num(b, proto+".dst", HasDstPort, &p.DstPort)
	}
	num(b, "tcp.flags", HasTCPFlags, &p.TCPFlags)
	for _, icmp := range []string{"icmp4", "icmp6"} {
		num(b, icmp+".type", HasICMPType, &p.ICMPType)
		num(b, icmp+".code", HasICMPCode, &p.ICMPCode)
	}
}

// rest records the fields that are not part of the packet.
func (b *builder) rest() {
	if c, ok := b.get("inport", 0); ok {
		b.mf.InPort = c.Str
	}
	if c, ok := b.get("ct_state", 0); ok {
		b.mf.CTState, b.mf.CTMask = ctstate.State(c.Val.Lo), ctstate.State(c.Mask.Lo)
	}
	for name, sym := range b.byStr {
		c := b.c[sym][0]
		b.mf.Other[name] = Value{
			Value: c.Val,
			Mask:  c.Mask,
			Text:  c.Str,
		}
	}
}
