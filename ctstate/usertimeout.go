package ctstate

// UserTimeouts are a timeout policy's seconds (lib/conntrack-tp.c).
type UserTimeouts struct {
	SynSent, SynRecv, Established, FinWait, TimeWait, Close uint32
	First, Single, Multiple                                 uint32
	ICMPFirst, ICMPReply                                    uint32
}

// DefaultUserTimeouts are those of the default policy.
func DefaultUserTimeouts() UserTimeouts {
	return UserTimeouts{SynSent: 30, SynRecv: 30, Established: 86400, FinWait: 900, TimeWait: 45, Close: 30,
		First: 60, Single: 60, Multiple: 30, ICMPFirst: 60, ICMPReply: 30}
}

// UserTimeoutsOf are a policy's as the database names them (CT_Timeout_Policy); what it leaves out
// is the default's.
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

// timeouts are those of the zone's connections of a protocol: ofproto gives the zone's policy to
// each commit (put_ct_timeout), but only of protocols that a policy can name
// (ct_dpif_timeout_policy_support_ipproto).
func (w *userRun) timeouts(proto uint8) *UserTimeouts {
	t, ok := w.u.Policies[w.a.Zone]
	if ok && (proto == ProtoTCP || proto == ProtoUDP || isICMP(proto)) {
		return &t
	}
	return &w.u.Timeouts
}

// echo returns a protocol's seconds for a connection that has an answer to come, and for one that
// had it.
func (t *UserTimeouts) echo(proto uint8) (unanswered, answered uint32) {
	if isICMP(proto) {
		return t.ICMPFirst, t.ICMPReply
	}
	return t.Single, t.Multiple
}

// neverAnswered reports that an entry has more time left than an answered connection can have. A
// connection keeps the policy that it was committed with, which may be the zone's or, from before
// the zone had one, the default.
func (w *userRun) neverAnswered(e *Entry) bool {
	if !e.HasTimeout || w.u.TimeoutsUnknown {
		return false
	}
	_, a := w.timeouts(e.Orig.Proto).echo(e.Orig.Proto)
	_, b := w.u.Timeouts.echo(e.Orig.Proto)
	return e.Timeout > max(a, b)
}
