package ctstate

import "net/netip"

// userPorts reports whether a connection's key has the protocol's ports (extract_l4): SCTP's since
// 3.2 ("conntrack: Extract l4 information for SCTP"). Packets of any other protocol between two
// addresses belong to one connection.
func (r Release) userPorts(proto uint8) bool {
	return proto == ProtoTCP || proto == ProtoUDP || proto == ProtoSCTP && r.AtLeast(3, 2)
}

// userKey returns the tuple as the datapath's key has it.
func (r Release) userKey(t Tuple) Tuple {
	if HasPorts(t.Proto) && !r.userPorts(t.Proto) {
		t.Src, t.Dst = netip.AddrPortFrom(t.Src.Addr(), 0), netip.AddrPortFrom(t.Dst.Addr(), 0)
	}
	return t
}

// userPAT reports whether a protocol's ports are translated; ICMP's ids are since 4.0 ("conntrack:
// Fix ICMP id conflicts in snat").
func (r Release) userPAT(proto uint8) bool {
	return r.userPorts(proto) || proto == ProtoICMP && r.AtLeast(4, 0)
}

// oneConn: since 3.3 one struct conn has both keys ("conntrack: Remove nat_conn introducing key
// directionality").
func (r Release) oneConn() bool { return r.AtLeast(3, 3) }

// sharedDefault: before 3.5 all zones without a limit of their own share one counter ("conntrack:
// Use a per zone default limit").
func (r Release) sharedDefault() bool { return !r.AtLeast(3, 5) }

// hasUnNAT reports whether OVS before 3.3 keeps the connection's reply key in an entry of its own
// (CT_CONN_TYPE_UN_NAT) that a look-up finds. If the reply key is only the reverse of the original
// one, a look-up finds the connection itself first.
func (e *Entry) hasUnNAT() bool {
	plain, ok := e.Orig.Invert()
	return ok && plain != e.Reply
}

// userDirection is Direction for the userspace table, which tries the forward key first.
func (e *Entry) userDirection(t Tuple) (d Direction, ok bool) {
	if e.Orig == t {
		return DirOriginal, true
	}
	return DirReply, e.Reply == t
}

// leftover reports whether t is a key that a removed connection has left (OVS before 3.3).
func (w *userRun) leftover(t Tuple) bool {
	return w.left != nil && (t == w.left.Reply || t == w.left.Orig && !w.left.hasUnNAT())
}
