package packet

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// FieldError is a field of a flow that cannot be part of a packet.
type FieldError struct {
	Field openflow.Field
	Msg   string
}

// Error reads NAME=VALUE: what is wrong.
func (e *FieldError) Error() string {
	s := e.Field.Name
	if e.Field.Value != "" {
		s += "=" + e.Field.Value
	}
	if e.Field.Mask != "" {
		s += "/" + e.Field.Mask
	}
	return s + ": " + e.Msg
}

// FromFlow reads the packet out of a flow, as ofproto/trace prints it or as a user writes it: any order, either
// spelling of a name. Fields that are not of the packet (registers, conntrack, tunnel, in_port) are left to the
// caller; a word that Open vSwitch does not know is an error.
func FromFlow(flow openflow.Flow) (Packet, error) {
	d := draft{given: map[string]openflow.Field{}}
	for _, f := range flow.Fields {
		if err := d.take(f); err != nil {
			return Packet{}, err
		}
	}
	p, err := d.packet()
	if err != nil {
		return Packet{}, err
	}
	return p, nil
}

// draft collects fields under one name each before they are read in the order of their prerequisites.
type draft struct {
	given map[string]openflow.Field
	err   error
	p     Packet
}

// word is a protocol word of ofp_parse_protocol (lib/ofp-parse.c).
type word struct {
	ethType uint16
	proto   uint8
}

func protoWord(name string) (word, bool) {
	switch name {
	case "ip", "ipv4", "ip4":
		return word{EthIPv4, 0}, true
	case "icmp":
		return word{EthIPv4, ProtoICMP}, true
	case "tcp":
		return word{EthIPv4, ProtoTCP}, true
	case "udp":
		return word{EthIPv4, ProtoUDP}, true
	case "sctp":
		return word{EthIPv4, ProtoSCTP}, true
	case "ipv6", "ip6":
		return word{EthIPv6, 0}, true
	case "icmp6", "icmpv6":
		return word{EthIPv6, ProtoICMPv6}, true
	case "tcp6":
		return word{EthIPv6, ProtoTCP}, true
	case "udp6":
		return word{EthIPv6, ProtoUDP}, true
	case "sctp6":
		return word{EthIPv6, ProtoSCTP}, true
	case "arp":
		return word{EthARP, 0}, true
	case "rarp":
		return word{EthRARP, 0}, true
	case "mpls":
		return word{EthMPLS, 0}, true
	case "mplsm":
		return word{EthMPLSM, 0}, true
	}
	return word{}, false
}

// canonical maps every spelling of a packet field (lib/meta-flow.h) to the one used here.
func canonical(name string) string {
	switch name {
	case "eth_src":
		return "dl_src"
	case "eth_dst":
		return "dl_dst"
	case "eth_type":
		return "dl_type"
	case "vlan_pcp":
		return "dl_vlan_pcp"
	case "ip_src":
		return "nw_src"
	case "ip_dst":
		return "nw_dst"
	case "ip_proto":
		return "nw_proto"
	case "ip_ecn":
		return "nw_ecn"
	case "ip_frag":
		return "nw_frag"
	case "icmpv4_type":
		return "icmp_type"
	case "icmpv4_code":
		return "icmp_code"
	case "dl_src", "dl_dst", "dl_type", "dl_vlan", "vlan_vid", "dl_vlan_pcp", "vlan_tci", "dl_vlan1", "dl_vlan_pcp1", "vlan_tci1",
		"nw_src", "nw_dst", "nw_proto", "nw_tos", "ip_dscp", "nw_ecn", "nw_ttl", "nw_frag",
		"ipv6_src", "ipv6_dst", "ipv6_label", "tp_src", "tp_dst", "tcp_src", "tcp_dst", "udp_src", "udp_dst", "sctp_src",
		"sctp_dst", "tcp_flags", "icmp_type", "icmp_code", "icmpv6_type", "icmpv6_code", "arp_op", "arp_spa", "arp_tpa",
		"arp_sha", "arp_tha", "nd_target", "nd_sll", "nd_tll", "mpls_label", "mpls_tc", "mpls_bos", "mpls_ttl",
		"mpls_lse1", "mpls_lse2":
		return name
	}
	return ""
}

