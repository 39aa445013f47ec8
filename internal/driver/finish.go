package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Explainer names what the tables of a trace are.
type Explainer interface {
	// Explain fills in the stages, logical flows and Northbound rows of a chassis' hops.
	Explain(ctx context.Context, chassis string, hops []*report.Hop) error
	// Reason completes the reason of a branch that a table hit of those hops decided.
	Reason(ctx context.Context, r *report.Reason, at *report.Table) error
	// Uninstalled lists where a chassis' tables differ from what its Southbound database asks for.
	Uninstalled(ctx context.Context, chassis string, hops []*report.Hop) ([]report.Finding, error)
}

// decision is the table hit that decided a branch's end.
type decision struct {
	hop          *hop
	segment, hit int
}

// table is the hit in the report; nil where there is none.
func (d decision) table() *report.Table {
	if d.hop == nil || d.segment >= len(d.hop.rep.Segments) {
		return nil
	}
	return &d.hop.rep.Segments[d.segment].Tables[d.hit]
}

// reason notes which table hit ended a leaf.
func (s *sending) reason(b *Branch, h *hop, leaf engine.Leaf) {
	if b.Reason == nil {
		b.Reason = &report.Reason{Chassis: h.chs}
	}
	seg := h.result.Segments[leaf.Segment]
	at, ok := deciding(seg.Tables, leaf)
	if !ok {
		return
	}
	s.decided[b.Reason] = decision{h, leaf.Segment, at}
	hit := seg.Tables[at]
	table := hit.Table
	b.Reason.Table = &table
	if hit.Cookie != 0 {
		b.Reason.Cookie = fmt.Sprintf("0x%x", hit.Cookie)
	}
	if b.Reason.Text != "" {
		return
	}
	switch {
	case leaf.Kind == engine.LeafController && b.Verdict != engine.Dropped:
		b.Reason.Text = fmt.Sprintf("punted to the controller in table %d of %s, match %q", hit.Table, hit.Bridge, hit.Match)
	case hit.Miss:
		b.Reason.Text = fmt.Sprintf("no flow of table %d on %s matches", hit.Table, hit.Bridge)
	default:
		b.Reason.Text = fmt.Sprintf("dropped in table %d of %s by priority %d, match %q", hit.Table, hit.Bridge, hit.Priority, hit.Match)
	}
}

// deciding is the table hit that ended a leaf: the punt's own for the controller, the last that drops, else the last.
func deciding(hits []engine.TableHit, leaf engine.Leaf) (at int, ok bool) {
	if len(hits) == 0 {
		return 0, false
	}
	if c := leaf.Controller; c != nil {
		for i, h := range hits {
			if h.Cookie == c.Cookie && (c.Table < 0 || h.Table == c.Table) {
				return i, true
			}
		}
	}
	if leaf.Hit > 0 && leaf.Hit <= len(hits) {
		return leaf.Hit - 1, true
	}
	last := len(hits) - 1
	if leaf.Kind != engine.LeafDrop || hits[last].Miss || drops(hits[last]) {
		return last, true
	}
	// Tables without a cookie are OVN's subroutines: their misses and drops return to the caller.
	for i := last; i >= 0; i-- {
		if hits[i].Cookie != 0 && drops(hits[i]) {
			return i, true
		}
	}
	return last, true
}

func drops(h engine.TableHit) bool {
	for _, a := range h.Actions {
		if a == "drop" || strings.HasPrefix(a, "drop(") {
			return true
		}
	}
	return false
}

// finish puts the public packet together: hops, branches once each, the verdict, and names.
func (s *sending) finish(ctx context.Context, sent *Sent) {
	s.pkt.Hops = []*report.Hop{}
	byChassis := map[string][]*report.Hop{}
	for _, h := range s.hops {
		s.assumptions(h)
		h.rep.Segments = Segments(h.result.Segments, s.zoneNames(ctx, h))
		s.pkt.Hops = append(s.pkt.Hops, h.rep)
		byChassis[h.chs] = append(byChassis[h.chs], h.rep)
	}
	s.freshness(ctx, slices.Sorted(maps.Keys(byChassis)))
	s.collect(sent)
	Judge(s.pkt, s.orig)
	if s.Explainer != nil {
		s.explain(ctx, byChassis)
	}
	s.answered(sent)
	s.elsewhere(ctx, sent)
	s.outlooks(ctx)
}

// assumptions lifts what a node had to assume of the packet to the report's warnings.
func (s *sending) assumptions(h *hop) {
	for _, seg := range h.result.Segments {
		for _, n := range seg.Assumed {
			s.warn("%s: %s", h.chs, n)
		}
	}
}

// freshness warns of chassis whose ovn-controller has not confirmed the newest configuration: their tables may be old.
func (s *sending) freshness(ctx context.Context, chassis []string) {
	for _, name := range chassis {
		if s.fresh[name] {
			continue
		}
		sb, err := s.Southbound(ctx, name)
		if err != nil {
			continue
		}
		f, err := sb.Freshness(ctx, name)
		if err != nil {
			continue // a chassis of another zone has no row of its own here
		}
		if f.Stale() {
			s.warn("ovn-controller on %s is behind: it has confirmed configuration %d of %d, so its flows may be old", name, f.Have, f.Wanted)
			continue
		}
		if s.fresh == nil {
			s.Driver.fresh = map[string]bool{}
		}
		s.fresh[name] = true
	}
}

