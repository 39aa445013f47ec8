// Package diagnose names the cause why a request does not arrive, or why its answer does not come
// back: in the words of the one who configured the network, with evidence, and with the command
// that mends it. It decides by the codes, rows and verdicts of a report, never by its texts.
package diagnose

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/audit"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Input is what an answer is made of.
type Input struct {
	Question report.WhyQuestion
	// Port is the logical port at which the request should arrive; empty if any end will do.
	Port string
	// Live and New are the sessions over the live entries, and as if there were none. One of them
	// may be nil.
	Live, New *report.Report
	// Cut is the error that ended the session which the answer shows; nil if it was played to its end.
	// What broke it is then not known.
	Cut error
	// Standing is the trace of a packet of a live connection of the client to the destination, where
	// the sessions are of another one; nil if there is none.
	Standing *report.Report
	// Stock is what the databases say of addresses; nil until it is read.
	Stock *inventory.Inventory
	// Tables are the tables of the chassis on the way, and Translated the entries there that source
	// NAT translates to the addresses and the destinations on the way.
	Tables     []audit.Chassis
	Translated []connection.Record
	// Warnings say what else makes the answer uncertain.
	Warnings []string
	NB       *ovn.NB // may be nil: rules are then named by logical flow only
	SB       *ovn.SB
	// Of returns the databases of a chassis' zone; nil: all chassis have those above.
	Of func(ctx context.Context, chassis string) (*ovn.SB, *ovn.NB)
}

// shown returns the session that the answer shows.
func (in *Input) shown() *report.Report {
	if in.Live != nil {
		return in.Live
	}
	return in.New
}

// warnings returns those of all sessions and traces, each once: the session that the answer shows
// first, then what only the others say.
func (in *Input) warnings() []string {
	out := slices.Concat(in.shown().Warnings, in.Warnings)
	for _, more := range []struct {
		of string
		r  *report.Report
	}{{"a new connection", in.New}, {"a live connection of the client", in.Standing}} {
		if more.r == nil {
			continue
		}
		for _, w := range more.r.Warnings {
			if text := more.of + ": " + w; !slices.Contains(out, w) && !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}

// Why answers the question.
func Why(ctx context.Context, in Input) *report.WhyReport {
	j := &judge{Input: in}
	r := in.shown()
	out := &report.WhyReport{
		Schema: report.Schema, Question: in.Question, Causes: []report.Finding{}, Phases: []report.Phase{}, Unchecked: []string{},
		Packets: r.Packets, Session: r.Session, Warnings: in.warnings(), Versions: r.Versions,
	}
	out.Reaches, out.Answered = j.outcome(r)
	out.Path, out.Phases = j.path(r), j.phases(ctx, r)
	if in.Cut != nil {
		out.Causes, out.Warnings = append(out.Causes, j.cut(r)), append(out.Warnings, j.warnings...)
		return out
	}
	pin := j.pinned()
	out.AsNew = j.asNew(ctx, pin)
	if j.unsettled() {
		out.Causes = append(out.Causes, j.supposed(ctx)...)
	} else {
		out.Causes = append(out.Causes, j.ranked(ctx, r, pin)...)
	}
	limited(out)
	if out.Reaches == nil && len(out.Causes) > 0 && certain(out.Causes[0]) {
		no := false
		out.Reaches, out.Answered = &no, &no // such as a packet that waits, for a port that is disabled
	}
	if isTrue(out.Answered) {
		out.Unchecked = unchecked()
	}
	out.Warnings = append(out.Warnings, j.warnings...)
	return out
}

// cut is the finding of a session that an error ended.
func (j *judge) cut(r *report.Report) report.Finding {
	f := report.Finding{
		Severity: report.SeverityError, Code: report.CodeUnknown, Certainty: report.ConfidencePossible,
		Text: "not followed: " + j.Cut.Error(), Where: map[string]string{},
	}
	if s := r.Session; s != nil && s.BrokenAt != "" {
		f.Where["packet"] = s.BrokenAt
		f.Text = s.BrokenAt + " was not followed: " + j.Cut.Error()
	}
	return f
}

// certain reports whether a cause prevents the session whatever is not known.
func certain(f report.Finding) bool {
	return f.Severity == report.SeverityError && f.Certainty == report.ConfidenceExact && f.Code != report.CodeUnknown && f.Code != report.CodeReplyDropped
}

// unchecked is what no answer covers.
func unchecked() []string {
	return []string{"the guests: their own addresses, firewalls and services", "the physical network between the chassis, and outside OVN"}
}

// Inventory reads what the databases say of addresses, once; nil without both databases.
func (in *Input) Inventory(ctx context.Context) (*inventory.Inventory, error) {
	if in.Stock != nil || in.NB == nil || in.SB == nil {
		return in.Stock, nil
	}
	var err error
	in.Stock, err = inventory.Read(ctx, in.NB, in.SB)
	return in.Stock, err
}

// judge is one answer being made.
type judge struct {
	Input
	failed   bool               // the databases could not be read
	learned  *inventory.Learned // nil until it is read
	warnings []string
	stocks   map[*ovn.SB]*inventory.Inventory // of other zones
}

// inventory returns what the databases say of addresses; nil if they could not be read, with a
// warning.
func (j *judge) inventory(ctx context.Context) *inventory.Inventory {
	if j.failed {
		return nil
	}
	inv, err := j.Inventory(ctx)
	if err != nil {
		j.failed = true
		j.warn("the configuration was not compared with the answer: " + err.Error())
		return nil
	}
	return inv
}

// unread warns, once, of an error of the databases; a row that is not there is none.
func (j *judge) unread(what string, err error) {
	var missing *ovn.NotFoundError
	what += " is unknown: "
	if err == nil || errors.As(err, &missing) || slices.ContainsFunc(j.warnings, func(w string) bool { return strings.HasPrefix(w, what) }) {
		return
	}
	j.warn(what + err.Error())
}

// warn adds a warning, once.
func (j *judge) warn(text string) {
	if !slices.Contains(j.warnings, text) {
		j.warnings = append(j.warnings, text)
	}
}