// notOfPacket reports whether Open vSwitch knows the field but the packet's headers do not hold it.
func notOfPacket(name string) bool {
	switch name {
	case "in_port", "in_port_oxm", "recirc_id", "dp_hash", "skb_priority", "pkt_mark", "metadata", "actset_output", "conj_id",
		"packet_type", "priority", "table", "cookie", "eth", "nd_reserved", "nd_options_type":
		return true
	}
	for _, prefix := range []string{"reg", "xreg", "xxreg"} {
		if n, ok := strings.CutPrefix(name, prefix); ok {
			_, err := strconv.ParseUint(n, 10, 8)
			return err == nil
		}
	}
	for _, prefix := range []string{"ct_", "tun_", "nsh_", "tunnel", "gtpu_", "geneve"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (d *draft) take(f openflow.Field) error {
	if w, ok := protoWord(f.Name); ok && f.Value == "" {
		if _, twice := d.given["word"]; twice {
			return &FieldError{f, "Ethernet type set multiple times"}
		}
		d.given["word"] = f
		d.p.EthType, d.p.Proto = w.ethType, w.proto
		return nil
	}
	name := canonical(f.Name)
	if name == "" {
		if notOfPacket(f.Name) {
			return nil
		}
		return &FieldError{f, "unknown field"}
	}
	if _, twice := d.given[name]; twice {
		return &FieldError{f, "field set multiple times"}
	}
	if f.Mask != "" && !fullMask(f) {
		return &FieldError{f, "a packet has values, not masks"}
	}
	d.given[name] = f
	return nil
}

// fullMask reports whether the mask is written but leaves nothing open.
func fullMask(f openflow.Field) bool {
	m := f.Mask
	if f.Name == "tcp_flags" {
		v, err := strconv.ParseUint(m, 0, 16)
		return err == nil && v&0xfff == 0xfff
	}
	switch m {
	case "255.255.255.255", "ff:ff:ff:ff:ff:ff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-1":
		return true
	case "32":
		return strings.Contains(f.Value, ".")
	case "128":
		return strings.Contains(f.Value, ":")
	}
	hex, ok := strings.CutPrefix(m, "0x")
	return ok && strings.Trim(hex, "f") == "" && len(hex)%2 == 0 && len(hex) >= widthOf(f.Name)/4
}

// widthOf is the width in bits of the numeric fields whose mask may be written in full.
func widthOf(name string) int {
	switch canonical(name) {
	case "ipv6_label", "mpls_lse1", "mpls_lse2":
		return 32
	case "nw_proto", "nw_tos", "ip_dscp", "nw_ecn", "nw_ttl", "dl_vlan_pcp":
		return 8
	}
	return 16
}

func (d *draft) fail(name, format string, args ...any) {
	if d.err == nil {
		d.err = &FieldError{d.given[name], fmt.Sprintf(format, args...)}
	}
}

// use takes a field out of the draft: what is left in the end has no place in this packet.
func (d *draft) use(name string) (openflow.Field, bool) {
	f, ok := d.given[name]
	return f, ok
}

func (d *draft) num(name string, top uint64) (uint64, bool) {
	f, ok := d.use(name)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(f.Value, 0, 64)
	if err != nil {
		d.fail(name, "not a number")
	} else if v > top {
		d.fail(name, "larger than %d", top)
	}
	if d.err == nil {
		delete(d.given, name)
	}
	return v, d.err == nil
}

func (d *draft) mac(name string, to *MAC) {
	if f, ok := d.use(name); ok {
		m, err := ParseMAC(f.Value)
		if err != nil {
			d.fail(name, "not an Ethernet address")
			return
		}
		*to = m
		delete(d.given, name)
	}
}

func (d *draft) addr(name string, four bool, to *netip.Addr) {
	f, ok := d.use(name)
	if !ok {
		return
	}
	a, err := netip.ParseAddr(strings.Trim(f.Value, "[]"))
	if err != nil || a.Is4() != four || a.Zone() != "" {
		family := "IPv6"
		if four {
			family = "IPv4"
		}
		d.fail(name, "not an %s address", family)
		return
	}
	*to = a
	delete(d.given, name)
}

func u8(d *draft, name string, top uint64, to *uint8) {
	if v, ok := d.num(name, top); ok {
		*to = uint8(v)
	}
}

func u16(d *draft, name string, to *uint16) {
	if v, ok := d.num(name, 0xffff); ok {
		*to = uint16(v)
	}
}

func (d *draft) packet() (Packet, error) {
	p := &d.p
	_, worded := d.given["word"]
	if worded {
		if _, ok := d.given["dl_type"]; ok {
			d.fail("dl_type", "Ethernet type set multiple times")
		}
		if _, ok := d.given["nw_proto"]; ok && p.Proto != 0 {
			d.fail("nw_proto", "network protocol set multiple times")
		}
	}
	d.mac("dl_src", &p.EthSrc)
	d.mac("dl_dst", &p.EthDst)
	u16(d, "dl_type", &p.EthType)
	d.vlans()
	switch {
	case p.EthType == EthIPv4:
		d.addr("nw_src", true, &p.Src)
		d.addr("nw_dst", true, &p.Dst)
		d.ip()
	case p.EthType == EthIPv6:
		d.addr("ipv6_src", false, &p.Src)
		d.addr("ipv6_dst", false, &p.Dst)
		if v, ok := d.num("ipv6_label", 0xfffff); ok {
			p.Label = uint32(v)
		}
		d.ip()
	case p.IsARP():
		d.arp()
	case p.EthType == EthMPLS || p.EthType == EthMPLSM:
		d.mpls()
	}
	delete(d.given, "word")
	if d.err != nil {
		return Packet{}, d.err
	}
	return *p, d.leftOver()
}

// leftOver is the error for a field without its prerequisite; zero values are no contradiction, since
// ofproto/trace prints some of them.
func (d *draft) leftOver() error {
	var first *FieldError
	for name, f := range d.given {
		if strings.Trim(f.Value, "0x:.") == "" {
			continue
		}
		e := &FieldError{f, "prerequisites not met"}
		if first == nil || name < first.Field.Name {
			first = e
		}
	}
	if first != nil {
		return first
	}
	return nil
}

// vlans reads dl_vlan and dl_vlan_pcp, vlan_tci, or OXM's vlan_vid, and the inner tag that match_format prints.
func (d *draft) vlans() {
	for _, suffix := range []string{"", "1"} {
		v := VLAN{TPID: EthVLAN}
		if vid, ok := d.num("dl_vlan"+suffix, 0xffff); ok {
			switch {
			case vid <= 0xfff:
				v.VID = uint16(vid)
			case vid == 0xffff: // OFP10_VLAN_NONE
				return
			default:
				d.given["dl_vlan"] = openflow.Field{Name: "dl_vlan" + suffix, Value: strconv.FormatUint(vid, 10)}
				d.fail("dl_vlan", "larger than 4095")
			}
			u8(d, "dl_vlan_pcp"+suffix, 7, &v.PCP)
		} else if tci, ok := d.num("vlan_tci"+suffix, 0xffff); ok {
			if tci&0x1000 == 0 { // no CFI bit: no tag
				return
			}
			v.VID, v.PCP = uint16(tci&0xfff), uint8(tci>>13)
		} else if vid, ok := d.num("vlan_vid"+suffix, 0x1fff); ok {
			if vid&0x1000 == 0 {
				return
			}
			v.VID = uint16(vid & 0xfff)
			u8(d, "dl_vlan_pcp"+suffix, 7, &v.PCP)
		} else if pcp, ok := d.num("dl_vlan_pcp"+suffix, 7); ok {
			v.PCP = uint8(pcp) // a priority tag
		} else {
			return
		}
		d.p.VLANs = append(d.p.VLANs, v)
	}
}

func (d *draft) ip() {
	p := &d.p
	u8(d, "nw_proto", 0xff, &p.Proto)
	if v, ok := d.num("nw_tos", 0xff); ok {
		if v&3 != 0 {
			d.given["nw_tos"] = openflow.Field{Name: "nw_tos", Value: strconv.FormatUint(v, 10)}
			d.fail("nw_tos", "the two ECN bits belong in nw_ecn")
		}
		p.TOS = uint8(v)
	}
	if v, ok := d.num("ip_dscp", 0x3f); ok {
		p.TOS = uint8(v) << 2
	}
	if v, ok := d.num("nw_ecn", 3); ok {
		p.TOS |= uint8(v)
	}
	u8(d, "nw_ttl", 0xff, &p.TTL)
	if f, ok := d.use("nw_frag"); ok {
		if err := p.Frag.UnmarshalText([]byte(f.Value)); err != nil {
			d.fail("nw_frag", "a packet's fragment is no, first or later")
		}
		delete(d.given, "nw_frag")
	}
	if p.Frag != FragLater {
		d.transport()
	}
}

func (d *draft) transport() {
	p := &d.p
	switch {
	case p.HasPorts():
		for _, prefix := range []string{"tp", ProtoName(p.Proto)} {
			u16(d, prefix+"_src", &p.SrcPort)
			u16(d, prefix+"_dst", &p.DstPort)
		}
		if p.Proto != ProtoTCP {
			return
		}
		if f, ok := d.use("tcp_flags"); ok {
			v, mask, err := openflow.ParseTCPFlags(f.Value)
			if err != nil || mask != 0xfff {
				d.fail("tcp_flags", "not TCP flags such as syn|ack")
				return
			}
			p.TCPFlags = v
			delete(d.given, "tcp_flags")
		}
	case p.IsICMP(), p.IsICMPv6():
		prefixes := []string{"icmp"} // match_format prints icmp_type for ICMPv6 too
		if p.IsICMPv6() {
			prefixes = append(prefixes, "icmpv6")
		}
		for _, prefix := range prefixes {
			u8(d, prefix+"_type", 0xff, &p.ICMPType)
			u8(d, prefix+"_code", 0xff, &p.ICMPCode)
		}
		if p.IsND() {
			d.addr("nd_target", false, &p.NDTarget)
			d.mac("nd_sll", &p.NDSLL)
			d.mac("nd_tll", &p.NDTLL)
		}
	}
}

func (d *draft) arp() {
	p := &d.p
	for _, name := range []string{"arp_op", "nw_proto"} {
		u16(d, name, &p.ARPOp)
	}
	for _, name := range []string{"arp_spa", "nw_src"} { // nw_src: the spelling of OpenFlow 1.0
		d.addr(name, true, &p.Src)
	}
	for _, name := range []string{"arp_tpa", "nw_dst"} {
		d.addr(name, true, &p.Dst)
	}
	d.mac("arp_sha", &p.ARPSHA)
	d.mac("arp_tha", &p.ARPTHA)
}

func (d *draft) mpls() {
	var top MPLS
	if v, ok := d.num("mpls_label", 0xfffff); ok {
		top.Label = uint32(v)
	}
	u8(d, "mpls_tc", 7, &top.TC)
	u8(d, "mpls_ttl", 0xff, &top.TTL)
	if v, ok := d.num("mpls_bos", 1); ok {
		top.BOS = v == 1
	}
	d.p.MPLS = append(d.p.MPLS, top)
	for _, name := range []string{"mpls_lse1", "mpls_lse2"} {
		// The trace of a flow that told one label prints the others as 0.
		if v, ok := d.num(name, 0xffffffff); ok && v != 0 && !d.p.MPLS[len(d.p.MPLS)-1].BOS {
			d.p.MPLS = append(d.p.MPLS, mplsEntry(uint32(v)))
		}
	}
}

// mplsEntry takes a label stack entry apart (RFC 3032).
func mplsEntry(v uint32) MPLS {
	return MPLS{Label: v >> 12, TC: uint8(v>>9) & 7, BOS: v>>8&1 == 1, TTL: uint8(v)}
}

// IsMetadata reports whether Open vSwitch knows a flow field that the packet's headers do not hold: in_port, registers,
// metadata, marks, tunnel and conntrack fields.
func IsMetadata(name string) bool { return notOfPacket(name) }
