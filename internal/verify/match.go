package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Seen is a frame that came out and was taken for the packet.
type Seen struct {
	Place     Place
	Time      time.Time
	Packet    packet.Packet
	Predicted bool // a frame of the best outcome is this one; set by Judge
}

// Looked is an entry that was looked up after the packet had passed.
type Looked struct {
	Chassis   string
	Predicted ctstate.Entry
	Found     *ctstate.Entry // nil if there is none
}

// Verdict is the result of the comparison.
type Verdict struct {
	Agrees  *bool    // nil if it cannot be determined
	Why     []string // differences, or what could not be determined
	Outcome int      // index of the outcome that is nearest to what was seen
	// Unwatched are the ends of that outcome that could not be watched, beside those that were.
	Unwatched []string
}

// Judge compares what was seen with the outcomes. It marks the frames that are predicted.
func (p *Plan) Judge(seen []Seen) Verdict {
	best, bestWhy := -1, []string(nil)
	for i, o := range p.Outcomes {
		if why := o.differences(seen); best < 0 || len(why) < len(bestWhy) {
			best, bestWhy = i, why
		}
	}
	v := Verdict{Outcome: best, Why: bestWhy}
	o := p.Outcomes[best]
	for i := range seen {
		seen[i].Predicted = slices.ContainsFunc(o.Frames, func(e Expected) bool { return e.is(seen[i]) })
	}
	agrees := len(v.Why) == 0
	if agrees && len(o.Frames) == 0 && !o.Dropped {
		v.Why = []string{"nothing came out, as predicted; but where the packet ends cannot be watched: " + strings.Join(o.Hidden, ", ")}
		return v
	}
	v.Agrees, v.Unwatched = &agrees, o.Hidden
	return v
}

// differences lists how the frames that were seen differ from an outcome.
func (o *Outcome) differences(seen []Seen) []string {
	var out []string
	for _, e := range o.Frames {
		if slices.ContainsFunc(seen, e.is) {
			continue
		}
		text := fmt.Sprintf("predicted at %s, and not seen there: %v", e.Place, e.Packet)
		if i := slices.IndexFunc(seen, func(s Seen) bool { return s.Place == e.Place && !o.predicts(s) }); i >= 0 {
			text = fmt.Sprintf("at %s: %s", e.Place, strings.Join(e.unlike(seen[i].Packet), ", "))
		}
		out = append(out, text)
	}
	for _, s := range seen {
		if !o.predicts(s) && !slices.ContainsFunc(o.Frames, func(e Expected) bool { return e.Place == s.Place && !slices.ContainsFunc(seen, e.is) }) {
			out = append(out, fmt.Sprintf("seen at %s, and not predicted there: %v", s.Place, s.Packet))
		}
	}
	return out
}

// predicts reports whether a frame is one of the outcome's.
func (o *Outcome) predicts(s Seen) bool {
	return slices.ContainsFunc(o.Frames, func(e Expected) bool { return e.is(s) })
}

// is reports whether a frame is the expected one.
func (e Expected) is(s Seen) bool { return s.Place == e.Place && len(e.unlike(s.Packet)) == 0 }

// unlike lists the headers of a frame that are not as expected. Lengths are not compared, nor
// checksums.
func (e Expected) unlike(got packet.Packet) []string {
	var out []string
	want := e.Packet
	diff := func(name string, want, got any) {
		if want != got {
			out = append(out, fmt.Sprintf("%s is %v, predicted %v", name, got, want))
		}
	}
	diff("source MAC", want.EthSrc, got.EthSrc)
	diff("destination MAC", want.EthDst, got.EthDst)
	diff("VLAN", tags(want), tags(got))
	diff("Ethernet type", fmt.Sprintf("0x%04x", want.EthType), fmt.Sprintf("0x%04x", got.EthType))
	if !e.AnyAddr {
		diff("source", want.Src, got.Src)
		diff("destination", want.Dst, got.Dst)
	}
	diff("protocol", packet.ProtoName(want.Proto), packet.ProtoName(got.Proto))
	diff("TTL", want.TTL, got.TTL)
	diff("TOS", want.TOS, got.TOS)
	if !e.AnyPort {
		diff("source port", want.SrcPort, got.SrcPort)
		diff("destination port", want.DstPort, got.DstPort)
		if want.HasID && want.IsQuery() {
			diff("ICMP id", want.ICMPID, got.ICMPID)
		}
	}
	diff("TCP flags", want.TCPFlags.String(), got.TCPFlags.String())
	diff("ICMP type", want.ICMPType, got.ICMPType)
	diff("ICMP code", want.ICMPCode, got.ICMPCode)
	diff("ARP operation", want.ARPOp, got.ARPOp)
	diff("ARP sender", want.ARPSHA, got.ARPSHA)
	diff("ARP target", want.ARPTHA, got.ARPTHA)
	diff("ND target", want.NDTarget, got.NDTarget)
	return out
}

// tags returns VLAN ids as text.
func tags(p packet.Packet) string {
	var ids []string
	for _, v := range p.VLANs {
		ids = append(ids, fmt.Sprint(v.VID))
	}
	if ids == nil {
		return "none"
	}
	return strings.Join(ids, ",")
}

// Complete reports whether every frame of some outcome was seen, so that only an unpredicted one
// can still come.
func (p *Plan) Complete(seen []Seen) bool {
	return slices.ContainsFunc(p.Outcomes, func(o Outcome) bool {
		return len(o.Frames) > 0 && !slices.ContainsFunc(o.Frames, func(e Expected) bool { return !slices.ContainsFunc(seen, e.is) })
	})
}

// JudgeEntries adds what the entries of the chassis say to a verdict.
func (p *Plan) JudgeEntries(v *Verdict, looked []Looked) {
	loose := p.Outcomes[v.Outcome].loose
	for _, l := range looked {
		why := ""
		switch f := l.Found; {
		case f == nil:
			why = "predicted, and not in the table"
		case f.Orig != l.Predicted.Orig || f.Reply != l.Predicted.Reply && !loose:
			why = fmt.Sprintf("the table has %v, reply %v", f.Orig, f.Reply)
		case f.Mark != l.Predicted.Mark:
			why = fmt.Sprintf("its mark is 0x%x, predicted 0x%x", f.Mark, l.Predicted.Mark)
		case f.Label != l.Predicted.Label:
			why = fmt.Sprintf("its label is %v, predicted %v", f.Label, l.Predicted.Label)
		}
		if why != "" {
			no := false
			v.Agrees = &no
			v.Why = append(v.Why, fmt.Sprintf("entry of zone %d on %s, %v, reply %v: %s", l.Predicted.Zone, l.Chassis, l.Predicted.Orig, l.Predicted.Reply, why))
		}
	}
}
