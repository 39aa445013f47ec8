// Package packettest makes frames and random packets for tests.
package packettest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Encode returns the Ethernet frame of a packet, with correct lengths and checksums. If Length is
// larger than the headers, zeros follow them; a first fragment is padded to a multiple of eight
// bytes, and a later one has the offset 1480. NSH metadata of types other than 1 is left out.
func Encode(pkt packet.Packet) ([]byte, error) {
	p := encoder{pkt}
	if err := p.encodable(); err != nil {
		return nil, err
	}
	if p.EthType < packet.EthMin && p.EthType != packet.EthNone {
		return nil, fmt.Errorf("eth_type 0x%04x is a length", p.EthType)
	}
	body, err := p.body()
	if err != nil {
		return nil, err
	}
	if pad := p.Length - len(body); pad > 0 && !p.IsIP() {
		body = append(body, make([]byte, pad)...)
	}
	frame := append(p.EthDst[:len(p.EthDst):len(p.EthDst)], p.EthSrc[:]...)
	for _, v := range p.VLANs {
		frame = binary.BigEndian.AppendUint16(frame, tpid(v))
		frame = binary.BigEndian.AppendUint16(frame, uint16(v.PCP)<<13|v.VID&0xfff)
	}
	ethType := p.EthType
	if ethType == packet.EthNone {
		ethType = uint16(len(body))
	}
	return append(binary.BigEndian.AppendUint16(frame, ethType), body...), nil
}

// encoder has the parts of a frame as methods.
type encoder struct{ packet.Packet }

func tpid(v packet.VLAN) uint16 {
	if v.TPID == 0 {
		return packet.EthVLAN
	}
	return v.TPID
}

// encodable returns an error for a packet that no frame can carry.
func (p encoder) encodable() error {
	if p.Length > 0xffff {
		return fmt.Errorf("length %d is more than a packet has", p.Length)
	}
	for _, v := range p.VLANs {
		if t := tpid(v); t != packet.EthVLAN && t != packet.EthQinQ {
			return fmt.Errorf("0x%04x is no VLAN tag", t)
		}
	}
	if !p.IsIP() && !p.IsARP() {
		return nil
	}
	six := p.EthType == packet.EthIPv6
	addrs := []struct {
		name string
		ok   bool
	}{{"source", p.Src.IsValid() && p.Src.Is6() == six}, {"destination", p.Dst.IsValid() && p.Dst.Is6() == six}}
	for _, a := range addrs {
		if !a.ok {
			return fmt.Errorf("the %s address is missing or of the other family", a.name)
		}
	}
	return nil
}

func (p encoder) body() ([]byte, error) {
	switch {
	case p.IsIP():
		return p.ipBody()
	case p.IsARP():
		return p.arpBody(), nil
	case p.EthType == packet.EthMPLS || p.EthType == packet.EthMPLSM:
		return p.mplsBody(), nil
	case p.EthType == packet.EthNSH:
		return p.nshBody(), nil
	}
	return nil, nil
}

func (p encoder) arpBody() []byte {
	b := []byte{0, 1, packet.EthIPv4 >> 8, packet.EthIPv4 & 0xff, 6, 4}
	b = binary.BigEndian.AppendUint16(b, p.ARPOp)
	b = append(append(b, p.ARPSHA[:]...), p.Src.AsSlice()...)
	return append(append(b, p.ARPTHA[:]...), p.Dst.AsSlice()...)
}

