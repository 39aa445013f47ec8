package packet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Encode makes the Ethernet frame, with right lengths and checksums. Where Length is larger than the headers, zeros
// follow them; a first fragment is filled up to a multiple of eight bytes, a later one stands at offset 1480.
func Encode(p Packet) ([]byte, error) {
	if err := p.encodable(); err != nil {
		return nil, err
	}
	if p.EthType < minEthType && p.EthType != noType {
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
		frame = binary.BigEndian.AppendUint16(frame, v.tpid())
		frame = binary.BigEndian.AppendUint16(frame, uint16(v.PCP)<<13|v.VID&0xfff)
	}
	ethType := p.EthType
	if ethType == noType {
		ethType = uint16(len(body))
	}
	return append(binary.BigEndian.AppendUint16(frame, ethType), body...), nil
}

func (v VLAN) tpid() uint16 {
	if v.TPID == 0 {
		return EthVLAN
	}
	return v.TPID
}

// encodable refuses what no frame can carry.
func (p Packet) encodable() error {
	if p.Length > 0xffff {
		return fmt.Errorf("length %d is more than a packet has", p.Length)
	}
	for _, v := range p.VLANs {
		if t := v.tpid(); t != EthVLAN && t != EthQinQ {
			return fmt.Errorf("0x%04x is no VLAN tag", t)
		}
	}
	if !p.IsIP() && !p.IsARP() {
		return nil
	}
	six := p.EthType == EthIPv6
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

func (p Packet) body() ([]byte, error) {
	switch {
	case p.IsIP():
		return p.ipBody()
	case p.IsARP():
		return p.arpBody(), nil
	case p.EthType == EthMPLS || p.EthType == EthMPLSM:
		return p.mplsBody(), nil
	case p.EthType == EthNSH:
		return p.nshBody(), nil
	}
	return nil, nil
}

func (p Packet) arpBody() []byte {
	b := []byte{0, 1, EthIPv4 >> 8, EthIPv4 & 0xff, 6, 4}
	b = binary.BigEndian.AppendUint16(b, p.ARPOp)
	b = append(append(b, p.ARPSHA[:]...), p.Src.AsSlice()...)
	return append(append(b, p.ARPTHA[:]...), p.Dst.AsSlice()...)
}

func (p Packet) mplsBody() []byte {
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
func (p Packet) ipBody() ([]byte, error) {
	network, header, ip := p.network()
	transport, err := p.transportLayers(network)
	if err != nil {
		return nil, err
	}
	if p.Frag == FragLater {
		transport = nil
	}
	layersOf := append([]gopacket.SerializableLayer{ip}, header...)
	layersOf = append(layersOf, transport...)
	plain, err := serialize(layersOf)
	if err != nil {
		return nil, err
	}
	size := max(p.Length, len(plain))
	if p.Frag == FragFirst {
		header := 40 + 8
		if p.EthType == EthIPv4 {
			header = 20
		}
		size = header + (size-header+7)/8*8 // all but the last fragment carry multiples of eight bytes
	}
	if size > 0xffff {
		return nil, errors.New("the packet is longer than 65535 bytes")
	}
	b, err := serialize(append(layersOf, gopacket.Payload(make([]byte, size-len(plain)))))
	if err == nil && p.Proto == ProtoTCP && p.HasPorts() {
		p.reservedFlags(b)
	}
	return b, err
}

// reservedFlags sets the flag bits that gopacket has no names for, and corrects the checksum (RFC 1624).
func (p Packet) reservedFlags(b []byte) {
	tcp := b[20:]
	if p.EthType == EthIPv6 {
		tcp = b[40:]
		if p.Frag != FragNo {
			tcp = b[48:]
		}
	}
	old := be16(tcp[12:])
	now := old | p.TCPFlags&0xe00
	sum := uint32(^be16(tcp[16:])) + uint32(^old) + uint32(now)
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
func (p Packet) network() (gopacket.NetworkLayer, []gopacket.SerializableLayer, gopacket.SerializableLayer) {
	if p.EthType == EthIPv4 {
		ip := &layers.IPv4{Version: 4, TOS: p.TOS, TTL: p.TTL, Protocol: layers.IPProtocol(p.Proto),
			SrcIP: p.Src.AsSlice(), DstIP: p.Dst.AsSlice()}
		switch p.Frag {
		case FragFirst:
			ip.Flags = layers.IPv4MoreFragments
		case FragLater:
			ip.FragOffset = laterOffset
		}
		return ip, nil, ip
	}
	ip := &layers.IPv6{Version: 6, TrafficClass: p.TOS, FlowLabel: p.Label, HopLimit: p.TTL,
		NextHeader: layers.IPProtocol(p.Proto), SrcIP: p.Src.AsSlice(), DstIP: p.Dst.AsSlice()}
	if p.Frag == FragNo {
		return ip, nil, ip
	}
	ip.NextHeader = layers.IPProtocolIPv6Fragment
	frag := []byte{p.Proto, 0, 0, 1, 0, 0, 0, 1} // more to come; identification 1
	if p.Frag == FragLater {
		binary.BigEndian.PutUint16(frag[2:], laterOffset<<3)
	}
	return ip, []gopacket.SerializableLayer{gopacket.Payload(frag)}, ip
}

func (p Packet) transportLayers(network gopacket.NetworkLayer) ([]gopacket.SerializableLayer, error) {
	switch {
	case !p.HasPorts():
		return p.icmpLayers(network)
	case p.Proto == ProtoTCP:
		t := &layers.TCP{SrcPort: layers.TCPPort(p.SrcPort), DstPort: layers.TCPPort(p.DstPort), Window: 65535,
			FIN: p.TCPFlags&FlagFIN != 0, SYN: p.TCPFlags&FlagSYN != 0, RST: p.TCPFlags&FlagRST != 0,
			PSH: p.TCPFlags&FlagPSH != 0, ACK: p.TCPFlags&FlagACK != 0, URG: p.TCPFlags&FlagURG != 0,
			ECE: p.TCPFlags&FlagECE != 0, CWR: p.TCPFlags&FlagCWR != 0, NS: p.TCPFlags&FlagNS != 0}
		return []gopacket.SerializableLayer{t}, t.SetNetworkLayerForChecksum(network)
	case p.Proto == ProtoUDP:
		u := &layers.UDP{SrcPort: layers.UDPPort(p.SrcPort), DstPort: layers.UDPPort(p.DstPort)}
		return []gopacket.SerializableLayer{u}, u.SetNetworkLayerForChecksum(network)
	}
	s := &layers.SCTP{SrcPort: layers.SCTPPort(p.SrcPort), DstPort: layers.SCTPPort(p.DstPort)}
	return []gopacket.SerializableLayer{s}, nil
}

// icmpLayers makes ICMP and ICMPv6; any other protocol has no header here.
func (p Packet) icmpLayers(network gopacket.NetworkLayer) ([]gopacket.SerializableLayer, error) {
	rest := make([]byte, 4)
	if p.IsQuery() {
		binary.BigEndian.PutUint16(rest, p.ICMPID)
		binary.BigEndian.PutUint16(rest[2:], 1)
	}
	data := p.icmpData()
	switch {
	case p.IsICMP():
		l := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(p.ICMPType, p.ICMPCode),
			Id: be16(rest), Seq: be16(rest[2:])}
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
func (p Packet) igmpBody() []byte {
	sum := ^(uint16(p.ICMPType)<<8 | uint16(p.ICMPCode))
	return []byte{p.ICMPType, p.ICMPCode, byte(sum >> 8), byte(sum), 0, 0, 0, 0}
}

// icmpData is what follows the eight bytes of the ICMP header.
func (p Packet) icmpData() []byte {
	switch {
	case p.IsND() && p.NDTarget.Is6():
		b := p.NDTarget.AsSlice()
		if p.ICMPType == ICMPv6NS && !p.NDSLL.IsZero() {
			b = append(append(b, 1, 1), p.NDSLL[:]...)
		}
		if p.ICMPType == ICMPv6NA && !p.NDTLL.IsZero() {
			b = append(append(b, 2, 1), p.NDTLL[:]...)
		}
		return b
	case p.quotes() && p.Inner != nil:
		return p.innerBody()
	}
	return nil
}

// innerBody is the quoted packet: its IP header and the first eight bytes behind it (RFC 792, RFC 4443).
func (p Packet) innerBody() []byte {
	in := p.Inner
	q := Packet{EthType: p.EthType, Proto: in.Proto, Src: in.Src, Dst: in.Dst, TTL: 64, SrcPort: in.SrcPort, DstPort: in.DstPort,
		ICMPType: in.ICMPType, ICMPCode: in.ICMPCode, ICMPID: in.ICMPID}
	if q.encodable() != nil {
		return nil
	}
	b, err := q.ipBody()
	if err != nil {
		return nil
	}
	header := 20
	if q.EthType == EthIPv6 {
		header = 40
	}
	return b[:min(len(b), header+8)]
}
