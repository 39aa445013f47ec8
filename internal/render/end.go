package render

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// verdictSpan is a verdict's name in its colour.
func verdictSpan(v engine.Verdict) span {
	switch v {
	case engine.Delivered:
		return span{v.String(), green}
	case engine.Dropped, engine.Rejected:
		return span{v.String(), red}
	case engine.Unknown:
		return span{v.String(), yellow}
	}
	return span{v.String(), cyan}
}

// place is a port with its chassis.
func place(p report.Place) string {
	switch {
	case p.Port == "":
		return "chassis " + orNone(p.Chassis)
	case p.Chassis == "":
		return p.Port
	}
	return p.Port + " on " + p.Chassis
}

// endPlace is where a branch ends: its port where it has one.
func endPlace(e report.End) string {
	switch {
	case e.Port != "" && e.Chassis != "":
		return e.Port + " on " + e.Chassis
	case e.Chassis != "":
		return "on " + e.Chassis
	}
	return e.Port
}

// endSpans is how and where a branch ended, without its reason.
func endSpans(b *report.Branch) []span {
	line := []span{verdictSpan(b.Verdict)}
	switch where := endPlace(b.End); {
	case where == "":
	case b.End.Port == "":
		line = append(line, plain(" "+where))
	case b.Verdict == engine.External:
		line = append(line, plain(" by "+where))
	default:
		line = append(line, plain(" at "+where))
	}
	return append(append(line, generatedSpans(b)...), heldSpans(b)...)
}

// heldSpans says what a fragment's end depends on.
func heldSpans(b *report.Branch) []span {
	if b.Held == nil || b.Verdict == engine.Unknown {
		return nil
	}
	return []span{{fmt.Sprintf(" once all fragments have come to ct zone %d on %s", b.Held.Zone, b.Held.Chassis), yellow}}
}

// generatedSpans names the packet that OVN made itself in answer, or the mirror whose copy it is.
func generatedSpans(b *report.Branch) []span {
	switch {
	case b.Mirror != "":
		return []span{plain(" (mirror " + b.Mirror + ")")}
	case b.Generated == "":
		return nil
	}
	return []span{plain(" (OVN's own " + b.Generated + ")")}
}

// reasonSpans is the reason on one line: the Northbound row, then the text, in want of one the stage.
func reasonSpans(b *report.Branch, withStage bool) []span {
	r := b.Reason
	if r == nil {
		if b.Verdict == engine.Delivered || b.Verdict == engine.External || b.Verdict == engine.Host {
			return nil
		}
		return []span{plain(": no reason given")}
	}
	var line []span
	if by := nbName(r.NB); by != "" && decides(b.Verdict) && !strings.Contains(r.Text, by) && !tells(r) {
		line = append(line, plain(" by "), span{by, bold})
	}
	if r.Text != "" && r.Text != b.Generated {
		return append(line, plain(": "+r.Text))
	}
	if stage := stageText(r); stage != "" && withStage {
		line = append(line, plain(" in "+stage))
	}
	return line
}

// tells reports a reason whose text says of its Northbound row what the row says itself.
func tells(r *report.Reason) bool {
	return r.NB != nil && r.NB.Summary != "" && strings.Contains(r.Text, r.NB.Summary)
}

// decides reports whether an end is a rule's doing: a packet that left was only passed by the last one.
func decides(v engine.Verdict) bool {
	return v == engine.Dropped || v == engine.Rejected || v == engine.Controller
}

// nbName is a Northbound row by table and name, or by the start of its UUID.
func nbName(nb *report.NB) string {
	switch {
	case nb == nil:
		return ""
	case nb.Name != "":
		return fmt.Sprintf("%s %q", nb.Table, nb.Name)
	case len(nb.UUID) > 8:
		return nb.Table + " " + nb.UUID[:8]
	}
	return strings.TrimSpace(nb.Table + " " + nb.UUID)
}

func stageText(r *report.Reason) string {
	switch {
	case r.Stage != "" && r.Table != nil:
		return fmt.Sprintf("%s (table %d)", r.Stage, *r.Table)
	case r.Stage != "":
		return r.Stage
	case r.Table != nil:
		return fmt.Sprintf("table %d", *r.Table)
	}
	return ""
}

