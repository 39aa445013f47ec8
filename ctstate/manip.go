package ctstate

import "net/netip"

// manip is the end of a packet that NAT rewrites: enum nf_nat_manip_type of
// include/uapi/linux/netfilter/nf_nat.h.
type manip uint8

const (
	manipSrc manip = iota // NF_NAT_MANIP_SRC
	manipDst              // NF_NAT_MANIP_DST
)

// opposite is !maniptype.
func (m manip) opposite() manip { return m ^ 1 }

// status returns the bit of an entry that has the manipulation: IPS_SRC_NAT or IPS_DST_NAT.
func (m manip) status() Status { return SrcNAT << m }

// done returns the bit of an entry for which the manipulation was chosen: IPS_SRC_NAT_DONE or
// IPS_DST_NAT_DONE.
func (m manip) done() Status { return SrcNATDone << m }

// bit returns the flow key's bit: OVS_CS_F_SRC_NAT or OVS_CS_F_DST_NAT.
func (m manip) bit() State { return SNAT << m }

// appliesTo reports whether packets of a direction of the entry have the manipulation: statusbit of
// nf_nat_packet.
func (m manip) appliesTo(e *Entry, d Direction) bool {
	if d == DirReply {
		m = m.opposite()
	}
	return e.Status&m.status() != 0
}

// of returns the end of t that is rewritten.
func (m manip) of(t *Tuple) netip.AddrPort {
	if m == manipSrc {
		return t.Src
	}
	return t.Dst
}

// set replaces that end.
func (m manip) set(t *Tuple, to netip.AddrPort) {
	if m == manipSrc {
		t.Src = to
	} else {
		t.Dst = to
	}
}

// withPort returns t with another port at that end.
func (m manip) withPort(t Tuple, port uint16) Tuple {
	m.set(&t, withPort(m.of(&t), port))
	return t
}

// withAddr returns t with another address at that end.
func (m manip) withAddr(t Tuple, a netip.Addr) Tuple {
	m.set(&t, withAddr(m.of(&t), a))
	return t
}

func withPort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}

func withAddr(a netip.AddrPort, addr netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(addr, a.Port())
}
