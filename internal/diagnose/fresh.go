package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// outdated returns where the flows of a chassis on the way are not those of the Southbound
// database. A flow that is missing, or that outlived its rule, is an error if the packet ended by
// it.
func (j *judge) outdated(r *report.Report) []report.Finding {
	var found []report.Finding
	p, ends := broken(r)
	for _, q := range r.Packets {
		for _, f := range q.Findings {
			f.Certainty, f.Mend = report.ConfidenceExact, append(f.Mend, recompute("on "+f.Where["chassis"]))
			if q == p && slices.ContainsFunc(ends, func(b *report.Branch) bool { return endedAt(b, f) || follows(p, b, f) }) {
				f.Severity = report.SeverityError
			}
			found = add(found, f)
		}
	}
	return found
}

// endedAt reports whether a branch ended in the table that a finding is about.
func endedAt(b *report.Branch, f report.Finding) bool {
	r := b.Reason
	return r != nil && r.Table != nil && r.Chassis == f.Where["chassis"] && strconv.Itoa(*r.Table) == f.Where["table"]
}

// follows reports whether a branch, whose end no configuration explains, passed the table that a
// finding is about on the switch or router where it ended: a missing look-up of an Ethernet address
// is lost only in the stage for unknown addresses.
func follows(p *report.Packet, b *report.Branch, f report.Finding) bool {
	r := b.Reason
	if r == nil || r.Code != report.CodeUnknown && r.Code != "" || r.LogicalFlow == nil || r.LogicalFlow.Datapath != f.Where["datapath"] {
		return false
	}
	for _, v := range segments(p, b) {
		if v.Chassis == r.Chassis && v.Chassis == f.Where["chassis"] &&
			slices.ContainsFunc(v.Tables, func(t report.Table) bool { return strconv.Itoa(t.Table) == f.Where["table"] }) {
			return true
		}
	}
	return false
}

// recompute returns the command that makes ovn-controller write all flows anew, with a comment.
func recompute(comment string) string {
	return command("ovn-appctl", "-t", "ovn-controller", "recompute") + " # " + comment
}

// syncNorthd returns the command that waits for ovn-northd.
func syncNorthd() string {
	return command("ovn-nbctl", "--wait=sb", "sync") + " # returns once ovn-northd has processed it; if it does not, is ovn-northd running?"
}

// behind returns the daemons that have not processed the newest configuration, as far as it is
// counted (nb_cfg). One is an error if the first of the causes may be its consequence.
func (j *judge) behind(ctx context.Context, r *report.Report, causes []report.Finding) []report.Finding {
	if j.SB == nil {
		return nil
	}
	var out []report.Finding
	if f, ok := j.northdBehind(ctx); ok {
		if i := decisive(causes); i >= 0 && awaits(causes[i]) {
			f.Severity = report.SeverityError
		}
		out = append(out, f)
	}
	zones := map[*ovn.SB]bool{j.SB: true}
	for _, name := range r.Passed() {
		sb, _ := j.databasesOf(ctx, name)
		if !zones[sb] {
			zones[sb] = true
			out = append(out, j.northdElsewhere(ctx, name, sb, causes)...)
		}
		f, err := sb.Freshness(ctx, name)
		j.unread("whether ovn-controller on "+name+" has confirmed the newest configuration", err)
		if err != nil || !f.Stale() {
			continue
		}
		out = append(out, report.Finding{
			Severity: report.SeverityWarning, Code: report.CodeStaleController, Certainty: report.ConfidenceLikely,
			Text: fmt.Sprintf("ovn-controller on %s has not confirmed the newest configuration", name), Where: map[string]string{"chassis": name},
			Evidence: []string{fmt.Sprintf("nb_cfg: SB_Global %d, chassis %d", f.Wanted, f.Have)},
			Mend:     []string{recompute("on " + name)},
		})
		if _, ends := broken(r); slices.ContainsFunc(ends, func(b *report.Branch) bool { return unaccounted(b, name) }) {
			out[len(out)-1].Severity = report.SeverityError
		}
	}
	return out
}

// northdBehind returns the finding of an ovn-northd that has not processed the newest
// configuration.
func (j *judge) northdBehind(ctx context.Context) (report.Finding, bool) {
	if j.NB == nil {
		return report.Finding{}, false
	}
	asked, done, err := j.NB.Requested(ctx, j.SB)
	j.unread("whether ovn-northd has processed the newest configuration", err)
	return report.Finding{
		Severity: report.SeverityWarning, Code: report.CodeNorthdBehind, Certainty: report.ConfidenceLikely,
		Text:     "ovn-northd has not processed the newest configuration",
		Evidence: []string{fmt.Sprintf("nb_cfg: NB_Global %d, SB_Global %d", asked, done)},
		Mend:     []string{syncNorthd()},
	}, err == nil && done < asked
}

// northdElsewhere returns that finding for the zone of a chassis that has another Southbound
// database than the question: an error if what decides is there, and may be its consequence.
func (j *judge) northdElsewhere(ctx context.Context, chassis string, sb *ovn.SB, causes []report.Finding) []report.Finding {
	_, leave := j.elsewhere(ctx, chassis)
	f, ok := j.northdBehind(ctx)
	leave()
	if !ok {
		return nil
	}
	f.Text, f.Where = fmt.Sprintf("ovn-northd of %s's zone has not processed the newest configuration", chassis), map[string]string{"chassis": chassis}
	if i := decisive(causes); i >= 0 && awaits(causes[i]) {
		if of, _ := j.databasesOf(ctx, causes[i].Where["chassis"]); of == sb {
			f.Severity = report.SeverityError
		}
	}
	out := []report.Finding{f}
	there(out, chassis)
	return out
}

// decisive returns the index of the cause that decides; -1 if there is none.
func decisive(causes []report.Finding) int {
	return slices.IndexFunc(causes, func(c report.Finding) bool { return c.Code != report.CodeReplyDropped })
}

// awaits reports whether a cause may go away once ovn-northd has processed the newest
// configuration: something is lacking, or a rule decides that the Northbound database no longer
// has.
func awaits(f report.Finding) bool {
	switch f.Code {
	case report.CodeUnknown, report.CodeNoRoute, report.CodeNoACLAllows, report.CodeNextHopUnresolved, report.CodeARPUnanswerable, report.CodeLBNoBackend:
		return true
	case report.CodeACLDrop, report.CodeACLReject, report.CodePolicyDrop, report.CodeBlackholeRoute:
		return f.NB == nil
	}
	return false
}

// unaccounted reports whether a branch ended on a chassis by a flow of OVN that no logical flow
// accounts for.
func unaccounted(b *report.Branch, chassis string) bool {
	r := b.Reason
	return r != nil && r.Chassis == chassis && r.Table != nil && r.Cookie != "" && r.Cookie != "0x0" && r.LogicalFlow == nil && (r.Code == report.CodeUnknown || r.Code == "")
}
