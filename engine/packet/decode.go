package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// DecodeError is the error of a frame that ends inside a header, or with a malformed header.
type DecodeError struct {
	Off int // byte offset in the frame
	Msg string
}

// Error returns, for example, "frame: offset 14: IPv4 header ...".
func (e *DecodeError) Error() string { return fmt.Sprintf("frame: offset %d: %s", e.Off, e.Msg) }

// Decode reads an Ethernet frame as far as miniflow_extract (lib/flow.c) does, and also the ICMP id
// and the packet that an ICMP error quotes. payload is the captured part of what follows the last
// header read.
//
// wire is the length in bytes of the frame as sent: len(frame), or more if a capture kept only the
// first bytes. A header that ends beyond wire, or that is malformed, is a *DecodeError; a header
// that the capture cut is a *CutError, which has what was captured. TCP options and a quoted packet
// may be cut; Inner is then nil.
func Decode(frame []byte, wire int) (p Packet, payload []byte, err error) {
	d := decoder{in: frame, end: max(wire, len(frame))}
	d.ethernet()
	if d.err != nil {
		return Packet{}, nil, d.err
	}
	return d.p, d.rest(), nil
}

// DecodeBehind reads a packet without an Ethernet header, as some tunnels and link types have it.
// ethType is its Ethernet type, which may be a VLAN tag's. The results and wire are those of
// Decode; offsets in errors count from the start of b.
func DecodeBehind(ethType uint16, b []byte, wire int) (p Packet, payload []byte, err error) {
	d := decoder{in: b, end: max(wire, len(b))}
	d.typed(ethType)
	if d.err != nil {
		return Packet{}, nil, d.err
	}
	return d.p, d.rest(), nil
}

// decoder reads from left to right and keeps its first error. The packet ends at end, which is
// beyond len(in) if the capture cut it.
type decoder struct {
	in       []byte
	off, end int
	p        Packet
	err      error
}

// rest returns the captured bytes after the last header read.
func (d *decoder) rest() []byte { return d.in[min(d.off, len(d.in)):min(d.end, len(d.in))] }

// left returns the number of bytes of the packet after the last header read, captured or not.
func (d *decoder) left() int { return d.end - d.off }

func (d *decoder) fail(off int, format string, args ...any) {
	if d.err == nil {
		d.err = &DecodeError{off, fmt.Sprintf(format, args...)}
	}
}

