package pinctrl

import (
	"encoding/binary"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
)

// resume handles the actions that pause the packet and continue it by NXT_RESUME. Those with a
// result set one bit to 1 if they made an answer of the packet, else to 0.
func (a *answer) resume() {
	a.Kind, a.Hint, a.Metadata = Resumes, HintFollow, a.regs.Fields()
	op := a.punt.Opcode
	rest := a.punt.Args
	if op.args() == argsResult {
		bit, tail, ok := resultBit(rest)
		if !ok { // the packet is resumed unchanged, without a result bit
			a.outcome(-1, a.pkt, "ovn-controller cannot read the action's arguments; the packet goes on unchanged")
			a.Text = a.Outcomes[0].Text
			return
		}
		a.Bit, rest = &bit, tail
	}
	switch op {
	case OpPutDHCPOpts:
		a.dhcp4(rest)
	case OpPutDHCPv6Opts:
		a.maybe("answers DHCPv6 with its options", a.pkt, "the DHCPv6 message", "the DHCPv6 message asks for what OVN does not answer")
	case OpDNSLookup:
		a.maybe("answers from its DNS records", a.pkt, "the name asked for and OVN's DNS table", "the name is not in OVN's DNS records")
	case OpDHCPRelayReqChk:
		a.maybe("relays the DHCP request", a.pkt, "the DHCP message", "the DHCP request is not one to relay")
	case OpDHCPRelayRespChk:
		a.maybe("relays the DHCP reply", a.pkt, "the DHCP message", "the DHCP reply is not one to relay")
	case OpPutNDRAOpts:
		a.routerAdvert(rest)
	case OpPutICMP4InnerIP4Src:
		a.innerSource(rest)
	case OpPutICMP4FragMTU, OpPutICMP6FragMTU:
		a.fragMTU(rest)
	}
}

func (a *answer) outcome(value int, pkt packet.Packet, text string) {
	a.Outcomes = append(a.Outcomes, Outcome{value, pkt, text})
}

// maybe adds both outcomes of an action whose result depends on data that the packet model does not
// contain.
func (a *answer) maybe(does string, pkt packet.Packet, on, not string) {
	a.outcome(1, pkt, "ovn-controller "+does)
	a.outcome(0, a.pkt, not+"; the packet goes on unchanged")
	a.Unknown = "whether ovn-controller " + does + " depends on " + on
	a.Text = "ovn-controller " + does + " if it can (" + a.Bit.String() + " tells); it depends on " + on
}

// dhcp4 is pinctrl_handle_put_dhcp_opts: it leaves addresses and ports to the flows after it,
// except for the destination, which is the offered address or, if the client requests it, the
// broadcast address.
func (a *answer) dhcp4(rest []byte) {
	reply := a.pkt
	does := "answers DHCP"
	if len(rest) >= 4 {
		offer := netip.AddrFrom4([4]byte(rest))
		reply.Dst = offer
		does += " with " + offer.String()
	}
	reply.Length = 0
	a.maybe(does, reply, "the DHCP message", "OVN does not answer this DHCP message")
}

// routerAdvert is pinctrl_handle_put_nd_ra_opts, which answers every router solicitation.
func (a *answer) routerAdvert(rest []byte) {
	p := a.pkt
	if !p.IsICMPv6() || p.ICMPType != packet.ICMPv6RS || p.ICMPCode != 0 || len(rest) == 0 {
		a.outcome(0, a.pkt, "ovn-controller makes no router advertisement of this packet")
		a.Text = a.Outcomes[0].Text
		return
	}
	p.ICMPType, p.ICMPCode = rest[0], 0
	if len(rest) > 1 {
		p.ICMPCode = rest[1]
	}
	if p.Src.IsUnspecified() { // pinctrl writes all-nodes there, and the flows swap it into the destination
		p.Src = netip.IPv6LinkLocalAllNodes()
	}
	p.NDSLL, p.NDTLL, p.NDTarget = packet.MAC{}, packet.MAC{}, netip.Addr{}
	p.Length = ip6Len + len(rest)
	a.outcome(1, p, "ovn-controller makes a router advertisement of it")
	a.Text = "ovn-controller answers with a router advertisement"
}

// innerSource is pinctrl_handle_put_icmp4_inner_ip4_src.
func (a *answer) innerSource(rest []byte) {
	p := a.pkt
	text := "ovn-controller resumes the packet unchanged"
	isError := p.ICMPType == packet.ICMPUnreachable || p.ICMPType == packet.ICMPTimeExceeded || p.ICMPType == packet.ICMPParameterProblem
	if len(rest) >= 4 && p.IsICMP() && p.Frag != packet.FragLater && isError {
		src := netip.AddrFrom4([4]byte(rest))
		if p.Inner != nil {
			in := *p.Inner
			in.Src = src
			p.Inner = &in
		}
		text = "ovn-controller rewrites the source quoted in the ICMP error to " + src.String()
	}
	a.outcome(-1, p, text)
	a.Text = text
}

// fragMTU is pinctrl_handle_put_icmp4_frag_mtu of releases before 24.09; newer ones drop the packet
// because the action is deprecated.
func (a *answer) fragMTU(rest []byte) {
	switch {
	case a.punt.Opcode == OpPutICMP4FragMTU && len(rest) >= 2:
		a.MTU = uint32(binary.BigEndian.Uint16(rest))
	case a.punt.Opcode == OpPutICMP6FragMTU && len(rest) >= 4:
		a.MTU = binary.BigEndian.Uint32(rest)
	}
	a.outcome(-1, a.pkt, "ovn-controller writes the MTU into the ICMP error and resumes it")
	a.Text = a.Outcomes[0].Text
}

// resultBit reads the OXM header and bit offset of an action's result, and returns the bit of a
// 32-bit register.
func resultBit(b []byte) (Bit, []byte, bool) {
	f, b, ok := ofreplay.DecodeHeader(b)
	if !ok || f == nil || len(b) < 4 {
		return Bit{}, nil, false
	}
	ofs := binary.BigEndian.Uint32(b)
	first, n, ok := f.Registers()
	if !ok || ofs >= uint32(f.Bits) {
		return Bit{}, nil, false
	}
	return Bit{first + n - 1 - int(ofs/32), int(ofs % 32)}, b[4:], true
}
