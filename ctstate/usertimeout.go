package ctstate

// UserTimeouts are a timeout policy's seconds (lib/conntrack-tp.c).
type UserTimeouts struct {
	SynSent, SynRecv, Established, FinWait, TimeWait, Close uint32
	First, Single, Multiple                                 uint32
	ICMPFirst, ICMPReply                                    uint32
}

// DefaultUserTimeouts returns the timeouts of the default policy, in seconds.
func DefaultUserTimeouts() UserTimeouts {
	return UserTimeouts{SynSent: 30, SynRecv: 30, Established: 86400, FinWait: 900, TimeWait: 45, Close: 30,
		First: 60, Single: 60, Multiple: 30, ICMPFirst: 60, ICMPReply: 30}
}

// UserTimeoutsOf returns the timeouts of a policy, from seconds by the database's names
// (CT_Timeout_Policy); one that is absent is the default policy's.
func UserTimeoutsOf(named map[string]uint32) UserTimeouts {
	t := DefaultUserTimeouts()
	for name, dst := range map[string]*uint32{
		"tcp_syn_sent": &t.SynSent, "tcp_syn_recv": &t.SynRecv, "tcp_established": &t.Established, "tcp_fin_wait": &t.FinWait,
		"tcp_time_wait": &t.TimeWait, "tcp_close": &t.Close, "udp_first": &t.First, "udp_single": &t.Single,
		"udp_multiple": &t.Multiple, "icmp_first": &t.ICMPFirst, "icmp_reply": &t.ICMPReply,
	} {
		if v, ok := named[name]; ok {
			*dst = v
		}
	}
	return t
}

// timeouts returns the timeouts of the zone's connections of a protocol: ofproto adds the zone's
// policy to each commit (put_ct_timeout), but only for protocols that a policy can name
// (ct_dpif_timeout_policy_support_ipproto).
func (w *userRun) timeouts(proto uint8) *UserTimeouts {
	t, ok := w.u.Policies[w.a.Zone]
	if ok && (proto == ProtoTCP || proto == ProtoUDP || isICMP(proto)) {
		return &t
	}
	return &w.u.Timeouts
}

// echo returns a protocol's timeout in seconds for a connection that was not answered, and for one
// that was.
func (t *UserTimeouts) echo(proto uint8) (unanswered, answered uint32) {
	if isICMP(proto) {
		return t.ICMPFirst, t.ICMPReply
	}
	return t.Single, t.Multiple
}

// neverAnswered reports whether an entry has more time left than an answered connection can have. A
// connection keeps its policy from the commit: the zone's, or the default if the zone had none
// then.
func (w *userRun) neverAnswered(e *Entry) bool {
	if !e.HasTimeout || w.u.TimeoutsUnknown {
		return false
	}
	_, a := w.timeouts(e.Orig.Proto).echo(e.Orig.Proto)
	_, b := w.u.Timeouts.echo(e.Orig.Proto)
	return e.Timeout > max(a, b)
}
