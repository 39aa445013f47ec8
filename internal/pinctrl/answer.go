package pinctrl

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Responder models the ovn-controller of one release; of the newest known one without a Release.
type Responder struct{ Release Release }

// Answer returns what ovn-controller does with pkt, the packet at the controller action. flow
// contains the registers at that point; if no action ran after it, this may be the segment's final
// flow.
func (r Responder) Answer(p Punt, pkt packet.Packet, flow openflow.Flow) Result {
	a := &answer{who: r, punt: p, pkt: pkt, regs: ofreplay.RegistersOf(flow)}
	a.Name = p.Name()
	switch {
	case p.Reason != "":
		a.ignore("ovn-controller ignores packets punted for the reason " + p.Reason)
	case !p.HasOpcode:
		a.ignore("ovn-controller ignores a packet without OVN's action header")
	default:
		a.Opcode = p.Opcode
		a.dispatch()
	}
	return a.Result
}

// answer is the state of one call of Answer.
type answer struct {
	Result
	who  Responder
	punt Punt
	pkt  packet.Packet
	regs ofreplay.Registers
}

// dispatch is the switch of process_packet_in.
func (a *answer) dispatch() {
	switch op := a.punt.Opcode; op {
	case OpReject:
		a.reject()
	case OpTCPReset:
		a.reset(false)
	case OpSCTPAbort:
		a.abort(false)
	case OpICMP:
		a.icmp(true, false)
	case OpICMP4Error, OpICMP6Error:
		a.icmp(false, false)
	case OpARP:
		a.arp()
	case OpNDNS:
		a.solicit()
	case OpNDNA, OpNDNARouter:
		a.advertise(op == OpNDNARouter)
	case OpSplitBufAction:
		a.splitBuf()
	case OpPutDHCPOpts, OpPutDHCPv6Opts, OpDNSLookup, OpPutNDRAOpts, OpDHCPRelayReqChk, OpDHCPRelayRespChk,
		OpPutICMP4FragMTU, OpPutICMP6FragMTU, OpPutICMP4InnerIP4Src:
		a.resume()
	case opNotCollected, opNotLearned:
		a.notCollected()
	default:
		a.aside()
	}
}

func (a *answer) ignore(text string) {
	a.Kind, a.Hint, a.Text = Ignores, HintDropped, text
}

// send makes pkt the generated packet and runs the nested actions on it.
func (a *answer) send(pkt packet.Packet, nested []ofreplay.Action) {
	a.Kind, a.InPort = Generates, "CONTROLLER"
	a.Generated = &pkt
	a.Metadata = a.regs.Fields()
	all := append(reload(a.regs), traceable(nested)...)
	answer, regs, lost := ofreplay.Run(pkt, a.regs, nested)
	opaque := false
	ofreplay.Walk(all, func(x ofreplay.Action) {
		if o, ok := x.(ofreplay.Opaque); ok && !opaque {
			opaque, lost = true, "nested action not understood: "+o.Why
		}
	})
	if lost == "" {
		a.Answer, a.AnswerMetadata = &answer, regs.Fields()
	}
	a.Unknown = lost
	if !opaque {
		a.Actions = ofreplay.Text(all)
	}
}

// traceable returns the actions without the paused controller actions with which OVN before 24.09
// wrote the MTU into the ICMP header: ovn-controller resumes at once, but a trace would end there.
func traceable(nested []ofreplay.Action) []ofreplay.Action {
	var out []ofreplay.Action
	for _, x := range nested {
		if c, ok := x.(ofreplay.Controller); ok && writesMTU(nestedPunt(c).Opcode) {
			continue
		}
		out = append(out, x)
	}
	return out
}

// writesMTU reports whether an action writes the MTU into an ICMP error, as OVN did before 24.09.
func writesMTU(op Opcode) bool { return op == OpPutICMP4FragMTU || op == OpPutICMP6FragMTU }

// best returns the packet to describe: the answer if there is one, else the generated packet.
func (a *answer) best() packet.Packet {
	if a.Answer != nil {
		return *a.Answer
	}
	return *a.Generated
}

