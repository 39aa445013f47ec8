package matrix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Outcome is how an answer counts.
type Outcome uint8

// The outcomes of a question.
const (
	Met     Outcome = iota
	NotMet          // determined, and not as expected
	Unknown         // not determined
	Failed          // without an answer: something could not be reached
)

// OutcomeOf returns how an answer counts.
func OutcomeOf(a *report.MatrixAnswer) Outcome {
	switch {
	case a.Error != nil && a.Error.Kind == report.MatrixErrorUnreachable:
		return Failed
	case a.Error != nil && a.Error.Kind == report.MatrixErrorUndetermined:
		return Unknown
	case a.Error != nil:
		return NotMet
	case a.Expectation.Met:
		return Met
	case a.Verdict == engine.Unknown || slices.ContainsFunc(a.Ends, func(e report.MatrixEnd) bool { return e.Verdict == engine.Unknown }):
		return Unknown
	}
	return NotMet
}

// Fate returns what an answer says of its packet, on one line: where it ends, with which addresses
// and destination port, and what decided. Two answers with one fate do not differ: source ports
// that NAT picks, MAC addresses and warnings do not count.
func Fate(a *report.MatrixAnswer) string {
	if a.Error != nil {
		return "no answer: " + a.Error.Text
	}
	var ends []string
	for _, e := range a.Ends {
		if text := endText(a, e); !slices.Contains(ends, text) {
			ends = append(ends, text)
		}
	}
	slices.Sort(ends)
	if len(ends) == 0 {
		return a.Verdict.String()
	}
	return strings.Join(ends, "; or ")
}

func endText(a *report.MatrixAnswer, e report.MatrixEnd) string {
	s := e.Verdict.String()
	if e.End.Port != "" {
		s += " at " + e.End.Port
	}
	if e.End.Chassis != "" {
		s += " on " + e.End.Chassis
	}
	if a.Header != nil && (address(e.Header, true) != address(*a.Header, true) || address(e.Header, false) != address(*a.Header, false)) {
		s += " as " + address(e.Header, true) + " > " + address(e.Header, false)
	}
	if r := e.Reason; r != nil {
		s += ": " + because(r)
	}
	return s
}

// because returns what decided: the Northbound row, else the code, else the text.
func because(r *report.Reason) string {
	switch {
	case r.NB != nil:
		name := r.NB.Table
		if r.NB.Name != "" {
			name += " " + r.NB.Name
		}
		return name + " (" + r.NB.Summary + ")"
	case r.Code != "":
		return string(r.Code)
	}
	return r.Text
}

// address returns an end's source without its port, or its destination.
func address(h report.Header, src bool) string {
	switch {
	case src:
		return h.IPSrc
	case h.L4Dst != nil && strings.Contains(h.IPDst, ":"):
		return fmt.Sprintf("[%s]:%d", h.IPDst, *h.L4Dst)
	case h.L4Dst != nil:
		return fmt.Sprintf("%s:%d", h.IPDst, *h.L4Dst)
	}
	return h.IPDst
}
