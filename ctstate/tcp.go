package ctstate

// TCP flags as in the header.
const (
	tcpFIN = 0x01
	tcpSYN = 0x02
	tcpRST = 0x04
	tcpPSH = 0x08
	tcpACK = 0x10
	tcpURG = 0x20
)

// enum tcp_bit_set: what get_conntrack_index makes of the flags.
const (
	idxSYN = iota
	idxSYNACK
	idxFIN
	idxACK
	idxRST
	idxNone
)

// tcpFlagsValid mirrors tcp_error's tcp_valid_flags: PSH, ECE and CWR are always allowed.
func tcpFlagsValid(flags uint16) bool {
	switch flags & (tcpFIN | tcpSYN | tcpRST | tcpACK | tcpURG) {
	case tcpSYN, tcpSYN | tcpURG, tcpSYN | tcpACK, tcpRST, tcpRST | tcpACK,
		tcpFIN | tcpACK, tcpFIN | tcpACK | tcpURG, tcpACK, tcpACK | tcpURG:
		return true
	}
	return false
}

// tcpIndex mirrors get_conntrack_index.
func tcpIndex(flags uint16) uint8 {
	switch {
	case flags&tcpRST != 0:
		return idxRST
	case flags&(tcpSYN|tcpACK) == tcpSYN|tcpACK:
		return idxSYNACK
	case flags&tcpSYN != 0:
		return idxSYN
	case flags&tcpFIN != 0:
		return idxFIN
	case flags&tcpACK != 0:
		return idxACK
	}
	return idxNone
}

// What the transition table holds besides states.
const (
	tcpIV TCPState = 0xff // invalid
	tcpIG TCPState = 0xfe // ignored: accepted without a change
)

// The table is written with the kernel's two-letter names.
const (
	sSS = TCPSynSent
	sSR = TCPSynRecv
	sES = TCPEstablished
	sFW = TCPFinWait
	sCW = TCPCloseWait
	sLA = TCPLastAck
	sTW = TCPTimeWait
	sCL = TCPClose
	sS2 = TCPSynSent2
	sIV = tcpIV
	sIG = tcpIG
)

