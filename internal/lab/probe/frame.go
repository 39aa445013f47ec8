package probe

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"maps"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

func crc32c(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Header is a packet's fields by their names in docs/json.md (Header), with values in canonical
// form.
type Header map[string]string

// Frame is one captured frame, decoded.
type Frame struct {
	Data   []byte
	Header Header
	pkt    gopacket.Packet

	// For a fragment: offset and length of its payload in bytes, and whether more fragments follow;
	// for a datagram seen in fragments, their number.
	offset, payload int
	more            bool
	pieces          int
}

// DecodeFrame decodes a captured frame.
func DecodeFrame(b []byte) *Frame {
	pkt := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: false, NoCopy: true})
	f := &Frame{Data: b, Header: headerOf(pkt), pkt: pkt}
	f.fragment()
	return f
}

// fragment decodes the position of a fragment in its datagram.
func (f *Frame) fragment() {
	switch ip := f.pkt.NetworkLayer().(type) {
	case *layers.IPv4:
		f.offset, f.more = int(ip.FragOffset)*8, ip.Flags&layers.IPv4MoreFragments != 0
		f.payload = int(ip.Length) - int(ip.IHL)*4
	case *layers.IPv6:
		h, ok := f.pkt.Layer(layers.LayerTypeIPv6Fragment).(*layers.IPv6Fragment)
		if !ok {
			return
		}
		f.offset, f.more = int(h.FragmentOffset)*8, h.MoreFragments
		f.payload = int(ip.Length) - 8
		if f.offset == 0 { // OVS reports protocol 44 for a later fragment
			f.Header["ip_proto"] = canonical("ip_proto", strconv.Itoa(int(h.NextHeader)))
		}
	default:
		return
	}
	switch {
	case f.offset != 0:
		f.Header["ip_frag"] = "later"
	case f.more:
		f.Header["ip_frag"] = "first"
		f.transport()
	}
}

// transport decodes the transport header of a first fragment, which gopacket does not.
func (f *Frame) transport() {
	l := f.pkt.Layer(gopacket.LayerTypeFragment)
	proto, err := strconv.Atoi(f.Header["ip_proto"])
	if l == nil || err != nil {
		return
	}
	pkt := gopacket.NewPacket(l.LayerContents(), layers.IPProtocol(proto).LayerType(), gopacket.DecodeOptions{NoCopy: true})
	maps.Copy(f.Header, headerOf(pkt))
}

func headerOf(pkt gopacket.Packet) Header {
	h := Header{}
	set := func(k string, v any) { h[k] = canonical(k, fmt.Sprint(v)) }
	done := false // only the first IP header is the packet's; another is quoted in an ICMP error
	for _, l := range pkt.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			set("eth_src", l.SrcMAC)
			set("eth_dst", l.DstMAC)
			set("eth_type", fmt.Sprintf("0x%04x", uint16(l.EthernetType)))
		case *layers.Dot1Q:
			if _, ok := h["vlan"]; !ok {
				set("vlan", l.VLANIdentifier)
			}
			set("eth_type", fmt.Sprintf("0x%04x", uint16(l.Type)))
		case *layers.ARP:
			set("arp_op", l.Operation)
			set("arp_spa", net.IP(l.SourceProtAddress))
			set("arp_tpa", net.IP(l.DstProtAddress))
			set("arp_sha", net.HardwareAddr(l.SourceHwAddress))
			set("arp_tha", net.HardwareAddr(l.DstHwAddress))
		case *layers.IPv4:
			if done {
				return h
			}
			done = true
			set("ip_src", l.SrcIP)
			set("ip_dst", l.DstIP)
			set("ip_ttl", l.TTL)
			set("ip_tos", l.TOS)
			set("ip_proto", uint8(l.Protocol))
			if l.FragOffset != 0 {
				return h // a later fragment has no transport header
			}
		case *layers.IPv6:
			if done {
				return h
			}
			done = true
			set("ip_src", l.SrcIP)
			set("ip_dst", l.DstIP)
			set("ip_ttl", l.HopLimit)
			set("ip_tos", l.TrafficClass)
			set("ip_proto", uint8(l.NextHeader))
		case *layers.TCP:
			set("l4_src", uint16(l.SrcPort))
			set("l4_dst", uint16(l.DstPort))
			set("tcp_flags", tcpFlags(l))
		case *layers.UDP:
			set("l4_src", uint16(l.SrcPort))
			set("l4_dst", uint16(l.DstPort))
		case *layers.SCTP:
			set("l4_src", uint16(l.SrcPort))
			set("l4_dst", uint16(l.DstPort))
		case *layers.ICMPv4:
			set("icmp_type", l.TypeCode.Type())
			set("icmp_code", l.TypeCode.Code())
			if t := l.TypeCode.Type(); t == 3 || t == 11 || t == 12 {
				innerOf(l.LayerPayload(), layers.LayerTypeIPv4, set)
				return h
			}
		case *layers.ICMPv6:
			set("icmp_type", l.TypeCode.Type())
			set("icmp_code", l.TypeCode.Code())
			if p := l.LayerPayload(); l.TypeCode.Type() >= 1 && l.TypeCode.Type() <= 4 && len(p) > 4 {
				innerOf(p[4:], layers.LayerTypeIPv6, set)
				return h
			}
		case *layers.ICMPv6NeighborSolicitation:
			set("nd_target", l.TargetAddress)
		case *layers.ICMPv6NeighborAdvertisement:
			set("nd_target", l.TargetAddress)
		}
	}
	return h
}

