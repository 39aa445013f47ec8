package ctstate

// tcpPacket is nf_conntrack_tcp_packet for an in-window packet, on w.e.
func (w *kernelRun) tcpPacket() fate {
	flags := w.r.Packet.TCPFlags
	if !tcpFlagsValid(flags) {
		w.why("TCP flags are no legal combination (nf_conntrack_proto_tcp.c: tcp_error)")
		return invalid
	}
	index := tcpIndex(flags)
	if w.e.Status&Confirmed == 0 {
		if !w.tcpNew(index) {
			return invalid
		}
	} else {
		w.tcpOwn()
	}
	if w.e.TCP.State > TCPSynSent2 {
		w.assume(Undetermined, "the entry's TCP state is unknown to the model")
		return accept
	}
	return w.tcpStep(index)
}

// tcpNew is tcp_new: it reports whether the packet may begin a connection.
func (w *kernelRun) tcpNew(index TCPBitSet) bool {
	t := &w.s.tcp
	*t = TCPInfo{Last: TCPLast{Known: true, Index: TCPNoneSet}}
	w.e.TCP = t
	switch tcpTable[DirOriginal][index][TCPNone] {
	case tcpIV:
		w.why("only a SYN or a bare ACK begins a TCP connection")
		return false
	case TCPSynSent:
		return true
	}
	if w.k.Sysctl.TCPLoose == 0 {
		w.why("no entry, and nf_conntrack_tcp_loose=0 picks up no connection in the middle")
		return false
	}
	w.why("picked up in the middle (nf_conntrack_tcp_loose)")
	t.FlagsOrig = TCPFlagSackPerm | TCPFlagBeLiberal
	t.FlagsReply = t.FlagsOrig
	return true
}

// tcpOwn gives w.e a TCP part of its own that may be changed, also if the table exports none.
func (w *kernelRun) tcpOwn() {
	t := &w.s.tcp
	switch {
	case w.e.TCP != nil:
		*t = *w.e.TCP
	case w.e.Status&(Offload|HWOffload) != 0:
		*t = TCPInfo{State: TCPEstablished}
		w.assume(Assumed, "offloaded entry exports no TCP state: taken as ESTABLISHED")
	case w.e.Status&(SeenReply|Assured) != 0:
		*t = TCPInfo{State: TCPEstablished}
		w.assume(Assumed, "entry without TCP state: taken as ESTABLISHED")
	default:
		*t = TCPInfo{State: TCPSynSent}
		w.assume(Assumed, "entry without TCP state: taken as SYN_SENT")
	}
	w.e.TCP = t
}

// tcpStep is the part of nf_conntrack_tcp_packet that handles the new state.
func (w *kernelRun) tcpStep(index TCPBitSet) fate {
	t, dir := w.e.TCP, w.dir()
	old := t.State
	state := tcpTable[dir][index][old]
	switch state {
	case TCPSynSent:
		if old >= TCPTimeWait && old <= TCPClose {
			if f := w.tcpReopen(); f != proceed {
				return f
			}
			return w.tcpIgnored(index, old)
		}
	case tcpIG:
		return w.tcpIgnored(index, old)
	case tcpIV:
		w.why("no " + index.String() + " from this side is expected in this TCP state (tcp_conntracks)")
		return invalid
	case TCPTimeWait:
		if old == TCPLastAck && index == TCPAckSet && t.Last.Known && t.Last.Dir != w.dir() &&
			t.Last.Index == TCPSynSet && t.Last.ChallengeAck {
			t.Last.ChallengeAck = false // RFC 5961: this ACK answers the SYN, not the FIN
			w.dirty = true
			return accept
		}
	case TCPSynSent2:
		t.Last.SimOpen = true
	case TCPSynRecv:
		if w.dir() == DirReply && index == TCPAckSet && t.Last.SimOpen {
			state = TCPEstablished
		}
	}
	return w.tcpAccept(index, old, state)
}

// tcpReopen handles a SYN on a closed connection (case TCP_CONNTRACK_SYN_SENT); it returns proceed
// if the SYN is to pass like an ignored packet.
func (w *kernelRun) tcpReopen() fate {
	t := w.e.TCP
	switch {
	case (t.FlagsOrig|t.FlagsReply)&TCPFlagCloseInit != 0:
		w.why("SYN on a closed connection: the entry is deleted and the packet begins a new one")
		return repeat
	case t.Last.Known && t.Last.Index == TCPRstSet && t.Last.Dir == w.dir():
		w.why("SYN after the same side's reset: the entry is deleted and the packet begins a new one")
		return repeat
	case !t.Last.Known:
		if w.q.ask(QuestionReopen, "a SYN on a reset connection begins a new one if the last packet was the same side's "+
			"reset, which the table does not show", "reset by the other side", "reset by the same side") == 1 {
			w.why("SYN after the same side's reset: the entry is deleted and the packet begins a new one")
			return repeat
		}
		w.why("SYN after the other side's reset: let through on the closed connection")
	}
	return proceed
}

