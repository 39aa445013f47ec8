package diagnose

import (
	"cmp"
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// ranked returns what breaks a session, or may: errors, then warnings, then the rest, and of each
// what decides first.
func (j *judge) ranked(ctx context.Context, r *report.Report, p *pin) []report.Finding {
	out := j.causes(ctx, r)
	if f, ok := j.outlived(ctx, p); ok {
		if p.of == j.Standing && f.Severity == report.SeverityError {
			out = append(out, j.lost(ctx, p.of)...)
		}
		out = append([]report.Finding{f}, out...)
	}
	_, answered := j.outcome(r)
	out = placed(out, j.found(ctx, r), isTrue(answered))
	if isTrue(answered) {
		return sorted(out) // the report's warnings say that a chassis is behind
	}
	var first, later []report.Finding
	for _, f := range append(j.outdated(r), j.behind(ctx, r, out)...) {
		if f.Severity == report.SeverityError {
			first = append(first, f)
		} else {
			later = append(later, f)
		}
	}
	if len(first) > 0 { // these say why
		out = slices.DeleteFunc(out, func(f report.Finding) bool {
			if !isUnknown(f) {
				return false
			}
			first[0].Evidence = append(first[0].Evidence, f.Text)
			return true
		})
	}
	out = append(first, out...)
	for _, f := range later {
		out = add(out, f)
	}
	for _, port := range []string{j.Question.From, j.Port} {
		if f, ok := j.elsewhereRequested(ctx, port); ok {
			out = add(out, f)
		}
	}
	return sorted(out)
}

// severities is the order in which causes are listed.
var severities = []report.Severity{report.SeverityError, report.SeverityWarning, report.SeverityInfo}

// sorted sorts causes by their severity, and of each severity those without a known cause last. It
// keeps the order otherwise.
func sorted(list []report.Finding) []report.Finding {
	unknown := func(f report.Finding) int {
		if isUnknown(f) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b report.Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)), cmp.Compare(unknown(a), unknown(b)))
	})
	return list
}

func isUnknown(f report.Finding) bool { return f.Code == report.CodeUnknown }
