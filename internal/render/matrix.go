package render

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// MatrixJSON prints an answer of matrix, or its last line, as one line.
func MatrixJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// MatrixAnswer prints an answer of matrix on one line, an earlier one on another. fate is where the
// packet ended, and what decided.
func MatrixAnswer(w io.Writer, a *report.MatrixAnswer, fate string, opts Options) error {
	p := newPrinter(opts)
	line := []span{{fmt.Sprintf("%-20s > %-28s ", a.From, a.To), bold}}
	switch {
	case a.Error != nil:
		line = append(line, span{string(a.Error.Kind), yellow}, plain(": "+oneLine(a.Error.Text)))
	default:
		line = append(line, matrixVerdict(a), plain(strings.TrimPrefix(fate, a.Verdict.String())))
	}
	if !a.Expectation.Met && (a.Expect != "" || a.Verdict == engine.Delivered || a.Verdict == engine.External) {
		line = append(line, plain("; expected "+a.Expectation.Text))
	}
	p.line(0, line...)
	if a.Was != nil {
		p.line(4, span{"was " + oneLine(a.Was.Fate), dim})
	}
	for _, text := range a.Warnings {
		if opts.Verbose > 0 {
			p.line(4, span{"warning: ", yellow}, plain(oneLine(text)))
		}
	}
	return p.flush(w)
}

func matrixVerdict(a *report.MatrixAnswer) span {
	c := red
	switch {
	case a.Expectation.Met:
		c = green
	case a.Verdict == engine.Unknown:
		c = yellow
	}
	return span{a.Verdict.String(), c}
}

// oneLine puts a text on one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// MatrixSummary prints what was counted.
func MatrixSummary(w io.Writer, s *report.MatrixSummary, opts Options) error {
	p := newPrinter(opts)
	head := []span{{number(s.Questions, "question", "questions") + ": ", bold}, {fmt.Sprintf("%d as expected", s.Met), green}}
	for _, n := range []struct {
		count int
		what  string
		color color
	}{{s.NotMet, "not as expected", red}, {s.Unknown, "not determined", yellow}, {s.Failed, "failed", yellow}, {s.Unasked, "not asked", yellow}} {
		if n.count > 0 {
			head = append(head, plain(", "), span{fmt.Sprintf("%d %s", n.count, n.what), n.color})
		}
	}
	if s.Earlier > 0 {
		head = append(head, plain(fmt.Sprintf("; %d of them answered before", s.Earlier)))
	}
	p.line(0, head...)
	if opts.Quiet {
		return p.flush(w)
	}
	var words []string
	for _, v := range slices.Sorted(maps.Keys(s.Verdicts)) {
		words = append(words, fmt.Sprintf("%s %d", v, s.Verdicts[v]))
	}
	if len(words) > 0 {
		p.line(2, plain("verdicts: "+strings.Join(words, ", ")))
	}
	if s.Changed != nil {
		p.line(2, plain(fmt.Sprintf("since then: %d changed, %d new, %d no longer asked", *s.Changed, *s.New, *s.Gone)))
	}
	if asked := s.Questions - s.Earlier - s.Unasked; asked > 0 && s.Seconds > 0 {
		p.line(2, span{fmt.Sprintf("%.1f s, %.0f a minute", s.Seconds, float64(asked)*60/s.Seconds), dim})
	}
	return p.flush(w)
}
