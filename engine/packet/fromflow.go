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

// Place returns the index of the field that an error is about.
func (e *FieldError) Place(flow openflow.Flow) int {
	for i := len(flow.Fields) - 1; i >= 0; i-- {
		if f := flow.Fields[i]; f.Name == e.Field.Name && f.Value == e.Field.Value {
			return i
		}
	}
	return 0
}

// FromFlow reads the packet out of a flow, as ofproto/trace prints it or as a user writes it: any order, either
// spelling of a name. Fields that are not of the packet (registers, conntrack, tunnel, in_port) are left to the
// caller; a word that Open vSwitch does not know is an error.
func FromFlow(flow openflow.Flow) (Packet, error) {
	d := draft{given: map[string]openflow.Field{}, slots: map[string]slot{}}
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

// slot is a member of struct flow: who gave it, and whether it is other than zero.
type slot struct {
	name string // in draft.given, or "word"
	set  bool
}

// draft collects fields under one name each before they are read in the order of their prerequisites.
type draft struct {
	given map[string]openflow.Field
	slots map[string]slot // by slotOf
	regs  [32]bool        // the registers that are not zero
	tci   uint64          // of the first tag, as the fields so far make it
	twice *FieldError     // the first field whose slot another had
	err   error
	p     Packet
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
	v, err := number64(f.Value)
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
	d.packetType()
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
	case p.EthType == EthNSH:
		d.nsh()
	}
	delete(d.given, "word")
	if d.err != nil {
		return Packet{}, d.err
	}
	if err := d.leftOver(); err != nil {
		return Packet{}, err
	}
	if d.twice != nil {
		return Packet{}, d.twice
	}
	return *p, nil
}

// packetType takes the Ethernet type of a packet without Ethernet header, packet_type=(1,0x800),
// which is printed instead of dl_type.
func (d *draft) packetType() {
	_, text, ok := strings.Cut(d.given["packet_type"].Value, "(1,")
	delete(d.given, "packet_type")
	if v, err := number64(strings.TrimSuffix(text, ")")); ok && err == nil && v <= 0xffff && d.p.EthType == 0 {
		d.p.EthType = uint16(v)
	}
}

// leftOver is the error for a field without its prerequisite; zero values are no contradiction, since
// ofproto/trace prints some of them.
func (d *draft) leftOver() error {
	var first *FieldError
	for name, f := range d.given {
		if isZero(f) {
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

// number64 reads a number to base 8, 10 or 16, as parse_int_string (lib/util.c) does.
func number64(s string) (uint64, error) {
	if len(s) > 1 && s[0] == '0' && strings.ContainsRune("bBoO", rune(s[1])) || strings.Contains(s, "_") {
		return 0, strconv.ErrSyntax // Go's own
	}
	return strconv.ParseUint(s, 0, 64)
}

// vlans takes the first tag as its fields have made it, and the inner tag that match_format prints.
func (d *draft) vlans() {
	const cfi = 0x1000 // without it there is no tag
	if d.tci&cfi == 0 {
		return
	}
	tag := func(tci uint64) VLAN {
		return VLAN{TPID: EthVLAN, VID: uint16(tci & 0xfff), PCP: uint8(tci >> 13)}
	}
	d.p.VLANs = append(d.p.VLANs, tag(d.tci))
	if tci, ok := d.num("vlan_tci1", 0xffff); ok && tci&cfi != 0 {
		d.p.VLANs = append(d.p.VLANs, tag(tci))
		return
	}
	vid, ok := d.num("dl_vlan1", 0xfff)
	pcp, ok2 := d.num("dl_vlan_pcp1", 7)
	if ok || ok2 {
		d.p.VLANs = append(d.p.VLANs, tag(pcp<<13|vid))
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
	switch {
	case p.Frag != FragLater:
		d.transport()
	case p.IsICMP(), p.IsICMPv6():
		// A flow may say so, and ofproto/trace prints it; no later fragment has these headers.
		for _, name := range []string{"icmp_type", "icmp_code", "icmpv6_type", "icmpv6_code", "nd_target", "nd_sll", "nd_tll"} {
			delete(d.given, name)
		}
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
	case p.IsIGMP():
		u8(d, "tp_src", 0xff, &p.ICMPType)
		u8(d, "tp_dst", 0xff, &p.ICMPCode)
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
	case p.Proto == ProtoICMP || p.Proto == ProtoICMPv6 || p.Proto == ProtoIGMP:
		// Over the other family: miniflow_extract reads the header all the same, and no match can
		// ask for it.
		delete(d.given, "tp_src")
		delete(d.given, "tp_dst")
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