// tcpIgnored handles the case TCP_CONNTRACK_IGNORE: it accepts the packet and keeps the state,
// unless the packet is the SYN-ACK that answers a SYN let through before.
func (w *kernelRun) tcpIgnored(index TCPBitSet, old TCPState) fate {
	t := w.e.TCP
	if index == TCPSynAckSet && t.Last.Known && t.Last.Index == TCPSynSet && t.Last.Dir != w.dir() {
		w.assume(Assumed, "SYN-ACK taken as the answer to the SYN let through before: the connection is begun again")
		// The SYN's side gets the flags of that SYN; this side stays liberal
		// (nf_ct_tcp_state_reset).
		if w.dir() == DirReply {
			t.FlagsOrig, t.FlagsReply = 0, t.FlagsReply&TCPFlagBeLiberal
		} else {
			t.FlagsOrig, t.FlagsReply = t.FlagsOrig&TCPFlagBeLiberal, 0
		}
		return w.tcpAccept(index, TCPSynSent, TCPSynRecv)
	}
	if !t.Last.Known && index == TCPSynAckSet {
		w.assume(Assumed, "SYN-ACK on a live connection: taken as no answer to a SYN let through before")
	}
	if index == TCPSynSet && w.dir() == DirOriginal { // last_flags begins anew
		t.Last.ChallengeAck, t.Last.SimOpen = old == TCPLastAck, false
	}
	// The kernel remembers the ignored packet as the last one, even if nothing was known before.
	t.Last.Known, t.Last.Index, t.Last.Dir = true, index, w.dir()
	w.dirty = true
	return accept
}

// tcpAccept records an in-window packet: state, flags, timeout, ASSURED.
func (w *kernelRun) tcpAccept(index TCPBitSet, old, state TCPState) fate {
	t := w.e.TCP
	w.tcpWindow(index, old)
	t.Last.Known, t.Last.Index, t.Last.Dir = true, index, w.dir()
	t.State = state
	sender := &t.FlagsOrig
	if w.dir() == DirReply {
		sender = &t.FlagsReply
	}
	// A liberal side's packets pass even while the other side's window is unknown, but then they do
	// not set TCPFlagMaxAckSet.
	unseen := *sender&TCPFlagBeLiberal != 0 && w.e.Status&SeenReply == 0 && w.dir() == DirOriginal
	if !w.k.Sysctl.TCPNoWindowCheck && w.r.Packet.TCPFlags&tcpACK != 0 && !unseen {
		*sender |= TCPFlagMaxAckSet
	}
	if old != state && state == TCPFinWait {
		*sender |= TCPFlagCloseInit
	}
	timeout := w.timeouts().TCP[state]
	if index == TCPRstSet {
		timeout = w.timeouts().TCP[TCPClose]
	}
	if w.e.Status&SeenReply == 0 {
		if index == TCPRstSet {
			w.why("reset on a connection never answered: its entry is deleted")
			return killed
		}
		if index == TCPSynSet && old == TCPSynSent {
			return accept // a retransmitted SYN refreshes nothing
		}
		if state == TCPEstablished {
			timeout = min(timeout, w.timeouts().TCPUnack)
		}
	} else if w.e.Status&Assured == 0 && state == TCPEstablished && (old == TCPSynRecv || old == TCPEstablished) {
		w.e.Status |= Assured
	}
	w.refresh(timeout)
	return accept
}

// tcpWindow lowers the certainty if the answer depends on sequence numbers, which nothing exports
// (tcp_in_window).
func (w *kernelRun) tcpWindow(index TCPBitSet, old TCPState) {
	t, k := w.e.TCP, &w.k.Sysctl
	sender, receiver := t.FlagsOrig, t.FlagsReply
	if w.dir() == DirReply {
		sender, receiver = receiver, sender
	}
	switch {
	case w.e.Status&Confirmed == 0 || old < TCPEstablished || old == TCPSynSent2:
	case index == TCPRstSet:
		if old == TCPEstablished && receiver&TCPFlagMaxAckSet != 0 {
			w.assume(Assumed, "the reset's sequence number cannot be checked: taken as exactly the expected one")
		}
	case !k.TCPNoWindowCheck && !k.TCPBeLiberal && sender&TCPFlagBeLiberal == 0 && !w.r.Packet.InWindow:
		w.assume(Assumed, "the TCP window cannot be read: taken as in window")
	}
}
