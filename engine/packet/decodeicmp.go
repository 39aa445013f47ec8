package packet

import "net/netip"

func (d *decoder) icmp() {
	start := d.off
	b := d.take(8, ProtoName(d.p.Proto)+" header")
	if d.err != nil {
		d.cutICMP(start, b)
		return
	}
	d.p.ICMPType, d.p.ICMPCode = b[0], b[1]
	if d.p.IsQuery() {
		d.p.ICMPID, d.p.HasID = be16(b[4:]), true
	}
	switch {
	case d.p.IsND():
		d.neighbour()
	case d.p.IsICMPError():
		d.p.Inner = quoted(d.rest(), d.p.EthType)
	}
}

// igmp reads type and code if the header is complete (miniflow_extract).
func (d *decoder) igmp() {
	if d.left() < 8 {
		return
	}
	b := d.take(8, "igmp header")
	d.p.ICMPType, d.p.ICMPCode = b[0], b[1]
}

// neighbour reads the target and the link-layer address option (parse_icmpv6).
func (d *decoder) neighbour() {
	if d.left() < 16 {
		return
	}
	target := d.take(16, "neighbour discovery")
	if d.err != nil {
		return
	}
	d.p.NDTarget = netip.AddrFrom16([16]byte(target))
	var lla [2]MAC // source, target
	for d.left() >= 8 && d.err == nil {
		head := d.take(2, "neighbour discovery option")
		d.off -= 2
		n := int(head[1]) * 8
		if d.err != nil || n == 0 || n > d.left() {
			break // invalid: options read before it are kept
		}
		b := d.take(n, "neighbour discovery option")
		if n != 8 || d.err != nil || b[0] != 1 && b[0] != 2 {
			continue
		}
		if !lla[b[0]-1].IsZero() { // given twice: Open vSwitch clears all three
			d.p.NDTarget, lla = netip.IPv6Unspecified(), [2]MAC{}
			break
		}
		copy(lla[b[0]-1][:], b[2:])
	}
	if d.p.ICMPType == ICMPv6NS {
		d.p.NDSLL = lla[0]
	} else {
		d.p.NDTLL = lla[1]
	}
}

// quoted returns the packet that an ICMP error quotes, nil if it is too short to identify a
// connection.
func quoted(b []byte, ethType uint16) *Inner {
	var in Inner
	if ethType == EthIPv4 {
		if len(b) < 20 || b[0]>>4 != 4 || int(b[0]&15)*4 < 20 || int(b[0]&15)*4 > len(b) || be16(b[6:])&0x1fff != 0 {
			return nil
		}
		in.Proto, in.Src, in.Dst = b[9], netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
		b = b[int(b[0]&15)*4:]
	} else {
		if len(b) < 40 || b[0]>>4 != 6 {
			return nil
		}
		in.Src, in.Dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
		d := decoder{in: b, off: 40, end: len(b)}
		in.Proto = d.extensions(b[6])
		if d.err != nil || d.p.Frag == FragLater {
			return nil
		}
		b = b[d.off:]
	}
	probe := Packet{EthType: ethType, Proto: in.Proto}
	switch {
	case probe.HasPorts() && len(b) >= 4:
		in.SrcPort, in.DstPort = be16(b), be16(b[2:])
	case (probe.IsICMP() || probe.IsICMPv6()) && len(b) >= 8:
		in.ICMPType, in.ICMPCode = b[0], b[1]
		if probe.ICMPType = b[0]; probe.IsQuery() {
			in.ICMPID = be16(b[4:])
		}
	case probe.HasPorts() || probe.IsICMP() || probe.IsICMPv6():
		return nil
	}
	return &in
}