// reject is pinctrl_handle_reject.
func (a *answer) reject() {
	if what := a.unanswerable(); what != "" && !a.who.Release.before(21, 9) {
		a.ignore("dropped by a reject rule; ovn-controller does not answer " + what)
		return
	}
	switch {
	case a.pkt.IsIP() && a.pkt.Proto == packet.ProtoTCP:
		a.reset(true)
	case a.pkt.IsIP() && a.pkt.Proto == packet.ProtoSCTP && !a.who.Release.before(21, 3):
		a.abort(true)
	default:
		a.icmp(true, true)
	}
}

// unanswerable is pinctrl_handle_reject_ignore_pkt (since 21.09): it returns the kind of a packet
// that ovn-controller does not answer; empty for any other.
func (a *answer) unanswerable() string {
	p := a.pkt
	switch {
	case p.IsIP() && p.Proto == packet.ProtoTCP && p.TCPFlags&packet.FlagRST != 0:
		return "a TCP reset"
	case p.IsICMP() && p.ICMPType == packet.ICMPUnreachable, p.IsICMPv6() && p.ICMPType == packet.ICMPv6Unreachable:
		return "a destination unreachable"
	}
	return ""
}

func (a *answer) reset(loopback bool) {
	if !a.pkt.IsIP() || a.pkt.Proto != packet.ProtoTCP {
		a.ignore("ovn-controller sends no TCP reset for a packet that is not TCP")
		return
	}
	a.send(composeReset(a.pkt, loopback), a.punt.Nested)
	a.Hint = HintRejected
	b := a.best()
	a.Text = "ovn-controller sends a TCP reset back to " + end(b.Dst, b.DstPort)
}

func (a *answer) abort(loopback bool) {
	if !a.pkt.IsIP() || a.pkt.Proto != packet.ProtoSCTP {
		a.ignore("ovn-controller sends no SCTP abort for a packet that is not SCTP")
		return
	}
	a.send(composeAbort(a.pkt, loopback), a.punt.Nested)
	a.Hint = HintRejected
	b := a.best()
	a.Text = "ovn-controller sends an SCTP abort back to " + end(b.Dst, b.DstPort) + ", unless the packet is an abort itself"
}

func (a *answer) icmp(setCode, loopback bool) {
	if !a.pkt.IsIP() {
		a.ignore("ovn-controller sends no ICMP error for a packet that is not IP")
		return
	}
	mtu, note := nestedMTU(a.punt.Nested)
	a.MTU = mtu
	var early *uint32
	if note { // ofpacts_get_ovn_field: pinctrl itself makes it a packet-too-big
		early = &mtu
	}
	a.send(a.who.composeICMP(a.pkt, setCode, loopback, early), a.punt.Nested)
	b := a.best()
	what, hint := icmpName(b)
	a.Hint = hint
	a.Text = fmt.Sprintf("ovn-controller sends ICMP %s (type %d, code %d) from %s back to %s", what, b.ICMPType, b.ICMPCode, b.Src, b.Dst)
	if mtu != 0 {
		a.Text += ", MTU " + strconv.FormatUint(uint64(mtu), 10)
	}
}

// icmpName returns the name of an ICMP error, and its verdict: time exceeded and packet too big are
// "controller", other errors "rejected".
func icmpName(p packet.Packet) (string, Hint) {
	if p.EthType == packet.EthIPv6 {
		switch p.ICMPType {
		case packet.ICMPv6TooBig:
			return "packet too big", HintController
		case packet.ICMPv6TimeExceeded:
			return "time exceeded", HintController
		case packet.ICMPv6Unreachable:
			return "destination unreachable", HintRejected
		}
		return "error", HintRejected
	}
	switch {
	case p.ICMPType == packet.ICMPTimeExceeded:
		return "time exceeded", HintController
	case p.ICMPType == packet.ICMPUnreachable && p.ICMPCode == 4:
		return "fragmentation needed", HintController
	case p.ICMPType == packet.ICMPUnreachable:
		return "destination unreachable", HintRejected
	}
	return "error", HintRejected
}

