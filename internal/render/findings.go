package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Doctor prints the findings of doctor: a line of totals, then the findings, errors first. What it
// has found in order is "ok"; what it could not see is not.
func Doctor(w io.Writer, fs []report.Finding, opts Options) error {
	return findings(w, fs, opts, "ok")
}

// Findings prints findings as text: a line of totals, then the findings, errors first.
func Findings(w io.Writer, fs []report.Finding, opts Options) error {
	return findings(w, fs, opts, "info")
}

func findings(w io.Writer, fs []report.Finding, opts Options, info string) error {
	p := newPrinter(opts)
	p.line(0, totals(fs, info)...)
	if opts.Quiet {
		return p.flush(w)
	}
	sorted := slices.Clone(fs)
	slices.SortStableFunc(sorted, func(a, b report.Finding) int { return rank(a.Severity) - rank(b.Severity) })
	for _, f := range sorted {
		p.finding(f, info)
	}
	return p.flush(w)
}

func rank(s report.Severity) int {
	switch s {
	case report.SeverityError:
		return 0
	case report.SeverityWarning:
		return 1
	case report.SeverityInfo:
		return 2
	}
	return -1 // an unknown severity comes first, where it is seen
}

func totals(fs []report.Finding, info string) []span {
	if len(fs) == 0 {
		return []span{plain("nothing found")}
	}
	count := map[report.Severity]int{}
	unseen := 0
	for _, f := range fs {
		if wordOf(f, info) != severityWord(f.Severity, info) {
			unseen++
			continue
		}
		count[f.Severity]++
	}
	var line []span
	for _, s := range []report.Severity{report.SeverityError, report.SeverityWarning, report.SeverityInfo} {
		n := count[s]
		if n == 0 {
			continue
		}
		if len(line) > 0 {
			line = append(line, plain(", "))
		}
		word := severityWord(s, info)
		if n > 1 && s != report.SeverityInfo {
			word += "s"
		}
		line = append(line, span{fmt.Sprintf("%d %s", n, word), severityColor(s)})
		delete(count, s)
	}
	if unseen > 0 {
		if len(line) > 0 {
			line = append(line, plain(", "))
		}
		line = append(line, plain(fmt.Sprintf("%d %s", unseen, report.SeverityInfo)))
	}
	for _, s := range slices.Sorted(maps.Keys(count)) {
		line = append(line, plain(fmt.Sprintf(", %d %s", count[s], s)))
	}
	return line
}

func severityWord(s report.Severity, info string) string {
	if s == report.SeverityInfo {
		return info
	}
	return string(s)
}

// wordOf returns the word for a finding: what could not be seen is never in order.
func wordOf(f report.Finding, info string) string {
	switch f.Code {
	case report.CodeNotCollected, report.CodeFreshnessUnknown:
		return severityWord(f.Severity, string(report.SeverityInfo))
	}
	return severityWord(f.Severity, info)
}

func severityColor(s report.Severity) color {
	switch s {
	case report.SeverityError:
		return red
	case report.SeverityWarning:
		return yellow
	case report.SeverityInfo:
		return green
	}
	return none
}

// severityWidth is the width of the column of severities.
const severityWidth = len("warning")

func (p *printer) finding(f report.Finding, info string) {
	word := wordOf(f, info)
	pad := strings.Repeat(" ", max(0, severityWidth-len(word))+1)
	// If the finding's code is also a key of Where, such as "chassis", its value is printed after the
	// code.
	head, object := orNone(string(f.Code)), f.Where[string(f.Code)]
	if object != "" {
		head += " " + object
	}
	line := []span{{word, severityColor(f.Severity)}, plain(pad), {head, bold}, plain(": " + f.Text)}
	p.line(0, line...)
	p.details(severityWidth+1, f, object != "")
}

// details prints all of a finding but its severity, code and text. With named, the value of the key
// of Where that is the code was printed before.
func (p *printer) details(indent int, f report.Finding, named bool) {
	var parts []string
	for _, k := range sortedKeys(f.Where) {
		if k != string(f.Code) || !named {
			parts = append(parts, k+" "+f.Where[k])
		}
	}
	if len(parts) > 0 {
		p.line(indent, plain("where: "+strings.Join(parts, ", ")))
	}
	p.nb(indent, f.NB)
	for _, e := range f.Evidence {
		p.line(indent, plain("evidence: "+e))
	}
	if f.Certainty != "" && f.Certainty != report.ConfidenceExact {
		p.line(indent, plain("certainty: "+string(f.Certainty)))
	}
	if f.Hint != "" {
		p.line(indent, plain("hint: "+f.Hint))
	}
	for _, m := range f.Mend {
		p.line(indent, span{"mend: ", green}, plain(m))
	}
}
