package packettest

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Generate returns n packets of every kind the model knows, the same for one seed.
func Generate(seed uint64, n int) []packet.Packet {
	r := rand.New(rand.NewPCG(seed, seed))
	out := make([]packet.Packet, n)
	for i := range out {
		out[i] = randomPacket(r)
	}
	return out
}

func randomMAC(r *rand.Rand) packet.MAC {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], r.Uint64())
	return packet.MAC(b[2:])
}

func randomAddr(r *rand.Rand, six bool) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	if six {
		b[0] = 0xfd
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

// Pick returns one of the values.
func Pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func randomPacket(r *rand.Rand) packet.Packet {
	p := packet.Packet{EthSrc: randomMAC(r), EthDst: randomMAC(r)}
	for range Pick(r, 0, 0, 0, 0, 1, 2) {
		p.VLANs = append(p.VLANs, packet.VLAN{TPID: packet.EthVLAN, VID: uint16(r.IntN(4096)), PCP: uint8(r.IntN(8))})
	}
	if len(p.VLANs) == 2 {
		p.VLANs[0].TPID = Pick[uint16](r, packet.EthQinQ, packet.EthVLAN)
	}
	switch r.IntN(11) {
	case 0:
		p.EthType = Pick[uint16](r, packet.EthARP, packet.EthRARP)
		p.ARPOp, p.ARPSHA, p.ARPTHA = uint16(1+r.IntN(4)), randomMAC(r), randomMAC(r)
		p.Src, p.Dst = randomAddr(r, false), randomAddr(r, false)
	case 1:
		p.EthType = Pick[uint16](r, packet.EthMPLS, packet.EthMPLSM)
		for i := range 1 + r.IntN(3) {
			p.MPLS = append(p.MPLS, packet.MPLS{Label: uint32(16 + r.IntN(1<<20-16)), TC: uint8(r.IntN(8)), TTL: uint8(r.IntN(256))})
			_ = i
		}
		p.MPLS[len(p.MPLS)-1].BOS = true
	case 2:
		p.EthType = Pick[uint16](r, 0x88cc, 0x8863, 0x0842, 0xffff)
	case 3:
		p.EthType = packet.EthNSH
		p.NSH = &packet.NSH{Flags: uint8(r.IntN(4)), TTL: uint8(r.IntN(64)), MDType: Pick[uint8](r, 1, 1, 2), NP: uint8(1 + r.IntN(5)),
			SPI: uint32(r.IntN(1 << 24)), SI: uint8(r.IntN(256))}
		if p.NSH.MDType == 1 {
			p.NSH.Context = [4]uint32{r.Uint32(), r.Uint32(), r.Uint32(), r.Uint32()}
		}
	default:
		randomIP(r, &p)
	}
	return p
}

func randomIP(r *rand.Rand, p *packet.Packet) {
	six := r.IntN(2) == 0
	p.EthType = packet.EthIPv4
	if six {
		p.EthType, p.Label = packet.EthIPv6, uint32(r.IntN(1<<20))
	}
	p.Src, p.Dst = randomAddr(r, six), randomAddr(r, six)
	p.TTL, p.TOS, p.Frag = uint8(1+r.IntN(255)), uint8(r.IntN(256)), packet.Frag(Pick(r, 0, 0, 0, 1, 2))
	icmp := uint8(packet.ProtoICMP)
	if six {
		icmp = packet.ProtoICMPv6
	}
	p.Proto = Pick[uint8](r, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, icmp, icmp, 47, 2)
	if p.Frag == packet.FragLater {
		if six {
			p.Proto = packet.ProtoFragment
		}
		return
	}
	switch {
	case p.HasPorts():
		p.SrcPort, p.DstPort = uint16(r.Uint32()), uint16(r.Uint32())
		if p.Proto == packet.ProtoTCP {
			p.TCPFlags = packet.TCPFlags(r.IntN(0x1000))
		}
	case p.Proto == icmp:
		randomICMP(r, p)
	case p.IsIGMP():
		p.ICMPType, p.ICMPCode = Pick[uint8](r, 0x11, 0x16, 0x22), uint8(r.IntN(256))
	}
}

func randomICMP(r *rand.Rand, p *packet.Packet) {
	p.ICMPType, p.ICMPCode = Pick[uint8](r, 0, 3, 8, 11, 13), uint8(r.IntN(2))
	if p.IsICMPv6() {
		p.ICMPType = Pick[uint8](r, 1, 2, 3, 128, 129, 133, 134, 135, 136)
	}
	if p.IsND() {
		p.NDTarget = randomAddr(r, true)
		if p.ICMPType == packet.ICMPv6NS {
			p.NDSLL = Pick(r, packet.MAC{}, randomMAC(r))
		} else {
			p.NDTLL = Pick(r, packet.MAC{}, randomMAC(r))
		}
	}
	if p.IsQuery() {
		p.ICMPID, p.HasID = uint16(r.Uint32()), true
	}
	if p.IsICMPError() && p.Frag == packet.FragNo {
		six := p.IsICMPv6()
		in := packet.Inner{Proto: Pick[uint8](r, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP), Src: randomAddr(r, six), Dst: randomAddr(r, six)}
		in.SrcPort, in.DstPort = uint16(r.Uint32()), uint16(r.Uint32())
		if r.IntN(4) == 0 {
			in.Proto, in.SrcPort, in.DstPort = p.Proto, 0, 0
			in.ICMPType, in.ICMPID = 8, uint16(r.Uint32())
			if six {
				in.ICMPType = packet.ICMPv6EchoRequest
			}
		}
		p.Inner = &in
	}
}
