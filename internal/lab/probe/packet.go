// Package probe predicts packets with the tool, sends them in the lab, and compares. It uses the
// tool only through its command line and its JSON (docs/json.md).
package probe

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Packet describes one packet to send.
type Packet struct {
	From           string // logical port, or an outside host's name
	EthSrc, EthDst string
	VLAN           int    // tag on the wire, except that of a nested container
	Proto          string // tcp, udp, sctp, icmp, icmp6, arp, nd_ns, nd_na, nd_rs, igmp, ip, eth
	Src, Dst       string // IP addresses
	TTL            int    // 64 when 0
	TOS            int
	Sport, Dport   int
	Flags          string // TCP: "syn", "syn|ack", ...
	Seq, Ack       uint32
	Type, Code     int // ICMP
	ID             int // ICMP echo
	Op             int // ARP
	SHA, THA       string
	Target         string // ND
	EthType        int    // Proto eth
	IPProto        int    // Proto ip
	Payload        []byte
	DF             bool
	Size           int    // bytes of payload, filled with the marker
	Cut            []int  // sent in fragments: offsets in the IP payload, multiples of 8
	Pieces         []int  // indexes of the fragments to send, in this order; nil: all
	datagram       uint16 // identification of its fragments
	window         uint16 // TCP; 65535 when 0
	completes      bool   // the other fragments were sent before
	Raw            []byte // the whole frame, when set
	Error          bool   // an ICMP error sent by a machine of the case
	Hex            bool   // given to the tool as bytes, not as an expression
	Capture        string // given to the tool as FILE:N
}

// V6 reports whether the packet is IPv6.
func (p Packet) V6() bool { return strings.Contains(p.Src+p.Dst, ":") }

// tcpFlagNames are OVS's names, lowest bit first.
var tcpFlagNames = []string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"}

// FlagBits returns TCP flags as a number.
func FlagBits(s string) int {
	bits := 0
	for name := range strings.SplitSeq(s, "|") {
		for i, n := range tcpFlagNames {
			if n == name {
				bits |= 1 << i
			}
		}
	}
	return bits
}

func flagNames(bits int) string {
	var out []string
	for i, n := range tcpFlagNames {
		if bits&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	if out == nil {
		return "0"
	}
	return strings.Join(out, "|")
}

func mustMAC(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(fmt.Sprintf("lab case: MAC %q", s))
	}
	return m
}

func ipBytes(s string) net.IP {
	a, err := netip.ParseAddr(s)
	if err != nil {
		panic(fmt.Sprintf("lab case: IP %q", s))
	}
	return a.AsSlice()
}

func (p Packet) ttl() uint8 {
	switch {
	case p.TTL != 0:
		return uint8(p.TTL)
	case strings.HasPrefix(p.Proto, "nd_"):
		return 255
	}
	return 64
}

// Bytes returns the frame with correct lengths and checksums.
func (p Packet) Bytes() ([]byte, error) {
	if p.Raw != nil {
		return p.Raw, nil
	}
	eth := &layers.Ethernet{SrcMAC: mustMAC(p.EthSrc), DstMAC: mustMAC(p.EthDst)}
	var stack []gopacket.SerializableLayer
	stack = append(stack, eth)
	etype := layers.EthernetTypeIPv4
	switch {
	case p.Proto == "arp":
		etype = layers.EthernetTypeARP
	case p.Proto == "eth":
		etype = layers.EthernetType(p.EthType)
	case p.V6():
		etype = layers.EthernetTypeIPv6
	}
	if p.VLAN != 0 {
		eth.EthernetType = layers.EthernetTypeDot1Q
		stack = append(stack, &layers.Dot1Q{VLANIdentifier: uint16(p.VLAN), Type: etype})
	} else {
		eth.EthernetType = etype
	}
	switch p.Proto {
	case "arp":
		stack = append(stack, &layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: uint16(p.Op), SourceHwAddress: mustMAC(p.SHA), SourceProtAddress: ipBytes(p.Src),
			DstHwAddress: mustMAC(p.THA), DstProtAddress: ipBytes(p.Dst),
		}, gopacket.Payload(p.Payload))
	case "eth":
		stack = append(stack, gopacket.Payload(p.Payload))
	default:
		stack = append(stack, p.ipLayers()...)
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	b := buf.Bytes()
	if p.Proto == "sctp" {
		fixSCTP(b)
	}
	if n := 60 - len(b); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	return b, nil
}

