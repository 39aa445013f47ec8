package openflow

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// ToPacket returns the packet of a flow, as ofproto/trace prints it or as a user writes it: in any
// order, with any name of a field. It ignores fields for which IsMetadata is true (registers,
// conntrack, tunnel, in_port), and fields that a later one made meaningless, as Open vSwitch does:
// nd_target in front of icmpv6_code=1. A name that Open vSwitch does not know is a *FieldError, and
// so is a value that contradicts another.
func ToPacket(flow Flow) (packet.Packet, error) {
	d := draft{given: map[string]Field{}, slots: map[string]slot{}}
	for _, f := range flow.Fields {
		if err := d.take(f); err != nil {
			return packet.Packet{}, err
		}
	}
	return d.packet(flow)
}

// packet returns the packet of the fields taken, which are those of flow.
func (d *draft) packet(flow Flow) (packet.Packet, error) {
	p := &d.p
	d.packetType()
	if !p.NoEth {
		d.mac("dl_src", &p.EthSrc)
		d.mac("dl_dst", &p.EthDst)
		u16(d, "dl_type", &p.EthType)
		d.vlans()
	}
	switch {
	case p.EthType == packet.EthIPv4:
		d.addr("nw_src", true, &p.Src)
		d.addr("nw_dst", true, &p.Dst)
		d.ip()
	case p.EthType == packet.EthIPv6:
		d.addr("ipv6_src", false, &p.Src)
		d.addr("ipv6_dst", false, &p.Dst)
		if v, ok := d.num("ipv6_label", 0xfffff); ok {
			p.Label = uint32(v)
		}
		d.ip()
	case p.IsARP():
		d.arp()
	case p.EthType == packet.EthMPLS || p.EthType == packet.EthMPLSM:
		d.mpls()
	case p.EthType == packet.EthNSH:
		d.nsh()
	}
	delete(d.given, "word")
	if d.err != nil {
		return packet.Packet{}, d.err
	}
	if err := d.leftOver(flow); err != nil {
		return packet.Packet{}, err
	}
	if d.twice != nil {
		return packet.Packet{}, d.twice
	}
	return *p, nil
}

// packetType reads packet_type: (0,0) is an Ethernet packet, and (1,ETHERTYPE) a packet without an
// Ethernet header (include/openvswitch/packets.h: PT_ETH, OFPHTN_ETHERTYPE).
func (d *draft) packetType() {
	f, ok := d.use("packet_type")
	if !ok {
		return
	}
	ns, id, ok := parsePacketType(f.Value)
	switch {
	case !ok:
		d.fail("packet_type", "not (NAMESPACE,TYPE)")
	case ns == 1:
		d.p.NoEth, d.p.EthType = true, id
	case ns != 0 || id != 0:
		d.fail("packet_type", "a packet is (0,0), Ethernet, or (1,ETHERTYPE)")
	}
	if d.err == nil {
		delete(d.given, "packet_type")
	}
}

// parsePacketType reads (NAMESPACE,TYPE), two numbers of 16 bits.
func parsePacketType(s string) (ns, id uint16, ok bool) {
	inner, open := strings.CutPrefix(s, "(")
	inner, closed := strings.CutSuffix(inner, ")")
	first, second, two := strings.Cut(inner, ",")
	v, ok1 := parseUint(strings.TrimSpace(first))
	w, ok2 := parseUint(strings.TrimSpace(second))
	ok = open && closed && two && ok1 && ok2 && v <= 0xffff && w <= 0xffff
	return uint16(v), uint16(w), ok
}

// leftOver returns the error for the first field without its prerequisite. Zero values are not an
// error, because ofproto/trace prints some of them, and neither are fields whose prerequisite was
// met by the fields in front of them: Open vSwitch checks it when it reads the field.
func (d *draft) leftOver(flow Flow) error {
	if d.p.NoEth && d.tci != 0 {
		d.given[d.tag.Name] = d.tag
	}
	place := func(f Field) int { return (&FieldError{Field: f}).Place(flow) }
	rest := slices.SortedFunc(maps.Values(d.given), func(a, b Field) int { return place(a) - place(b) })
	for _, f := range rest {
		if !isZero(f) && !metBefore(flow, place(f)) {
			return &FieldError{f, "prerequisites not met"}
		}
	}
	return nil
}

// metBefore reports whether the flow up to field i, and not beyond, is that of a packet.
func metBefore(flow Flow, i int) bool {
	if i+1 >= len(flow.Fields) {
		return false
	}
	_, err := ToPacket(Flow{flow.Fields[:i+1]})
	return err == nil
}

// vlans sets the first tag, from its fields, and the inner tag that match_format prints.
func (d *draft) vlans() {
	const cfi = 0x1000 // without it there is no tag
	if d.tci&cfi == 0 {
		return
	}
	tag := func(tci uint64) packet.VLAN {
		return packet.VLAN{TPID: packet.EthVLAN, VID: uint16(tci & 0xfff), PCP: uint8(tci >> 13)}
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
			d.given["nw_tos"] = Field{Name: "nw_tos", Value: strconv.FormatUint(v, 10)}
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
		if err := p.Frag.UnmarshalText([]byte(strings.ToLower(f.Value))); err != nil {
			d.fail("nw_frag", "a packet's fragment is no, first or later")
		}
		delete(d.given, "nw_frag")
	}
	switch {
	case p.Frag != packet.FragLater:
		d.transport()
	case p.IsICMP(), p.IsICMPv6():
		// A flow may contain these fields, and ofproto/trace prints them; a later fragment does not
		// have these headers.
		for _, name := range []string{"icmp_type", "icmp_code", "icmpv6_type", "icmpv6_code", "nd_target", "nd_sll", "nd_tll"} {
			delete(d.given, name)
		}
	}
}

func (d *draft) transport() {
	p := &d.p
	switch {
	case p.HasPorts():
		for _, prefix := range []string{"tp", packet.ProtoName(p.Proto)} {
			u16(d, prefix+"_src", &p.SrcPort)
			u16(d, prefix+"_dst", &p.DstPort)
		}
		if p.Proto != packet.ProtoTCP {
			return
		}
		if f, ok := d.use("tcp_flags"); ok {
			v, mask, err := ParseTCPFlags(f.Value)
			if err != nil || mask != packet.AllTCPFlags {
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
	case p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6 || p.Proto == packet.ProtoIGMP:
		// In the other family miniflow_extract reads the header too, and no match can use it.
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
	var top packet.MPLS
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
		// The trace of a flow with one given label prints the others as 0.
		if v, ok := d.num(name, 0xffffffff); ok && v != 0 && !d.p.MPLS[len(d.p.MPLS)-1].BOS {
			d.p.MPLS = append(d.p.MPLS, packet.ParseMPLS(uint32(v)))
		}
	}
}
