package session

import (
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
)

// Captured is a packet of a captured exchange.
type Captured struct {
	Frame  int // its number in the capture
	Packet packet.Packet
	Reply  bool // it is for the end that sent the first packet
	// Arrived is a packet of the original direction as it was captured where it arrives, if the
	// capture was taken there: Packet is then what its sender must have sent, and what the other end
	// has sent is no prediction but as captured.
	Arrived *packet.Packet
	// Label names the packet; prepare sets it.
	Label string
}

// maxReplayed bounds the packets of an exchange that are sent.
const maxReplayed = 128

// maxWire is the longest IP packet in bytes that is taken for one packet of the wire: a capture has
// longer TCP packets before segmentation, or after receive offload has joined them.
const maxWire = 1500

// prepare names the packets of an exchange, and leaves out those that would only repeat: once the
// connection is established, a packet with the headers of an earlier one has the same way.
func (r *replay) prepare(exchange []Captured) []Captured {
	type header struct {
		reply  bool
		packet string
	}
	var out []Captured
	seen, labels := map[header]int{}, map[string]bool{}
	turns, repeated, joined := 0, 0, 0
	for i, f := range exchange {
		if i == 0 || f.Reply != exchange[i-1].Reply {
			turns++
		}
		f.Packet.IDChosen = false
		if f.Packet.Proto == ctstate.ProtoTCP && f.Packet.Length > maxWire {
			f.Packet.Length = 0
			joined++
		}
		like := f.Packet
		like.TCPFlags &^= packet.FlagPSH
		key := header{f.Reply, like.String()}
		if length, ok := seen[key]; ok && turns > 2 && f.Packet.Length <= length {
			repeated++
			continue
		}
		if turns > 2 {
			seen[key] = f.Packet.Length
		}
		if len(out) == maxReplayed {
			r.remark("frame %d and %d more packets of the connection are not replayed", f.Frame, len(exchange)-i-1)
			break
		}
		f.Label = labelOf(f)
		if labels[f.Label] {
			f.Label += fmt.Sprintf(" (frame %d)", f.Frame)
		}
		labels[f.Label] = true
		out = append(out, f)
	}
	if repeated > 0 {
		r.remark("%d packets of the connection have the headers of an earlier one, and are not traced again", repeated)
	}
	if joined > 0 {
		r.remark("%d tcp packets are longer than %d bytes, as offloading leaves them: their length is not used", joined, maxWire)
	}
	return out
}

// labelOf names a packet by its role in the exchange.
func labelOf(f Captured) string {
	p := f.Packet
	switch {
	case p.IsICMPError():
		return "icmp error"
	case p.IsQuery() && p.IsQueryReply():
		return "echo reply"
	case p.IsQuery():
		return "echo request"
	case p.Proto == ctstate.ProtoTCP:
		return tcpLabel(p.TCPFlags, f.Reply)
	case f.Reply:
		return "response"
	}
	return "request"
}

func tcpLabel(flags packet.TCPFlags, reply bool) string {
	switch {
	case flags&rst != 0:
		return "RST"
	case flags&(syn|ack) == syn|ack:
		return "SYN-ACK"
	case flags&syn != 0:
		return "SYN"
	case flags&fin != 0 && reply:
		return "FIN-ACK"
	case flags&fin != 0:
		return "FIN"
	case flags&packet.FlagPSH != 0:
		return "data"
	}
	return "ACK"
}

// answer returns what a host that received p has sent where another end saw the captured packet:
// the reply to p with that packet's flags, or an ICMP error of its kind about p. asked is the
// address to which that end had sent p: an error from any other is a router's, and keeps its
// source.
func answer(p, captured packet.Packet, asked netip.Addr) packet.Packet {
	a := reply(p)
	a.Length, a.TOS = captured.Length, captured.TOS
	if !captured.IsICMPError() {
		a.TCPFlags, a.ICMPType, a.ICMPCode = captured.TCPFlags, captured.ICMPType, captured.ICMPCode
		return a
	}
	a.Proto, a.ICMPType, a.ICMPCode, a.TCPFlags = captured.Proto, captured.ICMPType, captured.ICMPCode, 0
	a.SrcPort, a.DstPort, a.ICMPID, a.HasID = 0, 0, 0, false
	if captured.Src != asked {
		a.Src = captured.Src
	}
	a.Inner = &packet.Inner{Proto: p.Proto, Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort,
		ICMPType: p.ICMPType, ICMPCode: p.ICMPCode, ICMPID: p.ICMPID}
	return a
}

// compare returns how a captured packet differs from the predicted one, and what was predicted;
// nothing where they agree.
func compare(predicted, captured packet.Packet) (what, instead string) {
	p, c := predicted, captured
	switch {
	case p.Proto != c.Proto:
		return "as " + packet.ProtoName(c.Proto), "as " + packet.ProtoName(p.Proto)
	case p.Src != c.Src || p.SrcPort != c.SrcPort:
		return "from " + endpoint(c, false), "from " + endpoint(p, false)
	case p.Dst != c.Dst || p.DstPort != c.DstPort:
		return "to " + endpoint(c, true), "to " + endpoint(p, true)
	case p.ICMPType != c.ICMPType || p.ICMPCode != c.ICMPCode:
		return fmt.Sprintf("with type %d code %d", c.ICMPType, c.ICMPCode), fmt.Sprintf("with type %d code %d", p.ICMPType, p.ICMPCode)
	case p.HasID && c.HasID && p.ICMPID != c.ICMPID:
		return fmt.Sprintf("with identifier %d", c.ICMPID), fmt.Sprintf("with identifier %d", p.ICMPID)
	case p.Inner != nil && c.Inner != nil && *p.Inner != *c.Inner:
		return "about " + about(*c.Inner), "about " + about(*p.Inner)
	}
	return "", ""
}

func about(in packet.Inner) string {
	p := packet.Packet{Src: in.Src, Dst: in.Dst, SrcPort: in.SrcPort, DstPort: in.DstPort}
	return packet.ProtoName(in.Proto) + " " + endpoint(p, false) + " > " + endpoint(p, true)
}

// does returns what a received packet does, in words.
func does(p packet.Packet) string {
	switch {
	case p.IsICMPError():
		return fmt.Sprintf("is an icmp error (type %d code %d) about it", p.ICMPType, p.ICMPCode)
	case p.Proto == ctstate.ProtoTCP && p.TCPFlags&rst != 0:
		return "is a reset"
	}
	return "answers it"
}

// refuses reports whether a packet says that nobody takes another.
func refuses(p packet.Packet) bool {
	return p.Proto == ctstate.ProtoTCP && p.TCPFlags&rst != 0 || unreachable(p)
}

func unreachable(p packet.Packet) bool {
	return p.IsICMP() && p.ICMPType == packet.ICMPUnreachable || p.IsICMPv6() && p.ICMPType == packet.ICMPv6Unreachable
}

// refusedBy reports whether a captured packet is what OVN would have sent for a packet that ended
// so: a reset or an error for a rejected one, an error for one that ovn-controller took.
func refusedBy(end *driver.Branch, p packet.Packet) bool {
	switch end.Verdict {
	case engine.Rejected:
		return refuses(p)
	case engine.Controller:
		return p.IsICMPError()
	}
	return false
}