// take returns the next n bytes, or n zeros when the frame is too short for what. Of bytes that the
// capture cut, those that it kept are followed by zeros.
func (d *decoder) take(n int, what string) []byte {
	if d.err == nil && (n < 0 || d.left() < n) {
		d.fail(d.off, "the frame ends inside the %s: %d bytes of %d", what, d.left(), n)
	}
	if d.err == nil && len(d.in)-d.off < n {
		d.err = &CutError{Off: d.off, Have: len(d.in), What: what}
		return append(d.in[min(d.off, len(d.in)):len(d.in):len(d.in)], make([]byte, n-max(0, len(d.in)-d.off))...)
	}
	if d.err != nil {
		return make([]byte, max(n, 0))
	}
	d.off += n
	return d.in[d.off-n : d.off : d.off]
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

func (d *decoder) ethernet() {
	b := d.take(14, "Ethernet header")
	if d.err != nil {
		return
	}
	copy(d.p.EthDst[:], b)
	copy(d.p.EthSrc[:], b[6:])
	d.typed(be16(b[12:]))
}

// typed reads what follows an Ethernet type: VLAN tags, and a network header.
func (d *decoder) typed(ethType uint16) {
	for ethType == EthVLAN || ethType == EthQinQ {
		b := d.take(4, "VLAN tag")
		if d.err != nil {
			return
		}
		tci := be16(b)
		d.p.VLANs = append(d.p.VLANs, VLAN{TPID: ethType, VID: tci & 0xfff, PCP: uint8(tci >> 13)})
		ethType = be16(b[2:])
	}
	if ethType < EthMin {
		if ethType = d.llc(int(ethType)); d.err != nil || ethType == EthNone {
			return
		}
	}
	d.network(ethType)
}

// network reads the header of an Ethernet type.
func (d *decoder) network(ethType uint16) {
	d.p.EthType = ethType
	d.p.Length = d.left()
	switch ethType {
	case EthIPv4:
		d.ipv4()
	case EthIPv6:
		d.ipv6()
	case EthARP, EthRARP:
		d.arp()
	case EthMPLS, EthMPLSM:
		d.mpls()
	case EthNSH:
		d.nsh()
	}
}

// llc returns the Ethernet type that a SNAP header of organisation 0 names, whatever the length in
// front of it says, and EthNone for any other 802.2 frame (parse_ethertype of lib/flow.c and of
// net/openvswitch/flow.c).
func (d *decoder) llc(length int) uint16 {
	d.p.EthType, d.p.Length = EthNone, min(length, d.left())
	if d.left() < 8 {
		return EthNone
	}
	old := d.off
	b := d.take(8, "LLC and SNAP header")
	if ethType := be16(b[6:]); string(b[:6]) == "\xaa\xaa\x03\x00\x00\x00" {
		if ethType >= EthMin {
			return ethType
		}
		return EthNone
	}
	d.off = old
	return EthNone
}

func (d *decoder) arp() {
	b := d.take(8, "ARP header")
	if be16(b) != 1 || be16(b[2:]) != EthIPv4 || b[4] != 6 || b[5] != 4 {
		return // other than Ethernet and IPv4: parse_arp reads no further
	}
	d.p.ARPOp = be16(b[6:])
	b = d.take(20, "ARP packet")
	copy(d.p.ARPSHA[:], b)
	d.p.Src = netip.AddrFrom4([4]byte(b[6:]))
	copy(d.p.ARPTHA[:], b[10:])
	d.p.Dst = netip.AddrFrom4([4]byte(b[16:]))
}

func (d *decoder) mpls() {
	for d.err == nil {
		e := ParseMPLS(be32(d.take(4, "MPLS label")))
		if d.err == nil {
			d.p.MPLS = append(d.p.MPLS, e)
		}
		if e.BOS {
			return
		}
	}
}

func (d *decoder) ipv4() {
	start := d.off
	b := d.take(20, "IPv4 header")
	if d.err != nil {
		return
	}
	header, total := int(b[0]&15)*4, int(be16(b[2:]))
	switch {
	case b[0]>>4 != 4:
		d.fail(start, "IPv4 header of version %d", b[0]>>4)
	case header < 20:
		d.fail(start, "IPv4 header of %d bytes", header)
	case total != 0 && total < header: // 0: a packet as segmentation offload leaves it
		d.fail(start+2, "IPv4 packet of %d bytes, less than its header", total)
	case total > d.end-start:
		d.fail(start+2, "IPv4 packet of %d bytes where the frame has %d", total, d.end-start)
	}
	d.take(header-20, "IPv4 options")
	if d.err != nil {
		return
	}
	if total > 0 {
		d.end, d.p.Length = start+total, total
	}
	d.p.TOS, d.p.TTL, d.p.Proto = b[1], b[8], b[9]
	d.p.Src, d.p.Dst = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	d.fragment(be16(b[6:])&0x1fff != 0, be16(b[6:])&0x2000 != 0)
	d.transport()
}

func (d *decoder) fragment(later, more bool) {
	switch {
	case later:
		d.p.Frag = FragLater
	case more:
		d.p.Frag = FragFirst
	}
}

func (d *decoder) ipv6() {
	start := d.off
	b := d.take(40, "IPv6 header")
	if d.err != nil {
		return
	}
	if b[0]>>4 != 6 {
		d.fail(start, "IPv6 header of version %d", b[0]>>4)
		return
	}
	if n := int(be16(b[4:])); n > d.left() {
		d.fail(start+4, "IPv6 payload of %d bytes where the frame has %d", n, d.left())
		return
	} else if n > 0 { // 0: a jumbogram, or offload
		d.end, d.p.Length = d.off+n, 40+n
	}
	first := be32(b)
	d.p.TOS, d.p.Label = uint8(first>>20), first&0xfffff
	d.p.TTL = b[7]
	d.p.Src, d.p.Dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	d.p.Proto = d.extensions(b[6])
	d.transport()
}

// extensions passes over IPv6 extension headers and returns the protocol behind them
// (parse_ipv6_ext_hdrs).
func (d *decoder) extensions(next uint8) uint8 {
	for d.err == nil {
		switch next {
		case 0, 43, 60: // hop by hop, routing, destination options
			b := d.take(8, "IPv6 extension header")
			next = b[0]
			d.take(int(b[1])*8, "IPv6 extension header")
		case 51: // authentication, in units of four bytes
			b := d.take(8, "IPv6 authentication header")
			next = b[0]
			d.take(max(0, int(b[1])*4), "IPv6 authentication header")
		case 44:
			b := d.take(8, "IPv6 fragment header")
			next = b[0]
			d.fragment(be16(b[2:])&0xfff8 != 0, be16(b[2:])&1 != 0)
			if d.p.Frag == FragLater {
				// Both datapaths give every later fragment this protocol.
				return ProtoFragment
			}
		default:
			return next
		}
	}
	return next
}

func (d *decoder) transport() {
	if d.err != nil || d.p.Frag == FragLater {
		return
	}
	switch {
	case d.p.HasPorts():
		d.ports()
	case d.p.IsICMP(), d.p.IsICMPv6():
		d.icmp()
	case d.p.IsIGMP():
		d.igmp()
	}
}

func (d *decoder) ports() {
	start, n := d.off, 8
	switch d.p.Proto {
	case ProtoTCP:
		n = 20
	case ProtoSCTP:
		n = 12
	}
	b := d.take(n, ProtoName(d.p.Proto)+" header")
	d.p.SrcPort, d.p.DstPort = be16(b), be16(b[2:])
	if d.err != nil {
		d.cutPorts(start, b)
		return
	}
	if d.p.Proto != ProtoTCP {
		return
	}
	d.p.TCPFlags = TCPFlags(be16(b[12:])) & AllTCPFlags
	header := int(b[12]>>4) * 4
	if header < 20 {
		d.fail(start+12, "tcp header of %d bytes", header)
		return
	}
	d.pass(header-20, "tcp options")
}

// pass skips n bytes of the packet, which need not have been captured.
func (d *decoder) pass(n int, what string) {
	if d.left() < n {
		d.take(n, what) // records the error
		return
	}
	d.off += n
}
