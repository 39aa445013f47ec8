package main

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// tcpHeader holds the fields of a TCP header other than the tuple.
type tcpHeader struct {
	flags    uint16
	seq, ack uint32
	win      uint16
}

// wire returns the bytes of a packet; dscp selects the translation of a new connection.
func wire(p *ctstate.Packet, h tcpHeader, dscp int) []byte {
	l4 := transport(p.Tuple, h)
	if p.Inner != nil {
		inner := transport(*p.Inner, tcpHeader{flags: 0x10})
		l4 = append(l4, network(*p.Inner, inner, 0)...)
	}
	fixChecksum(p.Tuple, l4)
	return network(p.Tuple, l4, dscp)
}

func transport(t ctstate.Tuple, h tcpHeader) []byte {
	be := binary.BigEndian
	switch t.Proto {
	case ctstate.ProtoTCP:
		b := make([]byte, 20)
		be.PutUint16(b, t.Src.Port())
		be.PutUint16(b[2:], t.Dst.Port())
		be.PutUint32(b[4:], h.seq)
		be.PutUint32(b[8:], h.ack)
		be.PutUint16(b[12:], 5<<12|h.flags)
		be.PutUint16(b[14:], h.win)
		return b
	case ctstate.ProtoUDP:
		b := make([]byte, 12)
		be.PutUint16(b, t.Src.Port())
		be.PutUint16(b[2:], t.Dst.Port())
		be.PutUint16(b[4:], 12)
		return b
	case ctstate.ProtoSCTP: // with an INIT chunk
		b := make([]byte, 12+20)
		be.PutUint16(b, t.Src.Port())
		be.PutUint16(b[2:], t.Dst.Port())
		b[12], b[15] = 1, 20
		return b
	case ctstate.ProtoICMP, ctstate.ProtoICMPv6:
		b := make([]byte, 8)
		b[0], b[1] = t.ICMPType, t.ICMPCode
		be.PutUint16(b[4:], t.ICMPID)
		return b
	}
	return make([]byte, 16) // GRE version 0, or a protocol without a tracker
}

func network(t ctstate.Tuple, l4 []byte, dscp int) []byte {
	be := binary.BigEndian
	if t.IsIPv6() {
		b := make([]byte, 40, 40+len(l4))
		be.PutUint32(b, 6<<28|uint32(dscp)<<22)
		be.PutUint16(b[4:], uint16(len(l4)))
		b[6], b[7] = t.Proto, 64
		copy(b[8:], t.Src.Addr().AsSlice())
		copy(b[24:], t.Dst.Addr().AsSlice())
		return append(b, l4...)
	}
	b := make([]byte, 20, 20+len(l4))
	b[0], b[1], b[8], b[9] = 0x45, byte(dscp<<2), 64, t.Proto
	be.PutUint16(b[2:], uint16(20+len(l4)))
	copy(b[12:], t.Src.Addr().AsSlice())
	copy(b[16:], t.Dst.Addr().AsSlice())
	be.PutUint16(b[10:], fold(sum(b, 0)))
	return append(b, l4...)
}

// fixChecksum sets the transport checksum, which conntrack verifies.
func fixChecksum(t ctstate.Tuple, l4 []byte) {
	if t.Proto == ctstate.ProtoSCTP {
		binary.LittleEndian.PutUint32(l4[8:], crc32.Checksum(l4, crc32.MakeTable(crc32.Castagnoli)))
		return
	}
	off := map[uint8]int{ctstate.ProtoTCP: 16, ctstate.ProtoUDP: 6, ctstate.ProtoICMP: 2, ctstate.ProtoICMPv6: 2}[t.Proto]
	if off == 0 {
		return
	}
	var s uint32
	if t.Proto != ctstate.ProtoICMP {
		s = sum(t.Src.Addr().AsSlice(), s)
		s = sum(t.Dst.Addr().AsSlice(), s)
		s += uint32(t.Proto) + uint32(len(l4))
	}
	v := fold(sum(l4, s))
	if v == 0 && t.Proto == ctstate.ProtoUDP {
		v = 0xffff
	}
	binary.BigEndian.PutUint16(l4[off:], v)
}

func sum(b []byte, s uint32) uint32 {
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// unwire decodes a forwarded packet: its tuple, the quoted tuple, and its TTL.
func unwire(b []byte) (t ctstate.Tuple, inner *ctstate.Tuple, ttl int, err error) {
	if len(b) < 20 {
		return t, nil, 0, errors.New("short packet")
	}
	var src, dst netip.Addr
	var l4 []byte
	if b[0]>>4 == 6 && len(b) >= 40 {
		t.Proto, ttl, l4 = b[6], int(b[7]), b[40:]
		src, dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	} else {
		t.Proto, ttl, l4 = b[9], int(b[8]), b[20:]
		src, dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	}
	t.Src, t.Dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
	if len(l4) < 8 {
		return t, nil, ttl, errors.New("short header")
	}
	switch t.Proto {
	case ctstate.ProtoTCP, ctstate.ProtoUDP, ctstate.ProtoSCTP:
		t.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(l4))
		t.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(l4[2:]))
	case ctstate.ProtoICMP, ctstate.ProtoICMPv6:
		t.ICMPType, t.ICMPCode = l4[0], l4[1]
		t.ICMPID = binary.BigEndian.Uint16(l4[4:])
		if len(l4) > 28 {
			in, _, _, err := unwire(l4[8:])
			return t, &in, ttl, err
		}
	}
	return t, nil, ttl, nil
}
