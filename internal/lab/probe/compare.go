package probe

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Seen is an end at which a packet was seen.
type Seen struct {
	End   string // "port NAME" or "external CHASSIS"
	Frame *Frame
}

// Reality is what happened to one packet in the lab.
type Reality struct {
	Ends    []Seen             // the packet itself
	Answers []Seen             // answers of OVN to it
	Changed map[string][]Entry // new or changed entries by chassis
	After   map[string][]Entry // the complete tables
	// Distinct "SRC > DST" of the tunnels that it passed; nil for a packet without a marker.
	Tunnels []string
}

// String returns the reality as lines of text.
func (r *Reality) String() string {
	var b strings.Builder
	for _, e := range r.Ends {
		fmt.Fprintf(&b, "  arrived: %s: %s\n", e.End, e.Frame)
	}
	for _, e := range r.Answers {
		fmt.Fprintf(&b, "  answer: %s: %s\n", e.End, e.Frame)
	}
	if len(r.Ends)+len(r.Answers) == 0 {
		b.WriteString("  arrived: nowhere\n")
	}
	for _, t := range r.Tunnels {
		fmt.Fprintf(&b, "  tunnel: %s\n", t)
	}
	for _, c := range sortedChassis(r.Changed) {
		for _, e := range r.Changed[c] {
			fmt.Fprintf(&b, "  entry: %s: %s [%s]\n", c, e, e.info)
		}
	}
	return b.String()
}

func sortedChassis(m map[string][]Entry) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Outcome is the result of a comparison.
type Outcome int

// The outcomes, from good to bad.
const (
	Agree Outcome = iota
	Unknown
	Disagree
)

func (o Outcome) String() string { return [...]string{"agree", "unknown", "disagree"}[o] }

// alternative is one combination of the undetermined choices.
type alternative struct {
	name     string
	branches []RBranch
}

// alternatives groups branches by their undetermined choices; a branch without such a choice is
// part of every alternative.
func alternatives(p *RPkt) []alternative {
	var always []RBranch
	var names []string
	by := map[string][]RBranch{}
	for _, b := range p.Branches {
		var t []string
		for _, c := range b.Choices {
			if !c.Determined && c.Kind != "nat-port" {
				t = append(t, c.Kind+"="+c.Chosen)
			}
		}
		if t == nil {
			always = append(always, b)
			continue
		}
		k := strings.Join(t, " ")
		if _, ok := by[k]; !ok {
			names = append(names, k)
		}
		by[k] = append(by[k], b)
	}
	if names == nil {
		return []alternative{{"", always}}
	}
	var out []alternative
	for _, n := range names {
		out = append(out, alternative{n, append(slices.Clone(always), by[n]...)})
	}
	return out
}

// Compare compares a predicted packet with the reality; the strings describe the differences.
func Compare(p *RPkt, real *Reality) (Outcome, []string) {
	if len(p.Branches) == 0 {
		return Disagree, []string{"the prediction has no branch"}
	}
	alts := alternatives(p)
	best, bestDiff := Disagree, []string(nil)
	matches := 0
	for _, a := range alts {
		o, diff := compareAlternative(p, a, len(alts) > 1, real)
		if o != Disagree {
			matches++
		}
		if bestDiff == nil || o < best || (o == best && len(diff) < len(bestDiff)) {
			best, bestDiff = o, diff
			if a.name != "" {
				bestDiff = append([]string{"alternative " + a.name}, diff...)
			}
		}
	}
	if best == Agree && matches == 0 {
		best = Disagree
	}
	if best == Agree {
		return Agree, nil
	}
	return best, bestDiff
}

func compareAlternative(p *RPkt, a alternative, several bool, real *Reality) (Outcome, []string) {
	var diff []string
	for _, b := range a.branches {
		if b.Verdict == "unknown" {
			why := ""
			if b.Reason != nil {
				why = b.Reason.Text
			}
			return Unknown, []string{"predicted unknown: " + why}
		}
	}
	diff = append(diff, compareEnds(a.branches, real)...)
	diff = append(diff, compareEntries(p, a.branches, several, real)...)
	diff = append(diff, compareTunnels(p, a.branches, real)...)
	switch {
	case diff == nil:
		return Agree, nil
	case slices.ContainsFunc(a.branches, goesOn) && !slices.ContainsFunc(diff, func(d string) bool { return !strings.HasSuffix(d, notPredicted) }):
		return Unknown, append([]string{"the packet goes on after OVN's own answer; its way is not predicted"}, diff...)
	}
	return Disagree, diff
}

