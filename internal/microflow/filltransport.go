package microflow

import "github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"

func fillTransport(mf *Microflow, from Endpoint, to Destination) error {
	p := &mf.Packet
	if p.Frag == packet.FragLater {
		return nil
	}
	switch {
	case p.HasPorts():
		if mf.take(HasSrcPort) {
			p.SrcPort = DefaultSrcPort
		}
		if mf.take(HasDstPort) {
			p.DstPort = defaultPort(p.Proto)
			if to.HasPort {
				p.DstPort = to.Port
			}
		} else if to.HasPort && p.DstPort != to.Port {
			return mf.conflict(HasDstPort, "", "the packet goes to port %d and not to %s", p.DstPort, to.Text)
		}
		if p.Proto == packet.ProtoTCP && mf.take(HasTCPFlags) {
			p.TCPFlags = packet.FlagSYN
		}
	case p.IsICMP(), p.IsICMPv6():
		if to.HasPort {
			return mf.conflict(HasProto, "", "%s asks for a port and the packet is %s", to.Text, packet.ProtoName(p.Proto))
		}
		fillICMP(mf, from)
	}
	return nil
}

// defaultPort returns the destination port if only the protocol is given.
func defaultPort(proto uint8) uint16 {
	switch proto {
	case packet.ProtoUDP:
		return DefaultUDPPort
	case packet.ProtoSCTP:
		return DefaultSCTPPort
	}
	return DefaultTCPPort
}

func fillICMP(mf *Microflow, from Endpoint) {
	p := &mf.Packet
	if mf.take(HasICMPType) {
		p.ICMPType = packet.ICMPEchoRequest
		if p.IsICMPv6() {
			p.ICMPType = packet.ICMPv6EchoRequest
		}
	}
	mf.take(HasICMPCode)
	if p.IsQuery() && p.Frag != packet.FragLater && mf.take(HasICMPID) {
		fillID(p)
	}
	if !p.IsND() {
		return
	}
	switch p.ICMPType {
	case packet.ICMPv6NS:
		if mf.take(HasNDSLL) {
			p.NDSLL = from.MAC
		}
	case packet.ICMPv6NA: // for the sender's own address
		if mf.take(HasNDTarget) {
			p.NDTarget = p.Src
		}
		if mf.take(HasNDTLL) {
			p.NDTLL = from.MAC
		}
	}
}

// fillID sets the id of an ICMP query. A request gets this id, unless conntrack has an entry with
// another id between the addresses. A reply has the id of its request, which is in conntrack.
func fillID(p *packet.Packet) {
	p.ICMPID, p.HasID = DefaultICMPID, !p.IsQueryReply()
	p.IDChosen = p.HasID
}

// fillCut sets what a capture has cut off a frame's last header.
func fillCut(mf *Microflow) {
	if mf.take(HasTCPFlags) {
		mf.Packet.TCPFlags = packet.FlagSYN
	}
	if mf.take(HasICMPID) {
		fillID(&mf.Packet)
	}
}