// explain names tables and reasons; what cannot be named is a warning, never an error: the trace stands without.
func (s *sending) explain(ctx context.Context, byChassis map[string][]*report.Hop) {
	for _, chassis := range slices.Sorted(maps.Keys(byChassis)) {
		if err := s.Explainer.Explain(ctx, chassis, byChassis[chassis]); err != nil {
			s.warn("some tables of %s stay unnamed: %v", chassis, err)
			continue
		}
		found, err := s.Explainer.Uninstalled(ctx, chassis, byChassis[chassis])
		if err != nil {
			s.warn("the tables of %s were not compared with the Southbound database: %v", chassis, err)
		}
		s.pkt.Findings = append(s.pkt.Findings, found...)
		for _, f := range found {
			s.warn("%s", f.Text)
		}
	}
	for _, b := range append(s.pkt.Branches[:len(s.pkt.Branches):len(s.pkt.Branches)], s.pkt.Generated...) {
		at := s.decided[b.Reason].table()
		if at == nil {
			continue
		}
		text := b.Reason.Text
		if err := s.Explainer.Reason(ctx, b.Reason, at); err != nil {
			s.warn("%s: a reason stays unnamed: %v", b.Reason.Chassis, err)
		}
		if b.Verdict == engine.Unknown || b.Verdict == engine.Host || b.Verdict == engine.External {
			b.Reason.Text = text // the driver's own words: of no drop, which is what the tables' meaning tells about
		}
	}
}

// collect lists every branch once: alternatives share those that ended before they parted.
func (s *sending) collect(sent *Sent) {
	s.pkt.Branches = []*report.Branch{}
	seen := map[string]bool{}
	once := func(list []*report.Branch, b Branch) []*report.Branch {
		key, err := json.Marshal(b.Branch)
		if err == nil && seen[string(key)] {
			return list
		}
		seen[string(key)] = true
		return append(list, b.Branch)
	}
	for _, o := range sent.Outcomes {
		for _, b := range o.Branches {
			if h := b.Held; h != nil {
				s.warn("%s: a fragment waits in conntrack zone %d until all of its datagram has come; from there on the datagram is followed", h.Chassis, h.Zone)
			}
			s.pkt.Branches = once(s.pkt.Branches, b)
		}
		for _, b := range o.Asides {
			s.pkt.Generated = once(s.pkt.Generated, b)
		}
	}
}

func (s *sending) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, w := range s.warnings {
		if w == text {
			return
		}
	}
	s.warnings = append(s.warnings, text)
}

// verdictOf is the worst of the branches; of a packet that was flooded the best, and of its exclusive alternatives the worst.
func verdictOf(p *report.Packet, flood bool) engine.Verdict {
	own := ownBranches(p)
	if len(own) == 0 {
		return engine.Unknown
	}
	if !flood {
		v := own[0].Verdict
		for _, b := range own[1:] {
			v = min(v, b.Verdict)
		}
		return v
	}
	worst := engine.Delivered
	for _, b := range own {
		best, whole := b.Verdict, true
		for _, o := range own {
			switch {
			case within(o, b):
				best = max(best, o.Verdict)
			case within(b, o):
				whole = false // an alternative of which more is decided includes this one
			}
		}
		if whole {
			worst = min(worst, best)
		}
	}
	return worst
}

// ownBranches are those of the packet itself, without the copies that mirrors make.
func ownBranches(p *report.Packet) []*report.Branch {
	return slices.DeleteFunc(slices.Clone(p.Branches), func(b *report.Branch) bool { return b.Mirror != "" })
}

// within tells whether a happens wherever b does: it hangs on no undetermined choice that b does not hang on too.
func within(a, b *report.Branch) bool {
	for _, c := range own(a.Choices) {
		if !c.Determined && !slices.Contains(b.Choices, c) {
			return false
		}
	}
	return true
}

// copies tells whether the packet was multiplied: two branches that do not exclude each other and that both put
// a frame out.
func copies(p *report.Packet) bool {
	n := map[string]int{}
	for _, b := range ownBranches(p) {
		if b.Verdict < engine.Host {
			continue
		}
		key, _ := json.Marshal(own(b.Choices))
		n[string(key)]++
	}
	for _, c := range n {
		if c > 1 {
			return true
		}
	}
	return false
}

// zoneNames are a node's zones with datapaths named.
func (s *sending) zoneNames(ctx context.Context, h *hop) map[uint16]string {
	if h.info.Zones == nil {
		return nil
	}
	sb, err := s.Southbound(ctx, h.chs)
	if err != nil {
		return h.info.Zones
	}
	named, err := sb.NameZones(ctx, h.info.Zones)
	if err != nil {
		return h.info.Zones
	}
	return named
}
