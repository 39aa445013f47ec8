package campaign

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what an answer is worth.
type Verdict int

// The verdicts, the best first.
const (
	Right  Verdict = iota // code and object are those of the fault
	Wrong                 // something else is named
	Missed                // nothing is named
)

// String returns "right", "wrong" or "missed".
func (v Verdict) String() string { return [...]string{"right", "wrong", "missed"}[v] }

// judge compares an answer with a question. Objects are the ask's, with the commands among them
// replaced by what they print. Of why, the first cause counts, for it decides; of nat, any finding.
func judge(a *Answer, ask Ask, objects []string) Verdict {
	all := a.Findings
	if a.why {
		all = a.Causes
	}
	if a.why && !ask.Any {
		all = all[:min(len(all), 1)]
	}
	verdict := Missed
	for _, f := range all {
		switch {
		case f.names(ask.Codes, objects):
			return Right
		case f.Code != "unknown" && (f.serious() || slices.Contains(ask.Codes, f.Code)):
			verdict = Wrong
		}
	}
	return verdict
}

// names reports whether the finding has one of the codes and is about one of the objects, if any
// are given.
func (f Finding) names(codes, objects []string) bool {
	if !slices.Contains(codes, f.Code) {
		return false
	}
	if len(objects) == 0 {
		return true
	}
	if f.NB != nil && (slices.Contains(objects, f.NB.UUID) || f.NB.Name != "" && slices.Contains(objects, f.NB.Name)) {
		return true
	}
	for _, v := range f.Where {
		if slices.Contains(objects, v) {
			return true
		}
	}
	return false
}

// healthy returns the findings that a healthy network must not have.
func healthy(a *Answer) []string {
	var out []string
	for _, f := range slices.Concat(a.Causes, a.Findings) {
		if f.serious() {
			out = append(out, f.String())
		}
	}
	if a.why && out == nil && !(isTrue(a.Reaches) && isTrue(a.Answered)) {
		out = append(out, fmt.Sprintf("reaches %s, answered %s: %s", text(a.Reaches), text(a.Answered), a.stderr))
	}
	return out
}

func isTrue(b *bool) bool { return b != nil && *b }

func text(b *bool) string {
	if b == nil {
		return "unknown"
	}
	return fmt.Sprint(*b)
}

// told returns what an answer names, for a person.
func told(a *Answer) string {
	var out []string
	for _, f := range slices.Concat(a.Causes, a.Findings) {
		out = append(out, f.String())
	}
	if len(out) == 0 {
		out = append(out, fmt.Sprintf("nothing (reaches %s, answered %s, exit status %d) %s", text(a.Reaches), text(a.Answered), a.status, a.stderr))
	}
	return strings.Join(out, "\n            ")
}
