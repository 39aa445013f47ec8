package ctnetlink

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// hasPorts reports whether ctnetlink requires both ports in a tuple of the protocol
// (nf_ct_port_nlattr_to_tuple); GRE keys use the same attributes.
func hasPorts(proto uint8) bool {
	switch proto {
	case ctstate.ProtoTCP, ctstate.ProtoUDP, ctstate.ProtoSCTP, ctstate.ProtoUDPLite,
		unix.IPPROTO_DCCP, unix.IPPROTO_GRE:
		return true
	}
	return false
}

// family returns the tuple's address family for nfgenmsg: the kernel refuses a GET with AF_UNSPEC
// (EOPNOTSUPP).
func family(t ctstate.Tuple) uint8 {
	if t.Src.Addr().Unmap().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// checkTuple returns an error for a tuple without addresses: the kernel would read the request as
// "dump" or "delete everything".
func checkTuple(t ctstate.Tuple) error {
	src, dst := t.Src.Addr().Unmap(), t.Dst.Addr().Unmap()
	switch {
	case !src.IsValid() || !dst.IsValid():
		return errNoAddress
	case src.Is4() != dst.Is4():
		return errMixedFamily
	}
	if _, ok := t.Invert(); !ok {
		// An ICMP type without an answering type has no connection, and the kernel refuses the request as
		// malformed (nf_conntrack_proto_icmp.c: icmp_nlattr_to_tuple).
		return ctstate.ErrNotFound
	}
	return nil
}

// tuple appends a CTA_TUPLE_* nest; checkTuple must have accepted the tuple.
func (e *encoder) tuple(typ uint16, t ctstate.Tuple) {
	outer := e.nest(typ)
	ip := e.nest(ctaTupleIP)
	e.addrs(t.Src.Addr(), t.Dst.Addr())
	e.end(ip)
	pr := e.nest(ctaTupleProto)
	e.u8(ctaProtoNum, t.Proto)
	switch {
	case hasPorts(t.Proto):
		e.be16(ctaProtoSrcPort, t.Src.Port())
		e.be16(ctaProtoDstPort, t.Dst.Port())
	case t.Proto == ctstate.ProtoICMP:
		e.be16(ctaProtoICMPID, t.ICMPID)
		e.u8(ctaProtoICMPType, t.ICMPType)
		e.u8(ctaProtoICMPCode, t.ICMPCode)
	case t.Proto == ctstate.ProtoICMPv6:
		e.be16(ctaProtoICMPv6ID, t.ICMPID)
		e.u8(ctaProtoICMPv6Type, t.ICMPType)
		e.u8(ctaProtoICMPv6Code, t.ICMPCode)
	}
	e.end(pr)
	e.end(outer)
}

func (e *encoder) addrs(src, dst netip.Addr) {
	src, dst = src.Unmap(), dst.Unmap()
	if src.Is4() {
		s, d := src.As4(), dst.As4()
		e.bytes(ctaIPv4Src, s[:])
		e.bytes(ctaIPv4Dst, d[:])
		return
	}
	s, d := src.As16(), dst.As16()
	e.bytes(ctaIPv6Src, s[:])
	e.bytes(ctaIPv6Dst, d[:])
}

// decodeTuple reads the content of a CTA_TUPLE_* nest.
func decodeTuple(b []byte) (ctstate.Tuple, error) {
	var (
		t            ctstate.Tuple
		src, dst     netip.Addr
		sport, dport uint16
	)
	d := walk(b)
	for d.next() {
		switch d.typ {
		case ctaTupleIP:
			in := walk(d.val)
			for in.next() {
				switch in.typ {
				case ctaIPv4Src, ctaIPv6Src:
					src = in.addr()
				case ctaIPv4Dst, ctaIPv6Dst:
					dst = in.addr()
				}
			}
			d.join(in.err)
		case ctaTupleProto:
			in := walk(d.val)
			for in.next() {
				switch in.typ {
				case ctaProtoNum:
					t.Proto = in.u8()
				case ctaProtoSrcPort:
					sport = in.be16()
				case ctaProtoDstPort:
					dport = in.be16()
				case ctaProtoICMPID, ctaProtoICMPv6ID:
					t.ICMPID = in.be16()
				case ctaProtoICMPType, ctaProtoICMPv6Type:
					t.ICMPType = in.u8()
				case ctaProtoICMPCode, ctaProtoICMPv6Code:
					t.ICMPCode = in.u8()
				}
			}
			d.join(in.err)
		}
	}
	if d.err != nil {
		return ctstate.Tuple{}, d.err
	}
	t.Src, t.Dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	return t, nil
}

func (d *decoder) addr() netip.Addr {
	a, ok := netip.AddrFromSlice(d.val)
	if !ok {
		d.fail("address of unknown size")
	}
	return a
}