// innerOf decodes the packet quoted in an ICMP error.
func innerOf(b []byte, first gopacket.LayerType, set func(string, any)) {
	pkt := gopacket.NewPacket(b, first, gopacket.DecodeOptions{NoCopy: true})
	for _, l := range pkt.Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			set("inner_src", l.SrcIP)
			set("inner_dst", l.DstIP)
		case *layers.IPv6:
			set("inner_src", l.SrcIP)
			set("inner_dst", l.DstIP)
		case *layers.TCP:
			set("inner_sport", uint16(l.SrcPort))
			set("inner_dport", uint16(l.DstPort))
		case *layers.UDP:
			set("inner_sport", uint16(l.SrcPort))
			set("inner_dport", uint16(l.DstPort))
		}
	}
}

func tcpFlags(t *layers.TCP) string {
	bits := 0
	for i, on := range []bool{t.FIN, t.SYN, t.RST, t.PSH, t.ACK, t.URG, t.ECE, t.CWR, t.NS} {
		if on {
			bits |= 1 << i
		}
	}
	return flagNames(bits)
}

var protoNumbers = map[string]string{"icmp": "1", "igmp": "2", "tcp": "6", "udp": "17", "icmp6": "58", "icmpv6": "58", "sctp": "132"}

// canonical returns the canonical form of a header field's value, so that "0x0800", 2048 and "2048"
// are equal.
func canonical(key, v string) string {
	switch key {
	case "ip_src", "ip_dst", "arp_spa", "arp_tpa", "nd_target", "inner_src", "inner_dst":
		if a, err := netip.ParseAddr(v); err == nil {
			return a.Unmap().String()
		}
	case "ip_proto":
		if n, ok := protoNumbers[v]; ok {
			return n
		}
		return v
	case "tcp_flags":
		if n, err := strconv.ParseInt(v, 0, 32); err == nil {
			return flagNames(int(n))
		}
		return flagNames(FlagBits(v))
	case "eth_src", "eth_dst", "arp_sha", "arp_tha", "nd_sll", "nd_tll":
		return strings.ToLower(v)
	}
	if n, err := strconv.ParseInt(v, 0, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	return v
}

// is reports whether f is the sent packet, at its end or on its way. It compares what OVN does not
// rewrite.
func (f *Frame) is(sent Packet, marker []byte) bool {
	if sent.Error { // the network has no other ICMP error of that type
		return f.Header["icmp_type"] == strconv.Itoa(sent.Type) && f.Header["icmp_code"] == strconv.Itoa(sent.Code) && f.generated()
	}
	if f.generated() {
		return false
	}
	if sent.Proto == "tcp" && sent.Raw == nil && sent.Cut == nil {
		t, ok := f.pkt.Layer(layers.LayerTypeTCP).(*layers.TCP)
		return ok && t.Seq == sent.Seq && t.Ack == sent.Ack && tcpFlags(t) == flagNames(FlagBits(sent.Flags))
	}
	if sent.Proto == "arp" {
		return f.Header["arp_op"] == strconv.Itoa(sent.Op) && f.Header["arp_spa"] == canonical("arp_spa", sent.Src) &&
			f.Header["arp_tpa"] == canonical("arp_tpa", sent.Dst) && f.Header["arp_sha"] == strings.ToLower(sent.SHA)
	}
	if strings.HasPrefix(sent.Proto, "nd_") {
		return f.Header["icmp_type"] == strconv.Itoa(sent.ndType()) && f.Header["ip_src"] == canonical("ip_src", sent.Src) &&
			f.Header["ip_dst"] == canonical("ip_dst", sent.Dst) && (sent.Target == "" || f.Header["nd_target"] == canonical("nd_target", sent.Target))
	}
	return len(marker) > 0 && bytes.Contains(f.Data, marker)
}

// generated reports whether f is an ICMP error, which quotes the packet that caused it.
func (f *Frame) generated() bool {
	switch f.Header["ip_proto"] {
	case "1":
		switch f.Header["icmp_type"] {
		case "3", "4", "5", "11", "12":
			return true
		}
	case "58":
		switch f.Header["icmp_type"] {
		case "1", "2", "3", "4":
			return true
		}
	}
	return false
}

// mayQuote reports whether an ICMP error can be about the sent packet, which it quotes with or
// without translated addresses and ports. It is not about a packet that OVN has kept and now sends.
func (f *Frame) mayQuote(sent Packet) bool {
	sport, ports := f.Header["inner_sport"]
	switch sent.Proto {
	case "arp", "nd_ns", "nd_na", "nd_rs":
		return false
	case "tcp", "udp", "sctp":
		return !ports || sport == strconv.Itoa(sent.Sport) || f.Header["inner_dport"] == strconv.Itoa(sent.Dport)
	}
	return !ports
}

// answers reports whether f is an answer of OVN to the sent packet: an ICMP error about it, a
// reset, an ARP or ND reply.
func (f *Frame) answers(sent Packet, marker []byte) bool {
	h := f.Header
	switch {
	case sent.Error:
		return false
	case f.generated():
		if len(marker) > 0 && bytes.Contains(f.Data, marker) {
			return true
		}
		return f.mayQuote(sent) && (sent.Proto == "tcp" || len(marker) == 0 || h["ip_proto"] == "1")
	case sent.Proto == "tcp" && h["ip_proto"] == "6":
		t, ok := f.pkt.Layer(layers.LayerTypeTCP).(*layers.TCP)
		return ok && t.RST && int(t.DstPort) == sent.Sport
	case sent.Proto == "arp":
		return h["arp_op"] == "2" && h["arp_spa"] == canonical("arp_spa", sent.Dst)
	case sent.Proto == "nd_ns":
		return h["icmp_type"] == "136" && h["nd_target"] == canonical("nd_target", sent.Target)
	case sent.Proto == "nd_rs":
		return h["icmp_type"] == "134"
	case sent.Proto == "udp" && sent.Dport == 67:
		return h["l4_src"] == "67"
	case sent.Proto == "udp" && sent.Dport == 53:
		return h["l4_src"] == "53" && h["l4_dst"] == strconv.Itoa(sent.Sport)
	case sent.Proto == "sctp":
		return h["ip_proto"] == "132" && h["l4_dst"] == strconv.Itoa(sent.Sport)
	}
	return false
}

// String returns the frame's headers on one line.
func (f *Frame) String() string {
	if f.pieces > 0 {
		return fmt.Sprintf("%s (%d fragments)", f.Header, f.pieces)
	}
	return f.Header.String()
}

var headerOrder = []string{"eth_src", "eth_dst", "vlan", "eth_type", "arp_op", "arp_spa", "arp_tpa", "arp_sha", "arp_tha",
	"ip_src", "ip_dst", "ip_proto", "ip_ttl", "ip_tos", "ip_frag", "l4_src", "l4_dst", "tcp_flags", "icmp_type", "icmp_code", "nd_target", "inner_src", "inner_sport", "inner_dst", "inner_dport"}

// String returns the fields in the order of the headers in a frame.
func (h Header) String() string {
	var t []string
	for _, k := range headerOrder {
		if v, ok := h[k]; ok {
			t = append(t, k+"="+v)
		}
	}
	return strings.Join(t, " ")
}
