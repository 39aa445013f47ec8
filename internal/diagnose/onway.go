package diagnose

import (
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/audit"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// onWay returns what nat finds of the objects on the way of a session: none without the databases.
func (j *judge) onWay(ctx context.Context, r *report.Report) []report.Finding {
	inv := j.inventory(ctx)
	if inv == nil {
		return nil
	}
	way := audit.WayOf(r, j.New)
	in := &audit.Input{Inventory: inv, Chassis: j.Tables}
	var err error
	if in.Learned, err = inv.LearnedPorts(ctx, j.SB, way.MACs()); err != nil {
		j.warn("the learned ports of MAC addresses were not compared with their owners: " + err.Error())
	}
	for _, e := range j.Translated {
		in.Connections = append(in.Connections, connection.Connection{Legs: []connection.Record{e}})
	}
	return audit.OnWay(in, way)
}

// found returns what is found beside the traces of a session: by nat's checks, by the limits of
// datapaths, and of meters.
func (j *judge) found(ctx context.Context, r *report.Report) []report.Finding {
	return slices.Concat(j.tooDeep(r), j.onWay(ctx, r), j.metered(ctx, r))
}

// limits are the codes of limits: a packet that needs a new entry or port at one does not get
// through, or not as it should, which no trace sees.
var limits = []report.Code{report.CodeZoneLimit, report.CodeTableFull, report.CodeSNATExhausted, report.CodeRecircLimit}

func isLimit(f report.Finding) bool {
	return f.Severity == report.SeverityError && slices.Contains(limits, f.Code)
}

// limited corrects what traces say of a session at a limit. The kernel drops a packet that gets no
// entry (ovs_ct_commit, nf_nat_inet_fn), and both datapaths one at the limit of recirculations; the
// userspace datapath lets it pass without, untranslated (conn_not_found), so that only its answer
// is lost for certain.
func limited(w *report.WhyReport) {
	no := false
	for _, f := range w.Causes {
		if !isLimit(f) || !isTrue(w.Reaches) {
			continue
		}
		w.Answered = &no
		if w.Reaches = nil; f.Code == report.CodeRecircLimit || w.Versions.Chassis[f.Where["chassis"]].Datapath == "system" {
			w.Reaches = &no
		}
		return
	}
}

// misleading are the codes of mistakes by which an answer can come to another port, or with another
// address, than it should.
var misleading = []report.Code{report.CodeSNATHitsVIP, report.CodeLBForceSNATIgnored, report.CodeNATConflict}

// placed adds to the causes of a session what nat finds on its way. Of one that goes through, all
// but limits are warnings. Of another, a limit comes first, and so does, where nobody has the
// destination, a next hop that is its own router's, or a VIP that is handled at another gateway
// port. The rest comes after the causes that the traces name; where these are unknown, or say only
// that the answer does not match, it is what may be the cause.
func placed(causes, found []report.Finding, works bool) []report.Finding {
	blank, astray := true, true // of the causes that are errors, none is known; none says more than that
	for _, c := range causes {
		if c.Severity == report.SeverityError && c.Code != report.CodeReplyDropped && !isUnknown(c) {
			blank = false
			astray = astray && c.Code == report.CodeAsymmetricReply && c.Certainty == report.ConfidenceLikely
		}
	}
	if len(causes) > 1 && causes[0].Code == report.CodeReplyDropped && nowhere[causes[1].Code] {
		astray = true // the answer has come to where nobody knows its destination
	}
	lost := !works && len(causes) > 0 && nowhere[causes[0].Code] // nobody has its destination
	var first, later []report.Finding
	for _, f := range found {
		if slices.ContainsFunc(causes, func(c report.Finding) bool { return c.Code == f.Code && sameRow(c.NB, f.NB) }) {
			continue
		}
		switch {
		case isLimit(f), lost && (f.Code == report.CodeRouteViaSelf || f.Code == report.CodeLBTwoGateways):
			f.Severity = report.SeverityError
			for _, c := range causes[:min(len(causes), 1)] {
				f.Evidence = append(f.Evidence, "therefore: "+c.Text)
			}
			first = append(first, f)
			continue
		case works && f.Severity == report.SeverityError:
			f.Severity = report.SeverityWarning
		case works || f.Severity != report.SeverityWarning || slices.Contains(limits, f.Code):
		case blank:
			f.Severity, f.Certainty = report.SeverityError, report.ConfidencePossible
		case astray && slices.Contains(misleading, f.Code):
			f.Severity, f.Certainty = report.SeverityError, report.ConfidenceLikely
			first = append(first, f)
			continue
		}
		later = append(later, f)
	}
	return slices.Concat(first, causes, later)
}

func sameRow(a, b *report.NB) bool {
	return a == nil && b == nil || a != nil && b != nil && a.UUID == b.UUID
}
