package ctstate

// streamAge is how many seconds a UDP connection must have lived to be a stream
// (nf_conntrack_udp_packet: ct->proto.udp.stream_ts).
const streamAge = 2

// udp is nf_conntrack_udp_packet, with the timeouts before and after a reply.
func (w *kernelRun) udp(unreplied, stream uint32) {
	if w.e.Status&SeenReply == 0 {
		w.refresh(unreplied)
		return
	}
	// The start time of a connection is seldom exported.
	old := w.e.Status&Assured != 0
	if w.e.Created != 0 && w.k.Now != nil {
		old = w.k.Now()-w.e.Created > streamAge
	}
	if !old {
		w.refresh(unreplied)
		return
	}
	w.refresh(stream)
	if w.e.Status&Untracked == 0 { // IPS_NAT_CLASH shares the bit
		w.e.Status |= Assured
	}
}

// gre is nf_conntrack_gre_packet.
func (w *kernelRun) gre() {
	if w.e.Status&SeenReply == 0 {
		w.refresh(w.timeouts().GRE)
		return
	}
	w.refresh(w.timeouts().GREStream)
	w.e.Status |= Assured
}

// sctp replaces nf_conntrack_sctp_packet: a flow contains neither the chunk nor the verification
// tag.
func (w *kernelRun) sctp() {
	if w.e.Status&Confirmed == 0 {
		w.s.sctp = SCTPInfo{State: SCTPCookieWait}
		w.e.SCTP = &w.s.sctp
		w.refresh(w.timeouts().SCTP[SCTPCookieWait])
		w.assume(Assumed, "SCTP chunk unknown: taken as INIT")
		return
	}
	w.assume(Assumed, "SCTP chunk and verification tag unknown: taken as right for the connection")
	if w.e.SCTP != nil && int(w.e.SCTP.State) < len(w.timeouts().SCTP) {
		w.refresh(w.timeouts().SCTP[w.e.SCTP.State])
	}
}