// notPredicted ends the description of what was seen in addition to the prediction.
const notPredicted = "; not predicted"

// goesOn reports whether a packet waits for an answer that OVN itself gives, and is then sent on:
// the tool says so, and does not follow it.
func goesOn(b RBranch) bool {
	return b.Verdict == "controller" && b.Reason != nil && b.Reason.Where.Answered == "ovn"
}

// wanted returns the end at which a branch predicts a frame, "" if it predicts none.
func wanted(b RBranch) string {
	switch b.Verdict {
	case "delivered":
		return "port " + b.End.Port
	case "external":
		if b.Mirror != "" {
			return "" // through a tunnel to a collector, where there is no tap
		}
		return "external " + b.End.Chassis
	}
	return ""
}

// compareEnds compares the predicted ends with the frames, in both directions.
func compareEnds(branches []RBranch, real *Reality) []string {
	var diff []string
	ends := slices.Clone(real.Ends)
	answers := slices.Clone(real.Answers)
	mayAnswer := false
	for _, b := range branches {
		switch b.Verdict {
		case "rejected":
			mayAnswer = true
			if len(real.Answers) == 0 {
				diff = append(diff, "predicted rejected; in reality no reset and no ICMP error came back")
			}
			continue
		case "controller":
			mayAnswer = true
			continue
		}
		want := wanted(b)
		if want == "" {
			continue
		}
		if i := findEnd(ends, want, b); i >= 0 {
			diff = append(diff, headerDiff(want, b, ends[i].Frame.Header)...)
			ends = slices.Delete(ends, i, i+1)
			continue
		}
		if i := findEnd(answers, want, b); i >= 0 {
			diff = append(diff, headerDiff(want, b, answers[i].Frame.Header)...)
			answers = slices.Delete(answers, i, i+1)
			continue
		}
		diff = append(diff, fmt.Sprintf("predicted at %s (%s); in reality it did not arrive there", want, Header(b.Header)))
	}
	for _, e := range ends {
		diff = append(diff, fmt.Sprintf("really arrived at %s (%s)"+notPredicted, e.End, e.Frame))
	}
	if !mayAnswer {
		for _, e := range answers {
			diff = append(diff, fmt.Sprintf("really an answer at %s (%s)"+notPredicted, e.End, e.Frame))
		}
	}
	return diff
}

// findEnd returns the index of a frame seen at want, preferably with equal headers, because a flood
// may have several; -1 if there is none.
func findEnd(ends []Seen, want string, b RBranch) int {
	found := -1
	for i, e := range ends {
		if e.End == want {
			if headerDiff(want, b, e.Frame.Header) == nil {
				return i
			}
			if found < 0 && b.Header["eth_type"] == e.Frame.Header["eth_type"] && b.Header["ip_proto"] == e.Frame.Header["ip_proto"] {
				found = i
			}
		}
	}
	return found
}

// must are the fields that a prediction must contain if the frame has them.
var must = []string{"eth_src", "eth_dst", "eth_type", "vlan", "ip_src", "ip_dst", "ip_proto", "ip_ttl", "ip_frag",
	"l4_src", "l4_dst", "tcp_flags", "icmp_type", "icmp_code", "arp_op", "arp_spa", "arp_tpa", "arp_sha", "arp_tha", "nd_target"}