func (p Packet) ipLayers() []gopacket.SerializableLayer {
	proto := map[string]layers.IPProtocol{
		"tcp": layers.IPProtocolTCP, "udp": layers.IPProtocolUDP, "sctp": layers.IPProtocolSCTP,
		"icmp": layers.IPProtocolICMPv4, "icmp6": layers.IPProtocolICMPv6, "igmp": layers.IPProtocolIGMP,
		"nd_ns": layers.IPProtocolICMPv6, "nd_na": layers.IPProtocolICMPv6, "nd_rs": layers.IPProtocolICMPv6,
		"ip": layers.IPProtocol(p.IPProto),
	}[p.Proto]
	var out []gopacket.SerializableLayer
	var network gopacket.NetworkLayer
	if p.V6() {
		ip := &layers.IPv6{Version: 6, TrafficClass: uint8(p.TOS), HopLimit: p.ttl(), NextHeader: proto, SrcIP: ipBytes(p.Src), DstIP: ipBytes(p.Dst)}
		network = ip
		out = append(out, ip)
	} else {
		ip := &layers.IPv4{Version: 4, TTL: p.ttl(), TOS: uint8(p.TOS), Protocol: proto, SrcIP: ipBytes(p.Src), DstIP: ipBytes(p.Dst)}
		if p.DF {
			ip.Flags = layers.IPv4DontFragment
		}
		network = ip
		out = append(out, ip)
	}
	payload := gopacket.Payload(p.Payload)
	switch p.Proto {
	case "tcp":
		f := FlagBits(p.Flags)
		t := &layers.TCP{SrcPort: layers.TCPPort(p.Sport), DstPort: layers.TCPPort(p.Dport), Seq: p.Seq, Ack: p.Ack, Window: cmp.Or(p.window, 65535),
			FIN: f&1 != 0, SYN: f&2 != 0, RST: f&4 != 0, PSH: f&8 != 0, ACK: f&16 != 0, URG: f&32 != 0, ECE: f&64 != 0, CWR: f&128 != 0}
		t.SetNetworkLayerForChecksum(network)
		return append(out, t, payload)
	case "udp":
		u := &layers.UDP{SrcPort: layers.UDPPort(p.Sport), DstPort: layers.UDPPort(p.Dport)}
		u.SetNetworkLayerForChecksum(network)
		return append(out, u, payload)
	case "icmp":
		return append(out, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(uint8(p.Type), uint8(p.Code)), Id: uint16(p.ID), Seq: uint16(p.Seq)}, payload)
	case "icmp6":
		i := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(uint8(p.Type), uint8(p.Code))}
		i.SetNetworkLayerForChecksum(network)
		return append(out, i, &layers.ICMPv6Echo{Identifier: uint16(p.ID), SeqNumber: uint16(p.Seq)}, payload)
	case "nd_ns", "nd_na", "nd_rs":
		return append(out, p.ndLayers(network)...)
	}
	return append(out, payload)
}

func (p Packet) ndLayers(network gopacket.NetworkLayer) []gopacket.SerializableLayer {
	i := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(uint8(p.ndType()), 0)}
	i.SetNetworkLayerForChecksum(network)
	opt := func(t layers.ICMPv6Opt, mac string) layers.ICMPv6Options {
		if mac == "" {
			return nil
		}
		return layers.ICMPv6Options{{Type: t, Data: mustMAC(mac)}}
	}
	switch p.Proto {
	case "nd_ns":
		return []gopacket.SerializableLayer{i, &layers.ICMPv6NeighborSolicitation{TargetAddress: ipBytes(p.Target), Options: opt(layers.ICMPv6OptSourceAddress, p.SHA)}}
	case "nd_na":
		return []gopacket.SerializableLayer{i, &layers.ICMPv6NeighborAdvertisement{Flags: 0x60, TargetAddress: ipBytes(p.Target), Options: opt(layers.ICMPv6OptTargetAddress, p.THA)}}
	}
	return []gopacket.SerializableLayer{i, &layers.ICMPv6RouterSolicitation{Options: opt(layers.ICMPv6OptSourceAddress, p.SHA)}}
}

func (p Packet) ndType() int {
	return map[string]int{"nd_rs": 133, "nd_ns": 135, "nd_na": 136}[p.Proto]
}

// Chunks of an SCTP handshake (RFC 9260 section 3.2).
const (
	sctpInit       = 1
	sctpInitAck    = 2
	sctpCookieEcho = 10
)

// SCTPInit returns an SCTP packet with an INIT chunk for one stream in each direction.
func SCTPInit(sport, dport int, tag uint32) []byte {
	b := make([]byte, 12+20)
	binary.BigEndian.PutUint16(b[0:], uint16(sport))
	binary.BigEndian.PutUint16(b[2:], uint16(dport))
	b[12] = sctpInit
	binary.BigEndian.PutUint16(b[14:], 20)
	binary.BigEndian.PutUint32(b[16:], tag)
	binary.BigEndian.PutUint32(b[20:], 65536)
	binary.BigEndian.PutUint16(b[24:], 1)
	binary.BigEndian.PutUint16(b[26:], 1)
	binary.BigEndian.PutUint32(b[28:], tag)
	return b
}

