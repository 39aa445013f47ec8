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
	t := w.timeouts(e.Orig.Proto)
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
	}
	return w.updateEcho(w.timeouts(w.e.Orig.Proto).echo(w.e.Orig.Proto))
}

// updateEcho is other_conn_update and icmp_conn_update: established once answered. The table does
// not tell whether a connection was answered, unless by its timeout: what was never answered starts
// with more seconds. The model keeps it as SEEN_REPLY in entries of its own.
func (w *uwork) updateEcho(unanswered, answered uint32) userUpdate {
	seen := w.e.Status&SeenReply != 0
	switch {
	case w.reply || seen:
	case w.e.Unknown&UnknownAnswered != 0:
		seen = w.q.ask("ct-answered", "the userspace table does not tell whether the connection was answered",
			w.inZone("answered"), w.inZone("not answered yet")) == 0
	case w.e.Source == FromUserspace:
		w.why("more time left than an answered connection has: never answered")
	}
	w.e.Unknown &^= UnknownAnswered
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
			w.e.Timeout, w.e.HasTimeout = w.timeouts(ProtoTCP).SynSent, true
			return userValidNew
		}
	}
	w.checkSeq(*src, *dst)
	// What acknowledges a side that was not seen acknowledges nothing near zero, and passes without
	// refreshing the connection.
	peerUnseen := *dst < UserTCPSynSent && f&tcpACK != 0 && !w.u.NoSeqCheck
	if *src < UserTCPSynSent {
		*src = UserTCPSynSent
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
	if !peerUnseen {
		w.e.Timeout, w.e.HasTimeout = w.tcpTimeout(*src, *dst), true
	}
	return userValid
}

// checkSeq notes that the answer depends on sequence numbers, which the table has not: nothing
// makes a connection liberal here.
func (w *uwork) checkSeq(src, dst TCPState) {
	p := &w.r.Packet
	switch {
	case w.u.NoSeqCheck:
	case p.TCPFlags&tcpRST != 0 && (src >= UserTCPSynSent || dst >= UserTCPEstablished):
		w.assume(Assumed, "the reset's sequence number cannot be checked: taken as the expected one")
	case !p.InWindow:
		w.assume(Assumed, "the sequence numbers cannot be checked: taken as in the connection's window (tcp_conn_update)")
	}
}

// tcpTimeout picks the timeout as the end of tcp_conn_update does.
func (w *uwork) tcpTimeout(src, dst TCPState) uint32 {
	t := w.timeouts(ProtoTCP)
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
