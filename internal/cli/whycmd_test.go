package cli

import (
	"context"
	"errors"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestWhyStatus checks that a warning alone does not decide where it is not determined whether the
// request arrives.
func TestWhyStatus(t *testing.T) {
	yes, no := true, false
	finding := func(sev report.Severity, code report.Code) []report.Finding {
		return []report.Finding{{Severity: sev, Code: code}}
	}
	for _, c := range []struct {
		name              string
		reaches, answered *bool
		causes            []report.Finding
		want              int
	}{
		{"it works", &yes, &yes, nil, exitOK},
		{"it works, and something is told", &yes, &yes, finding(report.SeverityInfo, report.CodePolicyReroute), exitOK},
		{"it works, and will not", &yes, &yes, finding(report.SeverityWarning, report.CodePolicyOutlived), exitNotAsAsked},
		{"a cause", &no, &no, finding(report.SeverityError, report.CodeNoRoute), exitNotAsAsked},
		{"no cause", &no, &no, finding(report.SeverityError, report.CodeUnknown), exitNotAsAsked},
		{"not determined", nil, nil, nil, exitUnknown},
		{"not determined, and a chassis is behind", nil, nil, finding(report.SeverityWarning, report.CodeStaleController), exitUnknown},
		{"not determined, and a cause", nil, nil, finding(report.SeverityError, report.CodeACLDrop), exitNotAsAsked},
		{"the answer is not determined", &yes, nil, nil, exitUnknown},
	} {
		if got := whyStatus(&report.WhyReport{Reaches: c.reaches, Answered: c.answered, Causes: c.causes}); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestAnother checks when asking again ends: at another answer, at an error, and at the deadline,
// which is no error and returns the last answer.
func TestAnother(t *testing.T) {
	answer := func(code report.Code, evidence string) *report.WhyReport {
		return &report.WhyReport{Causes: []report.Finding{{Severity: report.SeverityError, Code: code, Evidence: []string{evidence}}}}
	}
	first := answer(report.CodeNoRoute, "first")
	failed := errors.New("a database has failed")
	for _, c := range []struct {
		name    string
		answers []*report.WhyReport // nil: an error
		want    string              // the evidence of the answer; empty: an error
	}{
		{name: "another answer", answers: []*report.WhyReport{answer(report.CodeNoRoute, "second"), answer(report.CodeACLDrop, "third")}, want: "third"},
		{name: "an error", answers: []*report.WhyReport{answer(report.CodeNoRoute, "second"), nil}},
	} {
		i := -1
		got, err := another(t.Context(), first, 0, func() (*report.WhyReport, error) {
			if i++; c.answers[i] == nil {
				return nil, failed
			}
			return c.answers[i], nil
		})
		switch {
		case c.want == "" && !errors.Is(err, failed):
			t.Errorf("%s: error %v", c.name, err)
		case c.want != "" && (err != nil || got.Causes[0].Evidence[0] != c.want):
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}

	over := ending{t.Context(), make(chan struct{})}
	second := answer(report.CodeNoRoute, "second")
	asked := 0
	got, err := another(over, first, 0, func() (*report.WhyReport, error) {
		if asked++; asked == 1 {
			return second, nil
		}
		close(over.done) // while it asks
		return nil, over.Err()
	})
	if err != nil || got != second {
		t.Errorf("at the deadline: %+v, %v", got, err)
	}
	if got, err := another(over, first, 0, func() (*report.WhyReport, error) { return nil, failed }); err != nil || got != first {
		t.Errorf("after the deadline: %+v, %v", got, err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := another(stopped, first, 0, func() (*report.WhyReport, error) { return first, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// ending is a context whose deadline is when its channel is closed.
type ending struct {
	context.Context
	done chan struct{}
}

func (e ending) Done() <-chan struct{} { return e.done }

func (e ending) Err() error {
	select {
	case <-e.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