// SCTPInitAck answers an INIT: vtag is the initiate tag of the INIT.
func SCTPInitAck(sport, dport int, vtag, tag uint32) []byte {
	b := SCTPInit(sport, dport, tag)
	b[12] = sctpInitAck
	binary.BigEndian.PutUint32(b[4:], vtag)
	return b
}

// SCTPCookieEcho answers an INIT ACK: vtag is the initiate tag of the INIT ACK, serial identifies
// the packet.
func SCTPCookieEcho(sport, dport int, vtag, serial uint32) []byte {
	b := SCTPInit(sport, dport, vtag)
	b[12] = sctpCookieEcho
	binary.BigEndian.PutUint32(b[4:], vtag)
	for i := 16; i < 32; i += 4 { // the cookie
		binary.BigEndian.PutUint32(b[i:], serial)
	}
	return b
}

// Microflow returns the packet at inport as an OVN expression.
func (p Packet) Microflow(inport string) string {
	var t []string
	add := func(format string, a ...any) { t = append(t, fmt.Sprintf(format, a...)) }
	add("inport == %q", inport)
	add("eth.src == %s && eth.dst == %s", p.EthSrc, p.EthDst)
	switch {
	case p.Proto == "eth":
		add("eth.type == 0x%04x", p.EthType)
		return strings.Join(t, " && ")
	case p.Proto == "arp":
		add("arp.op == %d && arp.spa == %s && arp.tpa == %s && arp.sha == %s && arp.tha == %s", p.Op, p.Src, p.Dst, p.SHA, p.THA)
		return strings.Join(t, " && ")
	}
	v := "ip4"
	if p.V6() {
		v = "ip6"
	}
	add("%s.src == %s && %s.dst == %s && ip.ttl == %d", v, p.Src, v, p.Dst, p.ttl())
	if p.TOS != 0 {
		add("ip.dscp == %d", p.TOS>>2)
	}
	if later := p.fragment(); later {
		add("ip.later_frag && ip.proto == %d", map[string]int{"tcp": 6, "udp": 17, "icmp": 1}[p.Proto])
		return strings.Join(t, " && ")
	} else if p.Cut != nil {
		add("ip.first_frag")
	}
	switch p.Proto {
	case "tcp", "udp", "sctp":
		add("%s.src == %d && %s.dst == %d", p.Proto, p.Sport, p.Proto, p.Dport)
		if p.Proto == "tcp" {
			add("tcp.flags == %d", FlagBits(p.Flags))
		}
	case "icmp":
		add("icmp4.type == %d && icmp4.code == %d", p.Type, p.Code)
	case "icmp6":
		add("icmp6.type == %d && icmp6.code == %d", p.Type, p.Code)
	case "nd_ns", "nd_na", "nd_rs":
		add("icmp6.type == %d && icmp6.code == 0", p.ndType())
		if p.Target != "" {
			add("nd.target == %s", p.Target)
		}
		if p.Proto == "nd_ns" && p.SHA != "" {
			add("nd.sll == %s", p.SHA)
		}
		if p.Proto == "nd_na" && p.THA != "" {
			add("nd.tll == %s", p.THA)
		}
	case "igmp":
		add("ip.proto == 2")
	case "ip":
		add("ip.proto == %d", p.IPProto)
	}
	return strings.Join(t, " && ")
}

// String returns the packet on one line.
func (p Packet) String() string {
	switch p.Proto {
	case "tcp":
		return fmt.Sprintf("tcp %s:%d > %s:%d %s", p.Src, p.Sport, p.Dst, p.Dport, p.Flags)
	case "udp", "sctp":
		return fmt.Sprintf("%s %s:%d > %s:%d", p.Proto, p.Src, p.Sport, p.Dst, p.Dport)
	case "icmp", "icmp6":
		return fmt.Sprintf("%s %s > %s type %d code %d", p.Proto, p.Src, p.Dst, p.Type, p.Code)
	case "arp":
		return fmt.Sprintf("arp op %d %s > %s", p.Op, p.Src, p.Dst)
	case "eth":
		return fmt.Sprintf("eth %s > %s type 0x%04x", p.EthSrc, p.EthDst, p.EthType)
	}
	return fmt.Sprintf("%s %s > %s", p.Proto, p.Src, p.Dst)
}

// fixSCTP writes the CRC32c, which gopacket computes only in its SCTP layer.
func fixSCTP(frame []byte) {
	off := 14
	if binary.BigEndian.Uint16(frame[12:]) == 0x8100 {
		off += 4
	}
	var end int
	if frame[off]>>4 == 6 {
		end = off + 40 + int(binary.BigEndian.Uint16(frame[off+4:]))
		off += 40
	} else {
		end = off + int(binary.BigEndian.Uint16(frame[off+2:]))
		off += int(frame[off]&15) * 4
	}
	b := frame[off:end]
	if len(b) < 12 {
		return
	}
	clear(b[8:12])
	binary.LittleEndian.PutUint32(b[8:], crc32c(b))
}
