package publish

import (
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// ctStep is the public form of a ct() action; zones are the names of zones.
func ctStep(c engine.CTStep, zones map[uint16]string) report.CT {
	res := c.Result
	out := report.CT{
		Zone: c.Zone, ZoneName: zones[c.Zone], Action: c.Action, Tuple: Tuple(c.Tuple),
		Found: report.Found(res.Found.String()), Entry: entry(res.Hit), Committed: entry(res.Committed), Deleted: entry(res.Deleted),
		State: res.Conn.State.String(), Mark: fmt.Sprintf("0x%x", res.Conn.Mark), Label: res.Conn.Label.String(),
		Certainty: report.Certainty(res.Certainty.String()), Why: res.Why, Cached: !res.Looked,
	}
	if c.Err != "" {
		out.Certainty, out.Why = report.CertaintyUndetermined, append(out.Why, c.Err)
	}
	if res.Hit != nil {
		out.Direction = report.Direction(res.Dir.String())
	}
	if res.NATed {
		n := &report.NAT{From: report.HeaderOf(c.Before), To: report.HeaderOf(c.After), Determined: true}
		if res.Certainty == ctstate.Undetermined {
			n.Determined = false
		}
		why := res.Why
		for _, d := range c.Depends {
			if !d.Determined && (d.Kind == engine.ChoiceNATPort || d.Kind == engine.ChoiceNATAddress) {
				n.Determined = false
				why = append(why[:len(why):len(why)], fmt.Sprintf("%s %s was picked for an earlier packet", d.Kind, d.Chosen))
			}
		}
		for i, w := range why {
			if i > 0 {
				n.Why += "; "
			}
			n.Why += w
		}
		out.NAT = n
	}
	return out
}

// Entry is the public form of a conntrack entry; nil gives nil.
func Entry(e *ctstate.Entry) *report.Entry { return entry(e) }

// entry is the public form of a conntrack entry; nil gives nil.
func entry(e *ctstate.Entry) *report.Entry {
	if e == nil {
		return nil
	}
	r := &report.Entry{
		Original: *Tuple(e.Orig), Reply: *Tuple(e.Reply), Status: e.Status.String(),
		Timeout: e.Timeout, Mark: fmt.Sprintf("0x%x", e.Mark), Label: e.Label.String(),
	}
	if c := e.Counters; c != nil {
		r.Counters = &report.Counters{Original: report.Counter(c.Orig), Reply: report.Counter(c.Reply)}
	}
	switch {
	case e.TCP != nil:
		r.Protoinfo = e.TCP.State.String()
	case e.UserTCP != nil: // each peer has a state of its own
		r.Protoinfo = e.UserTCP.Orig.String()
		if reply := e.UserTCP.Reply.String(); reply != r.Protoinfo {
			r.Protoinfo += "/" + reply
		}
	case e.SCTP != nil && e.SCTP.State <= ctstate.SCTPHeartbeatSent:
		r.Protoinfo = e.SCTP.State.String()
	case e.SCTP != nil:
		r.Protoinfo = fmt.Sprintf("sctp state %d", e.SCTP.State)
	}
	return r
}

// Tuple is the public form of a tuple; that of a packet which conntrack does not track has empty
// addresses.
func Tuple(t ctstate.Tuple) *report.Tuple {
	r := &report.Tuple{Proto: packet.ProtoName(t.Proto), Src: addrText(t.Src.Addr()), Dst: addrText(t.Dst.Addr())}
	switch t.Proto {
	case ctstate.ProtoICMP, ctstate.ProtoICMPv6:
		id, typ, code := t.ICMPID, t.ICMPType, t.ICMPCode
		r.ICMPID, r.ICMPType, r.ICMPCode = &id, &typ, &code
	case ctstate.ProtoTCP, ctstate.ProtoUDP, ctstate.ProtoSCTP, ctstate.ProtoUDPLite:
		sp, dp := t.Src.Port(), t.Dst.Port()
		r.Sport, r.Dport = &sp, &dp
	}
	return r
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