// tcpTable mirrors tcp_conntracks[dir][index][state]; columns NO SS SR ES FW CW LA TW CL S2.
var tcpTable = [2][6][10]TCPState{
	{ // original
		idxSYN:    {sSS, sSS, sIG, sIG, sIG, sIG, sIG, sSS, sSS, sS2},
		idxSYNACK: {sIV, sIV, sSR, sIV, sIV, sIV, sIV, sIV, sIV, sSR},
		idxFIN:    {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
		idxACK:    {sES, sIV, sES, sES, sCW, sCW, sTW, sTW, sCL, sIV},
		idxRST:    {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
		idxNone:   {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV},
	},
	{ // reply
		idxSYN:    {sIV, sS2, sIV, sIV, sIV, sIV, sIV, sSS, sIV, sS2},
		idxSYNACK: {sIV, sSR, sIG, sIG, sIG, sIG, sIG, sIG, sIG, sSR},
		idxFIN:    {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
		idxACK:    {sIV, sIG, sSR, sES, sCW, sCW, sTW, sTW, sCL, sIG},
		idxRST:    {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
		idxNone:   {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV},
	},
}

// tcpPacket mirrors nf_conntrack_tcp_packet for an in-window packet, on w.e.
func (w *work) tcpPacket() fate {
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

// tcpNew mirrors tcp_new: which packets may begin a connection.
func (w *work) tcpNew(index uint8) bool {
	t := &w.s.tcp
	*t = TCPInfo{Last: TCPLast{Known: true, Index: idxNone}}
	w.e.TCP = t
	switch tcpTable[0][index][TCPNone] {
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

// tcpOwn gives w.e a TCP part of its own to change, and one where the table exports none.
func (w *work) tcpOwn() {
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

func (w *work) tcpStep(index uint8) fate {
	t, dir := w.e.TCP, dirIndex(w.reply)
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
		w.why("no " + tcpIndexName(index) + " from this side is expected in this TCP state (tcp_conntracks)")
		return invalid
	case TCPTimeWait:
		if old == TCPLastAck && index == idxACK && t.Last.Known && t.Last.Reply != w.reply &&
			t.Last.Index == idxSYN && t.Last.ChallengeAck {
			t.Last.ChallengeAck = false // RFC 5961: this ACK answers the SYN, not the FIN
			w.dirty = true
			return accept
		}
	case TCPSynSent2:
		t.Last.SimOpen = true
	case TCPSynRecv:
		if w.reply && index == idxACK && t.Last.SimOpen {
			state = TCPEstablished
		}
	}
	return w.tcpAccept(index, old, state)
}

// tcpReopen decides a SYN on a closed connection: proceed means that it is let through like an ignored one.
func (w *work) tcpReopen() fate {
	t := w.e.TCP
	switch {
	case (t.FlagsOrig|t.FlagsReply)&TCPFlagCloseInit != 0:
		w.why("SYN on a closed connection: the entry is deleted and the packet begins a new one")
		return repeat
	case t.Last.Known && t.Last.Index == idxRST && t.Last.Reply == w.reply:
		w.why("SYN after the same side's reset: the entry is deleted and the packet begins a new one")
		return repeat
	case !t.Last.Known:
		if w.q.ask("ct-reopen", "a SYN on a reset connection begins a new one if the last packet was the same side's reset, which the "+
			"table does not tell", "reset by the other side", "reset by the same side") == 1 {
			w.why("SYN after the same side's reset: the entry is deleted and the packet begins a new one")
			return repeat
		}
		w.why("SYN after the other side's reset: let through on the closed connection")
	}
	return proceed
}

// tcpIgnored lets a packet through without believing it (case TCP_CONNTRACK_IGNORE).
func (w *work) tcpIgnored(index uint8, old TCPState) fate {
	t := w.e.TCP
	if index == idxSYNACK && t.Last.Known && t.Last.Index == idxSYN && t.Last.Reply != w.reply {
		w.assume(Assumed, "SYN-ACK taken as the answer to the SYN let through before: the connection is begun again")
		// The SYN's side has the flags of that SYN, this one keeps being liberal (nf_ct_tcp_state_reset).
		if w.reply {
			t.FlagsOrig, t.FlagsReply = 0, t.FlagsReply&TCPFlagBeLiberal
		} else {
			t.FlagsOrig, t.FlagsReply = t.FlagsOrig&TCPFlagBeLiberal, 0
		}
		return w.tcpAccept(index, TCPSynSent, TCPSynRecv)
	}
	if !t.Last.Known && index == idxSYNACK {
		w.assume(Assumed, "SYN-ACK on a live connection: taken as no answer to a SYN let through before")
	}
	if index == idxSYN && !w.reply { // last_flags begins anew
		t.Last.ChallengeAck, t.Last.SimOpen = old == TCPLastAck, false
	}
	// What the kernel let through is remembered as the last packet even when nothing else was known.
	t.Last.Known, t.Last.Index, t.Last.Reply = true, index, w.reply
	w.dirty = true
	return accept
}

// tcpAccept is what an in-window packet leaves: state, flags, timeout, ASSURED.
func (w *work) tcpAccept(index uint8, old, state TCPState) fate {
	t := w.e.TCP
	w.tcpWindow(index, old)
	t.Last.Known, t.Last.Index, t.Last.Reply = true, index, w.reply
	t.State = state
	sender := &t.FlagsOrig
	if w.reply {
		sender = &t.FlagsReply
	}
	// A liberal side's packets pass even while the other's window is unknown, but then nothing is learnt from them.
	unseen := *sender&TCPFlagBeLiberal != 0 && w.e.Status&SeenReply == 0 && !w.reply
	if !w.k.Sysctl.TCPNoWindowCheck && w.r.Packet.TCPFlags&tcpACK != 0 && !unseen {
		*sender |= TCPFlagMaxAckSet
	}
	if old != state && state == TCPFinWait {
		*sender |= TCPFlagCloseInit
	}
	timeout := w.timeouts().TCP[state]
	if index == idxRST {
		timeout = w.timeouts().TCP[TCPClose]
	}
	if w.e.Status&SeenReply == 0 {
		if index == idxRST {
			w.why("reset on a connection never answered: its entry is deleted")
			return killed
		}
		if index == idxSYN && old == TCPSynSent {
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

// tcpWindow notes where the answer rests on sequence numbers, which nothing exports (tcp_in_window).
func (w *work) tcpWindow(index uint8, old TCPState) {
	t, k := w.e.TCP, &w.k.Sysctl
	sender, receiver := t.FlagsOrig, t.FlagsReply
	if w.reply {
		sender, receiver = receiver, sender
	}
	switch {
	case w.e.Status&Confirmed == 0 || old < TCPEstablished || old == TCPSynSent2:
	case index == idxRST:
		if old == TCPEstablished && receiver&TCPFlagMaxAckSet != 0 {
			w.assume(Assumed, "the reset's sequence number cannot be checked: taken as exactly the expected one")
		}
	case !k.TCPNoWindowCheck && !k.TCPBeLiberal && sender&TCPFlagBeLiberal == 0 && !w.r.Packet.InWindow:
		w.assume(Assumed, "the TCP window cannot be read: taken as in window")
	}
}

func tcpIndexName(index uint8) string {
	return [...]string{"SYN", "SYN-ACK", "FIN", "ACK", "RST", "packet without flags"}[index]
}

func dirIndex(reply bool) int {
	if reply {
		return 1
	}
	return 0
}