func headerDiff(where string, b RBranch, real Header) []string {
	var diff []string
	anyPort := false
	for _, c := range b.Choices {
		anyPort = anyPort || c.Kind == "nat-port" && !c.Determined
	}
	for _, k := range append(slices.Clone(must), "ip_tos", "inner_src", "inner_dst", "inner_sport", "inner_dport") {
		p, okp := b.Header[k]
		r, okr := real[k]
		if (k == "ip_tos" || strings.HasPrefix(k, "inner_")) && (!okp || !okr) {
			continue
		}
		if anyPort && (k == "l4_src" || k == "l4_dst") && okp == okr {
			continue
		}
		if okp != okr || p != r {
			diff = append(diff, fmt.Sprintf("%s: %s predicted %s, really %s", where, k, orNone(p), orNone(r)))
		}
	}
	return diff
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// predicted is one commit that the tool predicts.
type predicted struct {
	chassis string
	entry   Entry
	onPath  bool // certainly on the way of the compared branches
	anyPort bool // its NAT port is not determined
	text    string
}

// commits lists the entries that the packet's segments commit. A report also lists commits of
// branches that were not taken; the segments of a branch are known only if the report has
// branches[].segments.
func commits(p *RPkt, branches []RBranch, several bool) ([]predicted, []string) {
	var out []predicted
	var bad []string
	known := true
	on := map[[2]int]bool{}
	for _, b := range branches {
		if b.Segments == nil {
			known = false
		}
		for _, s := range b.Segments {
			on[s] = true
		}
	}
	for hi, h := range p.Hops {
		for _, s := range h.Segments {
			path := !several
			if known {
				path = on[[2]int{hi, s.ID}]
			}
			for _, c := range s.CT {
				if c.Committed == nil {
					continue
				}
				e, err := c.Committed.entry(c.Zone)
				if err != nil {
					bad = append(bad, fmt.Sprintf("%s: committed entry: %v", h.Chassis, err))
					continue
				}
				out = append(out, predicted{h.Chassis, e, path, c.NAT != nil && !c.NAT.Determined, c.Action})
			}
		}
	}
	return out, bad
}

// sameEntry compares the fields of an entry in docs/json.md that the datapath shows, and ICMP ids.
func sameEntry(p predicted, e Entry) bool {
	a := p.entry
	if p.anyPort {
		a.Reply.Dport, a.Reply.Sport = e.Reply.Dport, e.Reply.Sport
	}
	if e.noStatus {
		a.SNAT, a.DNAT = e.SNAT, e.DNAT
	}
	return a.Zone == e.Zone && a.Orig == e.Orig && a.Reply == e.Reply && a.SNAT == e.SNAT && a.DNAT == e.DNAT && a.Mark == e.Mark && a.Label == e.Label
}

func compareEntries(p *RPkt, branches []RBranch, several bool, real *Reality) []string {
	want, diff := commits(p, branches, several)
	// A connection that is committed twice in a zone has the values of the last commit, which replaces
	// an earlier prediction for the same tuples.
	superseded := func(i int) bool {
		for _, later := range want[i+1:] {
			if later.chassis == want[i].chassis && later.entry.Zone == want[i].entry.Zone && later.entry.Orig == want[i].entry.Orig && (later.onPath || !want[i].onPath) {
				return true
			}
		}
		return false
	}
	for i, w := range want {
		if !w.onPath || superseded(i) {
			continue
		}
		if !slices.ContainsFunc(real.After[w.chassis], func(e Entry) bool { return sameEntry(w, e) }) {
			if len(real.Answers) > 0 && w.entry.Orig.Proto == 6 {
				continue // the answering reset has deleted it (tcp_packet: RST without SEEN_REPLY)
			}
			d := fmt.Sprintf("predicted on %s: %s (%s); really", w.chassis, w.entry, w.text)
			if near := nearest(real.After[w.chassis], w.entry); near != "" {
				d += ": " + near
			} else {
				d += " no such entry"
			}
			diff = append(diff, d)
		}
	}
	for _, c := range sortedChassis(real.Changed) {
		for _, e := range real.Changed[c] {
			if !slices.ContainsFunc(want, func(w predicted) bool { return w.chassis == c && sameEntry(w, e) }) {
				diff = append(diff, fmt.Sprintf("really on %s: %s"+notPredicted, c, e))
			}
		}
	}
	return diff
}

// nearest describes an entry with the same zone and original tuple, "" if there is none.
func nearest(entries []Entry, want Entry) string {
	for _, e := range entries {
		if e.Zone == want.Zone && e.Orig == want.Orig {
			return e.String()
		}
	}
	return ""
}
