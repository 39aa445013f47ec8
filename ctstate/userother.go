package ctstate

// userUpdate is the result of a protocol's update for a packet: enum ct_update_res.
type userUpdate uint8

const (
	userValid    userUpdate = iota // CT_UPDATE_VALID
	userValidNew                   // CT_UPDATE_VALID_NEW
	userInvalid                    // CT_UPDATE_INVALID
	userNew                        // CT_UPDATE_NEW
)

// validNew is a protocol's valid_new: it reports whether the packet may begin a connection.
func (w *userRun) validNew() bool {
	p := &w.r.Packet
	switch p.Tuple.Proto {
	case ProtoTCP:
		if userFlagsInvalid(p.TCPFlags) || p.TCPFlags&(tcpSYN|tcpACK) == tcpSYN|tcpACK {
			w.why("these TCP flags begin no connection (tcp_valid_new)")
			return false
		}
	case ProtoICMP:
		switch p.Tuple.ICMPType {
		case icmpEcho, icmpTimestamp, icmpInfoRequest:
		default:
			w.why("an answer without its request begins no connection")
			return false
		}
	case ProtoICMPv6:
		if p.Tuple.ICMPType != icmpv6EchoRequest {
			w.why("an answer without its request begins no connection")
			return false
		}
	}
	return true
}

// first fills in what a protocol's new_conn does (tcp_new_conn, icmp_new_conn, other_new_conn).
func (w *userRun) first(e *Entry) {
	t := w.timeouts(e.Orig.Proto)
	e.HasTimeout = true
	switch e.Orig.Proto {
	case ProtoTCP:
		e.UserTCP = &UserTCPInfo{Orig: UserTCPSynSent, Reply: UserTCPClosed}
		e.Timeout = t.SynSent
	case ProtoICMP, ProtoICMPv6:
		e.Timeout = t.ICMPFirst
	default:
		e.Timeout = t.First
	}
}

// update is a protocol's conn_update.
func (w *userRun) update() userUpdate {
	if w.e.Orig.Proto == ProtoTCP {
		return w.updateTCP()
	}
	return w.updateEcho(w.timeouts(w.e.Orig.Proto).echo(w.e.Orig.Proto))
}

// updateEcho is other_conn_update and icmp_conn_update: established once answered. The table does
// not export whether a connection was answered; only a timeout above that of an answered connection
// shows that it was not. In entries that it makes, the model records an answer as SEEN_REPLY.
func (w *userRun) updateEcho(unanswered, answered uint32) userUpdate {
	seen := w.e.Status&SeenReply != 0
	switch {
	case w.dir == DirReply || seen:
	case w.e.Unknown&UnknownAnswered != 0:
		seen = w.q.ask(QuestionAnswered, "the userspace table does not show whether the connection was answered",
			w.inZone("answered"), w.inZone("not answered yet")) == 0
	case w.e.Source == FromUserspace:
		w.why("more time left than an answered connection has: never answered")
	}
	w.e.Unknown &^= UnknownAnswered
	w.dirty = true
	if w.dir == DirReply {
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
