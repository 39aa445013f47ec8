package diagnose

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// followed returns the branch of a packet that an answer shows: the one that broke the session,
// else the first.
func (j *judge) followed(r *report.Report, p *report.Packet) *report.Branch {
	if q, ends := broken(r); q == p && len(ends) > 0 {
		return ends[0]
	}
	for _, b := range ownBranches(p) {
		if b.Verdict == engine.Delivered && (j.Port == "" || b.End.Port == j.Port) {
			return b
		}
	}
	own := ownBranches(p)
	if len(own) == 0 {
		return nil
	}
	for _, b := range own { // before a copy that a bridge floods to its own port
		if b.Verdict == engine.External {
			return b
		}
	}
	return own[0]
}

// segments returns the segments on a branch's way, with their hops.
func segments(p *report.Packet, b *report.Branch) []visited {
	var out []visited
	for _, at := range b.Segments {
		if at[0] >= len(p.Hops) || at[1] >= len(p.Hops[at[0]].Segments) {
			continue
		}
		h := p.Hops[at[0]]
		out = append(out, visited{Hop: h, index: at[0], Segment: h.Segments[at[1]]})
	}
	return out
}

// visited is a segment on a packet's way.
type visited struct {
	*report.Hop
	*report.Segment
	index int // of the hop
}

// path returns the way of the first packet on one line: the port, the switches and routers that it
// passes, the chassis, and its end.
func (j *judge) path(r *report.Report) string {
	if len(r.Packets) == 0 {
		return ""
	}
	p := r.Packets[0]
	b := j.followed(r, p)
	if b == nil {
		return ""
	}
	w := strings.Builder{}
	w.WriteString(p.From.Port + " @" + p.From.Chassis)
	hop, at, first := 0, "", true
	for _, v := range segments(p, b) {
		if v.index != hop {
			hop = v.index
			w.WriteString(link(v.Hop))
		}
		for _, t := range v.Tables {
			if t.LogicalFlow == nil || t.LogicalFlow.Datapath == "" || t.LogicalFlow.Datapath == at {
				continue
			}
			at = t.LogicalFlow.Datapath
			if !first {
				w.WriteString(" → " + at)
			}
			first = false
		}
	}
	w.WriteString(end(b))
	return w.String()
}

// link returns how a packet reached another chassis.
func link(h *report.Hop) string {
	switch {
	case h.Tunnel != nil:
		return " ⇒" + h.Tunnel.Type + "⇒ " + h.Chassis
	case h.Via == report.ViaController:
		return " → ovn-controller@" + h.Chassis
	}
	return " ⇒" + string(h.Via) + "⇒ " + h.Chassis
}

// end returns the end of a path.
func end(b *report.Branch) string {
	switch b.Verdict {
	case engine.Delivered:
		return " → " + b.End.Port
	case engine.External:
		return " → outside by " + b.End.Port
	case engine.Host:
		return " → " + b.End.Chassis + " itself"
	}
	text := " ✗ " + b.Verdict.String()
	if b.Reason != nil && b.Reason.Stage != "" {
		text += " in " + b.Reason.Stage
	}
	return text
}
