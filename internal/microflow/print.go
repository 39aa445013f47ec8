package microflow

import (
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Expression returns a packet that enters at a logical port as an OVN expression that gives every
// header, so that Parse reads the same packet, and ovn-controller (inject-pkt) makes it. lost
// lists the parts that the language has no fields for; the expression leaves them out.
func Expression(inport string, p packet.Packet) (text string, lost []string) {
	e := &expression{}
	e.add("inport == %s", quote(inport))
	e.add("eth.src == %s", p.EthSrc)
	e.add("eth.dst == %s", p.EthDst)
	if len(p.VLANs) > 0 {
		e.add("vlan.tci == 0x%04x", uint16(p.VLANs[0].PCP)<<13|1<<12|p.VLANs[0].VID)
	}
	switch {
	case len(p.VLANs) > 1:
		e.add("eth.type == 0x%04x", p.VLANs[1].TPID) // its reader knows one tag
	case p.IsIP():
		e.ip(p)
	case p.IsARP():
		e.arp(p)
	case p.EthType != 0:
		e.add("eth.type == 0x%04x", p.EthType)
	}
	lost = openflow.Unsayable(p)
	switch {
	case len(p.VLANs) > 1:
	case len(p.MPLS) > 0:
		lost = append(lost, "MPLS labels")
	case p.NSH != nil:
		lost = append(lost, "NSH header")
	}
	if p.IsND() && p.TTL != ndTTL {
		lost = append(lost, "neighbour discovery with a hop limit other than 255")
	}
	return strings.Join(e.terms, " && "), lost
}

// ndTTL is the hop limit without which a packet is no neighbour discovery (RFC 4861), nor has its
// fields.
const ndTTL = 255

// quote writes a string as OVN's lexer reads it (lex_parse_string, lib/lex.c: JSON's escapes).
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// expression collects terms; all of them hold.
type expression struct{ terms []string }

func (e *expression) add(format string, args ...any) {
	e.terms = append(e.terms, fmt.Sprintf(format, args...))
}

func (e *expression) ip(p packet.Packet) {
	v := "ip4"
	if p.EthType == packet.EthIPv6 {
		v = "ip6"
	}
	e.add("%s.src == %s", v, p.Src)
	e.add("%s.dst == %s", v, p.Dst)
	e.add("ip.proto == %d", p.Proto)
	e.add("ip.ttl == %d", p.TTL)
	if p.TOS != 0 {
		e.add("ip.dscp == %d", p.TOS>>2)
		e.add("ip.ecn == %d", p.TOS&3)
	}
	if p.Label != 0 {
		e.add("ip6.label == 0x%05x", p.Label)
	}
	switch p.Frag {
	case packet.FragFirst:
		e.add("ip.frag == 1")
	case packet.FragLater:
		e.add("ip.frag == 3")
		return // it has no transport header
	case packet.FragNo:
	}
	switch {
	case p.HasPorts():
		name := packet.ProtoName(p.Proto)
		e.add("%s.src == %d", name, p.SrcPort)
		e.add("%s.dst == %d", name, p.DstPort)
		if p.Proto == packet.ProtoTCP {
			e.add("tcp.flags == 0x%03x", uint16(p.TCPFlags))
		}
	case p.IsICMP():
		e.icmp("icmp4", p)
	case p.IsICMPv6():
		e.icmp("icmp6", p)
	}
}

func (e *expression) icmp(name string, p packet.Packet) {
	e.add("%s.type == %d", name, p.ICMPType)
	e.add("%s.code == %d", name, p.ICMPCode)
	if !p.IsND() || p.TTL != ndTTL {
		return
	}
	e.add("nd.target == %s", p.NDTarget)
	switch p.ICMPType {
	case packet.ICMPv6NS:
		e.add("nd.sll == %s", p.NDSLL)
	case packet.ICMPv6NA:
		e.add("nd.tll == %s", p.NDTLL)
	}
}

func (e *expression) arp(p packet.Packet) {
	name := "arp"
	if p.EthType == packet.EthRARP {
		name = "rarp"
	}
	e.add("%s.op == %d", name, p.ARPOp)
	e.add("%s.spa == %s", name, p.Src)
	e.add("%s.tpa == %s", name, p.Dst)
	e.add("%s.sha == %s", name, p.ARPSHA)
	e.add("%s.tha == %s", name, p.ARPTHA)
}
