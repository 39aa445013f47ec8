package render

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// verdictSpan returns a verdict's name in its colour.
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

// place returns a port with its chassis.
func place(p report.Place) string {
	switch {
	case p.Port == "":
		return "chassis " + orNone(p.Chassis)
	case p.Chassis == "":
		return p.Port
	}
	return p.Port + " on " + p.Chassis
}

// endPlace returns the port and chassis at which a branch ends; the port may be missing.
func endPlace(e report.End) string {
	switch {
	case e.Port != "" && e.Chassis != "":
		return e.Port + " on " + e.Chassis
	case e.Chassis != "":
		return "on " + e.Chassis
	}
	return e.Port
}

// endSpans returns how and where a branch ended, without the reason.
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

// heldSpans names the conntrack zone that holds a fragment until all fragments have arrived.
func heldSpans(b *report.Branch) []span {
	if b.Held == nil || b.Verdict == engine.Unknown {
		return nil
	}
	return []span{{fmt.Sprintf(" once all fragments have arrived in ct zone %d on %s", b.Held.Zone, b.Held.Chassis), yellow}}
}

// generatedSpans names the packet that OVN generated, or the mirror that made the copy.
func generatedSpans(b *report.Branch) []span {
	switch {
	case b.Mirror != "":
		return []span{plain(" (mirror " + b.Mirror + ")")}
	case b.Generated == "":
		return nil
	}
	return []span{plain(" (OVN's own " + b.Generated + ")")}
}

// reasonSpans returns the reason on one line: the Northbound row, then the text, or the stage if
// there is no text.
func reasonSpans(b *report.Branch, withStage bool) []span {
	r := b.Reason
	if r == nil {
		if b.Verdict == engine.Delivered || b.Verdict == engine.External || b.Verdict == engine.Host {
			return nil
		}
		return []span{plain(": no reason given")}
	}
	var line []span
	if by := nbName(r.NB); by != "" && decides(b.Verdict) && !strings.Contains(r.Text, by) && !repeatsNB(r) {
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

// repeatsNB reports whether r.Text already contains the summary of the Northbound row.
func repeatsNB(r *report.Reason) bool {
	return r.NB != nil && r.NB.Summary != "" && strings.Contains(r.Text, r.NB.Summary)
}

// decides reports whether a rule caused an end with this verdict: for a packet that left, the last
// rule only let it pass.
func decides(v engine.Verdict) bool {
	return v == engine.Dropped || v == engine.Rejected || v == engine.Controller
}

// nbName returns the table of a Northbound row and its name, or the start of its UUID.
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

// end prints the end of a branch, or of copies that end in the same way.
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

// headless reports whether no packet left, so that there is no header to print.
func headless(b *report.Branch) bool {
	return b.Verdict == engine.Dropped || b.Verdict == engine.Unknown
}

// maxPorts is the maximum number of ports of a flood that are named for one chassis without -v.
const maxPorts = 16

// copiesSpans returns the line for copies that end in the same way.
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

// reason prints what caused an end: place, logical flow and Northbound row.
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
	if repeatsNB(r) {
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
