package ctstate

import "fmt"

// UserFragments are the userspace datapath's settings for fragments at a ct()
// (dpctl/ipf-get-status).
type UserFragments struct {
	OffIPv4, OffIPv6 bool // fragments are not reassembled, and so are invalid
	// MinIPv4 and MinIPv6 are the smallest sizes of a fragment other than the last, in bytes from
	// the IP header on; 0 allows any.
	MinIPv4, MinIPv6 int
}

// DefaultUserFragments are OVS's defaults (IPF_V4_FRAG_SIZE_MIN_DEF, IPF_V6_FRAG_SIZE_MIN_DEF).
func DefaultUserFragments() UserFragments { return UserFragments{MinIPv4: 1200, MinIPv6: 1280} }

// fragment is ipf_preprocess_conntrack for a fragment; done reports whether the packet is not
// tracked as its datagram.
func (w *userRun) fragment() (done bool) {
	p, f := &w.r.Packet, &w.u.Fragments
	off, least := f.OffIPv4, f.MinIPv4
	if p.Tuple.IsIPv6() {
		off, least = f.OffIPv6, f.MinIPv6
	}
	later := p.Frag == FragLater
	switch {
	case off:
		w.r.Conn = Conn{State: Inv | Trk, KeyZone: w.a.Zone}
		w.why("fragments are not reassembled here (ipf-set-disabled), and therefore invalid")
		return true
	case p.Length > 0 && p.Length < least && !later:
		w.r.Conn = Conn{State: Inv | Trk, KeyZone: w.a.Zone}
		w.why(fmt.Sprintf("a fragment of %d bytes is invalid: %d are the least (ipf-set-min-frag)", p.Length, least))
		return true
	}
	w.r.Awaits = true
	if later {
		w.r.Absorbed = true
		w.why("a later fragment waits for the rest of its datagram, and is tracked as part of it")
		return true
	}
	w.assume(Assumed, "a fragment waits until all fragments of its datagram have arrived (ipf_preprocess_conntrack): the result is that of the whole datagram")
	if p.Length == 0 && least > 0 {
		w.why(fmt.Sprintf("its size is not given: taken as %d bytes or more, as a smaller one is invalid (ipf-set-min-frag)", least))
	}
	return false
}
