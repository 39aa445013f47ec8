package ctstate

// extract is conn_key_extract: it sets the key for the packet's look-up, and returns false for an
// invalid packet.
func (w *userRun) extract() bool {
	p := &w.r.Packet
	t := p.Tuple
	w.key = w.u.Release.userKey(t)
	if !isICMP(t.Proto) {
		return t.IsValid() && w.portsOK(t)
	}
	if (t.Proto == ProtoICMPv6) != t.IsIPv6() {
		return false
	}
	if t.Proto == ProtoICMP && icmpIsError(t.ICMPType) || t.Proto == ProtoICMPv6 && t.ICMPType >= icmpv6DestUnreach && t.ICMPType <= icmpv6ParamProb {
		return w.extractError()
	}
	switch known := t.ICMPCode == 0; {
	case t.Proto == ProtoICMP && known && (t.ICMPType == icmpEchoReply || t.ICMPType == icmpEcho ||
		t.ICMPType >= icmpTimestamp && t.ICMPType <= icmpInfoReply):
		return true
	case t.Proto == ProtoICMPv6 && known && (t.ICMPType == icmpv6EchoRequest || t.ICMPType == icmpv6EchoReply):
		return true
	}
	w.why("this ICMP message is not tracked by the userspace datapath")
	return false
}

// extractError takes the key from the quoted packet, reversed (extract_l4_icmp).
func (w *userRun) extractError() bool {
	p := &w.r.Packet
	if p.Inner == nil {
		w.assume(Undetermined, "which connection an ICMP error belongs to cannot be known without the packet it quotes")
		return false
	}
	if p.Inner.Src.Addr() != p.Tuple.Dst.Addr() {
		w.why("the error is not addressed to the sender of the packet it quotes")
		return false
	}
	inv, ok := p.Inner.Invert()
	w.key, w.related = w.u.Release.userKey(inv), true
	return ok && w.portsOK(*p.Inner)
}

// portsOK is extract_l4_tcp and its like: port 0 is invalid.
func (w *userRun) portsOK(t Tuple) bool {
	switch {
	case !w.u.Release.userPorts(t.Proto):
	case t.Src.Port() == 0 || t.Dst.Port() == 0:
		w.why("port 0 is invalid to the userspace datapath")
		return false
	}
	return true
}