// end prints the end of a branch, or of copies that end alike.
func (p *printer) end(indent int, g endGroup) {
	b := g.branches[0]
	line := []span{{"=> ", bold}}
	switch {
	case len(g.branches) > 1:
		line = append(line, p.copiesSpans(g)...)
	case b.Verdict == engine.Unknown:
		line = append(line, span{"UNKNOWN", yellow})
		if where := endPlace(b.End); where != "" {
			line = append(line, plain(" "+where))
		}
		line = append(line, generatedSpans(b)...)
	default:
		line = append(line, endSpans(b)...)
	}
	p.line(indent, append(line, reasonSpans(b, false)...)...)
	p.reason(indent+3, b.Reason, b.End.Chassis)
	if headless(b) && p.opts.Verbose == 0 {
		return
	}
	if reflect.ValueOf(b.Header).IsZero() {
		return
	}
	p.line(indent+3, plain("as "+headerText(b.Header)))
	if p.opts.Verbose > 0 {
		p.line(indent+3, span{headerDetails(b.Header), dim})
	}
}

// headless reports whether nothing left whose header could be told.
func headless(b *report.Branch) bool {
	return b.Verdict == engine.Dropped || b.Verdict == engine.Unknown
}

// maxPorts is how many ports of a flood are named on one chassis without -v.
const maxPorts = 16

// copiesSpans is one line for copies that end alike.
func (p *printer) copiesSpans(g endGroup) []span {
	b := g.branches[0]
	line := []span{verdictSpan(b.Verdict), plain(fmt.Sprintf(" %d times on %s", len(g.branches), orNone(b.End.Chassis)))}
	if b.Verdict == engine.Unknown {
		line[0].text = "UNKNOWN"
	}
	line = append(line, generatedSpans(b)...)
	var ports []string
	for _, c := range g.branches {
		if c.End.Port != "" {
			ports = append(ports, c.End.Port)
		}
	}
	more := ""
	if n := len(ports); n > maxPorts && p.opts.Verbose == 0 {
		more = fmt.Sprintf(" and %d more (-v names them)", n-maxPorts)
		ports = ports[:maxPorts]
	}
	if len(ports) > 0 {
		line = append(line, plain(": "+strings.Join(ports, ", ")+more))
	}
	return line
}

// reason prints what decided an end, down to the logical flow and the row behind it.
func (p *printer) reason(indent int, r *report.Reason, at string) {
	if r == nil {
		return
	}
	var where []string
	if r.Chassis != "" && r.Chassis != at {
		where = append(where, "on "+r.Chassis)
	}
	if s := stageText(r); s != "" {
		if r.Stage != "" {
			s = "stage " + s
		}
		where = append(where, s)
	}
	if r.Cookie != "" {
		where = append(where, "cookie "+r.Cookie)
	}
	if len(where) > 0 {
		p.line(indent, plain(strings.Join(where, ", ")))
	}
	p.logicalFlow(indent, r.LogicalFlow)
	if tells(r) {
		p.line(indent, plain(r.NB.Table+" "+r.NB.UUID))
	} else {
		p.nb(indent, r.NB)
	}
	if r.Nearest != "" {
		p.line(indent, plain("nearest: "+r.Nearest))
	}
}

func (p *printer) logicalFlow(indent int, f *report.LogicalFlow) {
	if f == nil {
		return
	}
	p.line(indent, plain(fmt.Sprintf("logical flow of %s, %s, priority %d: %s => %s", orNone(f.Datapath), orNone(f.Pipeline), f.Priority, f.Match, f.Actions)))
}

func (p *printer) nb(indent int, nb *report.NB) {
	if nb == nil {
		return
	}
	line := []span{plain(nbName(nb))}
	if nb.UUID != "" && nb.Name != "" {
		line = append(line, plain(" "+nb.UUID))
	}
	if nb.Summary != "" {
		line = append(line, plain(": "+nb.Summary))
	}
	p.line(indent, line...)
}

func sameReason(a, b *report.Reason) bool { return reflect.DeepEqual(a, b) }
