package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// outdated returns where the configuration has not got to the chassis on the way: first a flow that
// is missing where the packet ended, or that outlived its rule; then ovn-controllers and ovn-northd
// that are behind. decides is true if the first of them explains the packet's end.
func (j *judge) outdated(ctx context.Context, r *report.Report) (found []report.Finding, decides bool) {
	p, ends := broken(r)
	for _, q := range r.Packets {
		for _, f := range q.Findings {
			f.Certainty, f.Mend = report.ConfidenceExact, append(f.Mend, recompute(f.Where["chassis"]))
			if q == p && slices.ContainsFunc(ends, func(b *report.Branch) bool { return endedAt(b, f) }) {
				f.Severity, decides = report.SeverityError, true
				found = slices.Insert(found, 0, f)
				continue
			}
			found = add(found, f)
		}
	}
	return append(found, j.behind(ctx, r)...), decides
}

// endedAt reports whether a branch ended in the table that a finding is about.
func endedAt(b *report.Branch, f report.Finding) bool {
	r := b.Reason
	return r != nil && r.Table != nil && r.Chassis == f.Where["chassis"] && strconv.Itoa(*r.Table) == f.Where["table"]
}

func recompute(chassis string) string {
	return command("ovs-appctl", "-t", "ovn-controller", "recompute") + " # on " + chassis
}

// behind returns the daemons that have not processed the newest configuration, as far as it is
// counted (nb_cfg).
func (j *judge) behind(ctx context.Context, r *report.Report) []report.Finding {
	if j.SB == nil {
		return nil
	}
	var out []report.Finding
	if j.NB != nil {
		asked, done, err := j.NB.Requested(ctx, j.SB)
		if err == nil && done < asked {
			out = append(out, report.Finding{
				Severity: report.SeverityWarning, Code: report.CodeNorthdBehind, Certainty: report.ConfidenceLikely,
				Text:     "ovn-northd has not processed the newest configuration",
				Evidence: []string{fmt.Sprintf("nb_cfg: NB_Global %d, SB_Global %d", asked, done)},
				Mend:     []string{command("ovn-nbctl", "--wait=sb", "sync") + " # returns once ovn-northd has; if it does not, is ovn-northd running?"},
			})
		}
	}
	for _, name := range chassisOf(r) {
		f, err := j.SB.Freshness(ctx, name)
		if err != nil || !f.Stale() {
			continue
		}
		out = append(out, report.Finding{
			Severity: report.SeverityWarning, Code: report.CodeStaleController, Certainty: report.ConfidenceLikely,
			Text: fmt.Sprintf("ovn-controller on %s has not confirmed the newest configuration", name), Where: map[string]string{"chassis": name},
			Evidence: []string{fmt.Sprintf("nb_cfg: SB_Global %d, chassis %d", f.Wanted, f.Have)},
			Mend:     []string{recompute(name)},
		})
	}
	return out
}

// chassisOf names the chassis that the packets of a session pass.
func chassisOf(r *report.Report) []string {
	var out []string
	for _, p := range r.Packets {
		for _, h := range p.Hops {
			if !slices.Contains(out, h.Chassis) {
				out = append(out, h.Chassis)
			}
		}
	}
	return out
}