// nestedMTU returns the value of icmp4.frag_mtu or icmp6.frag_mtu: it is in a note since 24.09, in
// a paused controller action before.
func nestedMTU(nested []ofreplay.Action) (mtu uint32, note bool) {
	for _, x := range nested {
		switch x := x.(type) {
		case ofreplay.Controller:
			p := nestedPunt(x)
			if p.Opcode == OpPutICMP4FragMTU && len(p.Args) >= 2 {
				mtu = uint32(binary.BigEndian.Uint16(p.Args))
			}
			if p.Opcode == OpPutICMP6FragMTU && len(p.Args) >= 4 {
				mtu = binary.BigEndian.Uint32(p.Args)
			}
		case ofreplay.Note: // struct ovn_field_note_header: "ovn\0", enum ovn_field_id, two bytes of padding
			if len(x.Data) < 10 || string(x.Data[:4]) != "ovn\x00" {
				continue
			}
			switch id := binary.BigEndian.Uint16(x.Data[4:]); {
			case id == 0:
				return uint32(binary.BigEndian.Uint16(x.Data[8:])), true
			case id == 1 && len(x.Data) >= 12:
				return binary.BigEndian.Uint32(x.Data[8:]), true
			}
		}
	}
	return mtu, false
}

// arp is pinctrl_handle_arp.
func (a *answer) arp() {
	if !a.pkt.IsIP() {
		a.ignore("ovn-controller asks no address for a packet that is not IP")
		return
	}
	a.send(composeARP(a.pkt), a.punt.Nested)
	a.Await = &Await{a.regs.IP4(0), a.regs.Metadata, a.regs.Reg[15]}
	if a.Answer != nil && a.Answer.Dst.Is4() {
		a.Await.Addr = a.Answer.Dst
	}
	a.buffered("ARP")
}

// solicit is pinctrl_handle_nd_ns.
func (a *answer) solicit() {
	if !a.pkt.IsIP() {
		a.ignore("ovn-controller asks no address for a packet that is not IP")
		return
	}
	// Up to 25.09 the packet's own destination was solicited unless the actions set another target;
	// 20.03 kept the packet's source.
	target, src := a.regs.IP6(0), linkLocal(a.pkt.EthSrc)
	if a.who.Release.before(26, 3) && a.pkt.EthType == packet.EthIPv6 {
		target = a.pkt.Dst
	}
	if a.who.Release.before(20, 6) {
		src = a.pkt.Src
	}
	a.send(composeNS(a.pkt, src, target), a.punt.Nested)
	a.Await = &Await{a.regs.IP6(0), a.regs.Metadata, a.regs.Reg[15]}
	if a.Answer != nil && a.Answer.NDTarget.IsValid() {
		a.Await.Addr = a.Answer.NDTarget
	}
	a.buffered("neighbour discovery")
}

// buffered sets the result for a packet that pinctrl_handle_buffered_packets keeps.
func (a *answer) buffered(how string) {
	a.Hint = HintController
	a.Text = fmt.Sprintf("OVN asks by %s for %s first; the packet is buffered, to leave out of port key %d of datapath %d once that is answered",
		how, a.Await.Addr, a.Await.OutPort, a.Await.Datapath)
}

// advertise is pinctrl_handle_nd_na.
func (a *answer) advertise(router bool) {
	if !a.pkt.IsND() {
		a.ignore("ovn-controller advertises nothing for a packet that is not neighbour discovery")
		return
	}
	a.send(composeNA(a.pkt), a.punt.Nested)
	a.Hint = HintFollow
	b := a.best()
	as := ""
	if router {
		as = " as a router"
	}
	a.Text = fmt.Sprintf("ovn-controller answers%s: %s is at %s", as, b.NDTarget, b.NDTLL)
}

// splitBuf is pinctrl_split_buf_action_handler: the same packet continues in another table, with
// two registers set.
func (a *answer) splitBuf() {
	b := a.punt.Args
	if len(b) < 9 {
		a.ignore("ovn-controller ignores a split_buf_action without its arguments")
		return
	}
	a.send(a.pkt, []ofreplay.Action{
		ofreplay.SetField{Field: ofreplay.FieldNamed("reg6"), Value: b[:4]},
		ofreplay.SetField{Field: ofreplay.FieldNamed("reg15"), Value: b[4:8]},
		ofreplay.Resubmit{InPort: ofreplay.PortController, Table: b[8]},
	})
	a.Hint = HintFollow
	a.Text = "ovn-controller sends the packet on with the rest of a long action list"
}

// end returns ADDR:PORT.
func end(a netip.Addr, port uint16) string {
	if !a.IsValid() {
		return "port " + strconv.Itoa(int(port))
	}
	return netip.AddrPortFrom(a, port).String()
}