func (p encoder) mplsBody() []byte {
	var b []byte
	for i, m := range p.MPLS {
		v := m.Label<<12 | uint32(m.TC&7)<<9 | uint32(m.TTL)
		if m.BOS || i == len(p.MPLS)-1 {
			v |= 1 << 8
		}
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// laterOffset is the offset, in units of eight bytes, at which a later fragment is put.
const laterOffset = 1480 / 8

// ipBody makes header, extension header and transport; gopacket sums them up.
func (p encoder) ipBody() ([]byte, error) {
	network, header, ip := p.network()
	transport, err := p.transportLayers(network)
	if err != nil {
		return nil, err
	}
	if p.Frag == packet.FragLater {
		transport = nil
	}
	layersOf := append([]gopacket.SerializableLayer{ip}, header...)
	layersOf = append(layersOf, transport...)
	plain, err := serialize(layersOf)
	if err != nil {
		return nil, err
	}
	size := max(p.Length, len(plain))
	if p.Frag == packet.FragFirst {
		header := 40 + 8
		if p.EthType == packet.EthIPv4 {
			header = 20
		}
		size = header + (size-header+7)/8*8 // all but the last fragment carry multiples of eight bytes
	}
	if size > 0xffff {
		return nil, errors.New("the packet is longer than 65535 bytes")
	}
	b, err := serialize(append(layersOf, gopacket.Payload(make([]byte, size-len(plain)))))
	if err == nil && p.Proto == packet.ProtoTCP && p.HasPorts() {
		p.reservedFlags(b)
	}
	return b, err
}

// reservedFlags sets the flag bits that gopacket has no names for, and corrects the checksum (RFC
// 1624).
func (p encoder) reservedFlags(b []byte) {
	tcp := b[20:]
	if p.EthType == packet.EthIPv6 {
		tcp = b[40:]
		if p.Frag != packet.FragNo {
			tcp = b[48:]
		}
	}
	old := binary.BigEndian.Uint16(tcp[12:])
	now := old | uint16(p.TCPFlags)&0xe00
	sum := uint32(^binary.BigEndian.Uint16(tcp[16:])) + uint32(^old) + uint32(now)
	sum = sum&0xffff + sum>>16
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(tcp[12:], now)
	binary.BigEndian.PutUint16(tcp[16:], ^uint16(sum))
}

func serialize(ls []gopacket.SerializableLayer) ([]byte, error) {
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, ls...); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// network makes the IP header, what stands between it and the transport, and the header as a layer.
func (p encoder) network() (gopacket.NetworkLayer, []gopacket.SerializableLayer, gopacket.SerializableLayer) {
	if p.EthType == packet.EthIPv4 {
		ip := &layers.IPv4{Version: 4, TOS: p.TOS, TTL: p.TTL, Protocol: layers.IPProtocol(p.Proto),
			SrcIP: p.Src.AsSlice(), DstIP: p.Dst.AsSlice()}
		switch p.Frag {
		case packet.FragFirst:
			ip.Flags = layers.IPv4MoreFragments
		case packet.FragLater:
			ip.FragOffset = laterOffset
		}
		return ip, nil, ip
	}
	ip := &layers.IPv6{Version: 6, TrafficClass: p.TOS, FlowLabel: p.Label, HopLimit: p.TTL,
		NextHeader: layers.IPProtocol(p.Proto), SrcIP: p.Src.AsSlice(), DstIP: p.Dst.AsSlice()}
	if p.Frag == packet.FragNo {
		return ip, nil, ip
	}
	ip.NextHeader = layers.IPProtocolIPv6Fragment
	frag := []byte{p.Proto, 0, 0, 1, 0, 0, 0, 1} // more to come; identification 1
	if p.Frag == packet.FragLater {
		binary.BigEndian.PutUint16(frag[2:], laterOffset<<3)
	}
	return ip, []gopacket.SerializableLayer{gopacket.Payload(frag)}, ip
}

func (p encoder) transportLayers(network gopacket.NetworkLayer) ([]gopacket.SerializableLayer, error) {
	switch {
	case !p.HasPorts():
		return p.icmpLayers(network)
	case p.Proto == packet.ProtoTCP:
		t := &layers.TCP{SrcPort: layers.TCPPort(p.SrcPort), DstPort: layers.TCPPort(p.DstPort), Window: 65535,
			FIN: p.TCPFlags&packet.FlagFIN != 0, SYN: p.TCPFlags&packet.FlagSYN != 0, RST: p.TCPFlags&packet.FlagRST != 0,
			PSH: p.TCPFlags&packet.FlagPSH != 0, ACK: p.TCPFlags&packet.FlagACK != 0, URG: p.TCPFlags&packet.FlagURG != 0,
			ECE: p.TCPFlags&packet.FlagECE != 0, CWR: p.TCPFlags&packet.FlagCWR != 0, NS: p.TCPFlags&packet.FlagNS != 0}
		return []gopacket.SerializableLayer{t}, t.SetNetworkLayerForChecksum(network)
	case p.Proto == packet.ProtoUDP:
		u := &layers.UDP{SrcPort: layers.UDPPort(p.SrcPort), DstPort: layers.UDPPort(p.DstPort)}
		return []gopacket.SerializableLayer{u}, u.SetNetworkLayerForChecksum(network)
	}
	s := &layers.SCTP{SrcPort: layers.SCTPPort(p.SrcPort), DstPort: layers.SCTPPort(p.DstPort)}
	return []gopacket.SerializableLayer{s}, nil
}

// icmpLayers makes ICMP and ICMPv6; any other protocol has no header here.
func (p encoder) icmpLayers(network gopacket.NetworkLayer) ([]gopacket.SerializableLayer, error) {
	rest := make([]byte, 4)
	if p.IsQuery() {
		binary.BigEndian.PutUint16(rest, p.ICMPID)
		binary.BigEndian.PutUint16(rest[2:], 1)
	}
	data := p.icmpData()
	switch {
	case p.IsICMP():
		l := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(p.ICMPType, p.ICMPCode),
			Id: binary.BigEndian.Uint16(rest), Seq: binary.BigEndian.Uint16(rest[2:])}
		return []gopacket.SerializableLayer{l, gopacket.Payload(data)}, nil
	case p.IsICMPv6():
		l := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(p.ICMPType, p.ICMPCode)}
		return []gopacket.SerializableLayer{l, gopacket.Payload(append(rest, data...))}, l.SetNetworkLayerForChecksum(network)
	case p.IsIGMP():
		return []gopacket.SerializableLayer{gopacket.Payload(p.igmpBody())}, nil
	}
	return nil, nil
}

