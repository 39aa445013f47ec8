package ctstate

// userFlagsInvalid is tcp_invalid_flags.
func userFlagsInvalid(f uint16) bool {
	switch {
	case f&tcpSYN != 0 && f&(tcpRST|tcpFIN) != 0:
		return true
	case f&tcpSYN == 0 && f&(tcpACK|tcpRST) == 0:
		return true
	}
	return f&tcpACK == 0 && f&(tcpFIN|tcpPSH|tcpURG) != 0
}

// updateTCP is tcp_conn_update for an in-window packet.
func (w *userRun) updateTCP() userUpdate {
	f := w.r.Packet.TCPFlags
	if userFlagsInvalid(f) {
		w.why("TCP flags are no legal combination (tcp_invalid_flags)")
		return userInvalid
	}
	if w.e.UserTCP == nil {
		w.assume(Undetermined, "the entry's TCP states are unknown: taken as established")
		return userValid
	}
	info := *w.e.UserTCP
	w.e.UserTCP = &info
	src, dst := info.peer(w.dir), info.peer(w.dir.Opposite())
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
	// An acknowledgement of a side that was not seen is not near zero: it passes without refreshing
	// the connection.
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

// checkSeq records that the answer depends on sequence numbers, which the table does not export: no
// connection is liberal here.
func (w *userRun) checkSeq(src, dst UserTCPState) {
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
func (w *userRun) tcpTimeout(src, dst UserTCPState) uint32 {
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
