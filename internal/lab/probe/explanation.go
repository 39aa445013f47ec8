package probe

import (
	"fmt"
	"slices"
	"strings"
)

// Explanation lists texts that a report must contain besides the packet's end.
type Explanation struct {
	// The reason of one branch contains all of these: "ACL no-smtp", "ls_in_acl", words of the text.
	Because []string
	Nearest string // the nearest rule in that reason contains this
	// The explanation of some table hit contains this, for each: "Load_Balancer lb-one", "MAC_Binding
	// 20.0.0.77".
	Names  []string
	Choice []string // the outcomes of the choices of all branches are exactly these: "ecmp 20.0.0.3"
	Warn   []string // some warning contains this, for each
	// Each chassis' visit has a table hit that is explained by a Northbound row, and no warning says
	// that a database is missing.
	EveryHop bool
}

// alarms are parts of warnings about missing or outdated flows of a chassis. A case that causes one
// has it in Warn.
var alarms = []string{"is not in its tables", "is no longer in the Southbound database", "were not compared"}

// missing returns the parts of t that the report lacks for one of its packets.
func (t Explanation) missing(r *Report, packet int) []string {
	if packet >= len(r.Packets) {
		return []string{"no such packet in the report"}
	}
	p := &r.Packets[packet]
	var out []string
	if why := t.because(p); why != "" {
		out = append(out, why)
	}
	named := names(p)
	for _, n := range t.Names {
		if !containsPart(named, n) {
			out = append(out, fmt.Sprintf("no table hit is explained by %q; by: %s", n, strings.Join(named, " / ")))
		}
	}
	if t.Choice != nil {
		if got := choices(p); !slices.Equal(got, t.Choice) {
			out = append(out, fmt.Sprintf("the choices are %q, not %q", got, t.Choice))
		}
	}
	if t.EveryHop {
		out = append(out, unexplained(r, p)...)
	}
	for _, w := range t.Warn {
		if !containsPart(r.Warnings, w) {
			out = append(out, fmt.Sprintf("no warning says %q: %q", w, r.Warnings))
		}
	}
	for _, w := range r.Warnings {
		for _, alarm := range alarms {
			if strings.Contains(w, alarm) && !containsPart(t.Warn, alarm) {
				out = append(out, "a false alarm: "+w)
			}
		}
	}
	return out
}

// unexplained returns which visits of a packet no Northbound row explains.
func unexplained(r *Report, p *RPkt) []string {
	var out []string
	for i, h := range p.Hops {
		explained := false
		for _, s := range h.Segments {
			explained = explained || slices.ContainsFunc(s.Tables, func(t RTable) bool { return t.NB != nil })
		}
		if !explained {
			out = append(out, fmt.Sprintf("hop %d on %s: no table hit is explained by a Northbound row", i, h.Chassis))
		}
	}
	for _, w := range r.Warnings {
		if strings.Contains(w, "Northbound database") || strings.Contains(w, "Southbound database of its own") {
			out = append(out, "a database is missing: "+w)
		}
	}
	return out
}

// because returns how the reasons of all branches differ from t, "" if one agrees.
func (t Explanation) because(p *RPkt) string {
	if t.Because == nil && t.Nearest == "" {
		return ""
	}
	var found []string
	for _, b := range append(slices.Clone(p.Branches), p.Generated...) {
		if b.Reason == nil {
			continue
		}
		text := b.Reason.String()
		found = append(found, fmt.Sprintf("%q, nearest %q", text, b.Reason.Nearest))
		has := func(part string) bool { return strings.Contains(text, part) }
		if !slices.ContainsFunc(t.Because, func(part string) bool { return !has(part) }) && strings.Contains(b.Reason.Nearest, t.Nearest) {
			return ""
		}
	}
	return fmt.Sprintf("no reason names %q, nearest %q: %s", t.Because, t.Nearest, strings.Join(found, "; "))
}

// String returns the parts of a reason on one line.
func (r *RReason) String() string {
	s := r.Text
	if r.NB != nil {
		s = r.NB.String() + " | " + s
	}
	if r.Stage != "" {
		s += " | " + r.Stage
	}
	return s
}

func (n *RNB) String() string { return strings.TrimSpace(n.Table+" "+n.Name) + ": " + n.Summary }

// names returns the distinct rows that explain the packet's table hits.
func names(p *RPkt) []string {
	var out []string
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, h := range p.Hops {
		for _, s := range h.Segments {
			for _, t := range s.Tables {
				if t.NB != nil {
					add(t.NB.String())
				}
				if t.Row != "" {
					add(t.Row)
				}
			}
		}
	}
	return out
}

// choices returns the distinct outcomes of the choices of all branches, sorted.
func choices(p *RPkt) []string {
	var out []string
	for _, b := range p.Branches {
		for _, c := range b.Choices {
			out = append(out, c.Kind+" "+c.Chosen)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func containsPart(list []string, part string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, part) })
}
