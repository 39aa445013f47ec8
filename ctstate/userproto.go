package ctstate

// enum ct_update_res.
type userUpdate uint8

const (
	userValid userUpdate = iota
	userValidNew
	userInvalid
	userNew
)

// userFlagsInvalid mirrors tcp_invalid_flags.
func userFlagsInvalid(f uint16) bool {
	switch {
	case f&tcpSYN != 0 && f&(tcpRST|tcpFIN) != 0:
		return true
	case f&tcpSYN == 0 && f&(tcpACK|tcpRST) == 0:
		return true
	}
	return f&tcpACK == 0 && f&(tcpFIN|tcpPSH|tcpURG) != 0
}

// validNew is a protocol's valid_new.
func (w *uwork) validNew() bool {
	p := &w.r.Packet
	switch p.Tuple.Proto {
	case ProtoTCP:
		if userFlagsInvalid(p.TCPFlags) || p.TCPFlags&(tcpSYN|tcpACK) == tcpSYN|tcpACK {
			w.why("these TCP flags begin no connection (tcp_valid_new)")
			return false
		}
	case ProtoICMP:
		t := p.Tuple.ICMPType
		if t != 8 && t != 13 && t != 15 {
			w.why("an answer without its request begins no connection")
			return false
		}
	case ProtoICMPv6:
		if p.Tuple.ICMPType != 128 {
			w.why("an answer without its request begins no connection")
			return false
		}
	}
	return true
}

// first fills in what a protocol's new_conn leaves.
func (w *uwork) first(e *Entry) {
	t := &w.u.Timeouts
	e.HasTimeout = true
	switch e.Orig.Proto {
	case ProtoTCP:
		e.TCP = &TCPInfo{State: UserTCPSynSent, StateReply: UserTCPClosed}
		e.Timeout = t.SynSent
	case ProtoICMP, ProtoICMPv6:
		e.Timeout = t.ICMPFirst
	default:
		e.Timeout = t.First
	}
}

// update is a protocol's conn_update.
func (w *uwork) update() userUpdate {
	switch w.e.Orig.Proto {
	case ProtoTCP:
		return w.updateTCP()
	case ProtoICMP, ProtoICMPv6:
		return w.updateEcho(w.u.Timeouts.ICMPFirst, w.u.Timeouts.ICMPReply)
	}
	return w.updateEcho(w.u.Timeouts.Single, w.u.Timeouts.Multiple)
}

// updateEcho is other_conn_update and icmp_conn_update: established once answered. The table does not tell whether a
// connection was answered; the model keeps it as SEEN_REPLY in entries of its own, and reads it off the
// timeout where there is one: what was never answered starts with more seconds.
func (w *uwork) updateEcho(unanswered, answered uint32) userUpdate {
	seen := w.e.Status&SeenReply != 0
	if !seen && !w.reply && w.e.Source == FromUserspace {
		if w.e.HasTimeout && w.e.Timeout > answered {
			w.why("more time left than an answered connection has: never answered")
		} else {
			seen = true
			w.assume(Undetermined, "the userspace table does not tell whether the connection was answered: taken as answered")
		}
	}
	w.dirty = true
	if w.reply {
		seen = true
	}
	if seen {
		w.e.Status |= SeenReply
		w.e.Timeout, w.e.HasTimeout = answered, true
		return userValid
	}
	w.e.Timeout, w.e.HasTimeout = unanswered, true
	return userValidNew
}

// updateTCP is tcp_conn_update for an in-window packet.
func (w *uwork) updateTCP() userUpdate {
	f := w.r.Packet.TCPFlags
	if userFlagsInvalid(f) {
		w.why("TCP flags are no legal combination (tcp_invalid_flags)")
		return userInvalid
	}
	if w.e.TCP == nil {
		w.assume(Undetermined, "the entry's TCP states are not known: taken as established")
		return userValid
	}
	info := *w.e.TCP
	w.e.TCP = &info
	src, dst := &info.State, &info.StateReply
	if w.reply {
		src, dst = dst, src
	}
	w.dirty = true
	if f&(tcpSYN|tcpACK) == tcpSYN {
		if *dst >= UserTCPFinWait2 && *src >= UserTCPFinWait2 {
			return userNew
		}
		if *src <= UserTCPSynSent {
			if *src < UserTCPSynSent && !w.u.NoSeqCheck {
				w.assume(Assumed, "the number of a SYN from the second side is not kept: the first side's next ACK is likely invalid")
			}
			*src = UserTCPSynSent
			w.e.Timeout, w.e.HasTimeout = w.u.Timeouts.SynSent, true
			return userValidNew
		}
	}
	if *src < UserTCPSynSent {
		*src = UserTCPSynSent
	}
	if !w.u.NoSeqCheck && f&tcpRST != 0 && (*dst >= UserTCPEstablished || *dst < UserTCPSynSent) {
		w.assume(Assumed, "the reset's sequence number cannot be checked: taken as the expected one")
	}
	if f&tcpFIN != 0 && *src < UserTCPClosing {
		*src = UserTCPClosing
	}
	if f&tcpACK != 0 {
		switch *dst {
		case UserTCPSynSent:
			*dst = UserTCPEstablished
		case UserTCPClosing:
			*dst = UserTCPFinWait2
		}
	}
	if f&tcpRST != 0 {
		*src, *dst = UserTCPTimeWait, UserTCPTimeWait
	}
	w.e.Timeout, w.e.HasTimeout = w.tcpTimeout(*src, *dst), true
	return userValid
}

// tcpTimeout picks the timeout as the end of tcp_conn_update does.
func (w *uwork) tcpTimeout(src, dst TCPState) uint32 {
	t := &w.u.Timeouts
	lo, hi := min(src, dst), max(src, dst)
	switch {
	case lo >= UserTCPFinWait2:
		return t.Close
	case lo >= UserTCPClosing:
		return t.TimeWait
	case lo < UserTCPEstablished:
		return t.SynRecv
	case hi >= UserTCPClosing:
		return t.FinWait
	}
	return t.Established
}