// igmpBody is a message without a group, with its checksum (RFC 2236).
func (p encoder) igmpBody() []byte {
	sum := ^(uint16(p.ICMPType)<<8 | uint16(p.ICMPCode))
	return []byte{p.ICMPType, p.ICMPCode, byte(sum >> 8), byte(sum), 0, 0, 0, 0}
}

// icmpData is what follows the eight bytes of the ICMP header.
func (p encoder) icmpData() []byte {
	switch {
	case p.IsND() && p.NDTarget.Is6():
		b := p.NDTarget.AsSlice()
		if p.ICMPType == packet.ICMPv6NS && !p.NDSLL.IsZero() {
			b = append(append(b, 1, 1), p.NDSLL[:]...)
		}
		if p.ICMPType == packet.ICMPv6NA && !p.NDTLL.IsZero() {
			b = append(append(b, 2, 1), p.NDTLL[:]...)
		}
		return b
	case p.IsICMPError() && p.Inner != nil:
		return p.innerBody()
	}
	return nil
}

// innerBody is the quoted packet: its IP header and the first eight bytes behind it (RFC 792, RFC
// 4443).
func (p encoder) innerBody() []byte {
	in := p.Inner
	q := encoder{packet.Packet{EthType: p.EthType, Proto: in.Proto, Src: in.Src, Dst: in.Dst, TTL: 64, SrcPort: in.SrcPort, DstPort: in.DstPort,
		ICMPType: in.ICMPType, ICMPCode: in.ICMPCode, ICMPID: in.ICMPID}}
	if q.encodable() != nil {
		return nil
	}
	b, err := q.ipBody()
	if err != nil {
		return nil
	}
	header := 20
	if q.EthType == packet.EthIPv6 {
		header = 40
	}
	return b[:min(len(b), header+8)]
}

// Lengths in bytes of a network service header: without metadata, and with that of type 1.
const (
	nshBase  = 8
	nshType1 = 24
)

// nshBody makes the header; metadata of other types than 1 is not kept.
func (p encoder) nshBody() []byte {
	h := p.NSH
	if h == nil {
		return nil
	}
	length := nshBase
	if h.MDType == 1 {
		length = nshType1
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(h.Flags&3)<<12|uint16(h.TTL&0x3f)<<6|uint16(length/4))
	b = append(b, h.MDType, h.NP)
	b = binary.BigEndian.AppendUint32(b, h.SPI<<8|uint32(h.SI))
	for i := range h.Context[:(length-nshBase)/4] {
		b = binary.BigEndian.AppendUint32(b, h.Context[i])
	}
	return b
}
