package matrix

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Past are the answers of an earlier run, by question. It holds a few words for each.
type Past struct {
	answers map[key]past
	fates   map[string]string // each text once
}

// key is the hash of a question's text.
type key [16]byte

type past struct {
	verdict engine.Verdict
	outcome Outcome
	fate    string
	none    bool // there was no answer
	seen    bool // a question of this run has it
}

func keyOf(q Question, asNew bool) key {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %v", q.From, q.To, q.At, q.Network, q.Expect, asNew))
	return key(sum[:16])
}

// ReadPast reads what an earlier run has printed with -o json. Of several answers to a question the
// last counts. A line that was cut off is left out, at the end or where a later run's output was
// appended to it. name is the file's, for errors.
func ReadPast(name string, r io.Reader) (*Past, error) {
	p := &Past{answers: map[key]past{}, fates: map[string]string{}}
	for line, err := range lines(r) {
		if err != nil {
			return nil, atLine(name, line.n, err)
		}
		if strings.TrimSpace(line.text) == "" {
			continue
		}
		a, err := printed(line.text)
		if i := strings.LastIndex(line.text, `{"schema":`); err != nil && i > 0 {
			a, err = printed(line.text[i:])
		}
		if err != nil {
			if line.cut {
				break
			}
			return nil, atLine(name, line.n, usage.Errorf("give a file that matrix -o json has printed", "%v", err))
		}
		switch {
		case a.Summary != nil:
			continue
		case a.Schema != report.Schema || a.From == "" || a.To == "":
			return nil, atLine(name, line.n, usage.Errorf("give a file that matrix -o json has printed", "no answer of matrix"))
		}
		p.add(&a.MatrixAnswer)
	}
	return p, nil
}

// printedLine is a line of -o json: an answer, or with a Summary what was counted.
type printedLine struct {
	report.MatrixAnswer
	Summary json.RawMessage `json:"summary"`
}

func printed(text string) (l printedLine, err error) {
	err = json.Unmarshal([]byte(text), &l)
	return l, err
}

func (p *Past) add(a *report.MatrixAnswer) {
	fate := Fate(a)
	if one, ok := p.fates[fate]; ok {
		fate = one
	} else {
		p.fates[fate] = fate
	}
	q := Question{From: a.From, To: a.To, At: a.At, Network: a.Network, Expect: a.Expect}
	p.answers[keyOf(q, a.AsNew)] = past{verdict: a.Verdict, outcome: OutcomeOf(a), fate: fate, none: none(a)}
}

// Answered returns the outcome of a question that has an answer. One that failed, or whose trace
// was given up, has none.
func (p *Past) Answered(q Question, asNew bool) (o Outcome, v engine.Verdict, ok bool) {
	a, ok := p.answers[keyOf(q, asNew)]
	if !ok || strings.HasPrefix(a.fate, "no answer: ") {
		return 0, 0, false
	}
	return a.outcome, a.verdict, true
}

// Change is how an answer relates to the earlier one.
type Change uint8

// The changes of an answer.
const (
	Same Change = iota
	Changed
	New        // no earlier answer
	Unanswered // no answer now, so that it is unknown
)

// none reports whether there is no answer: something could not be reached, or the trace was given
// up.
func none(a *report.MatrixAnswer) bool {
	return a.Error != nil && a.Error.Kind != report.MatrixErrorInput
}

// Compare compares an answer with the earlier one; for Changed it sets Was. Questions that were
// compared are not Gone.
func (p *Past) Compare(a *report.MatrixAnswer) Change {
	k := keyOf(Question{From: a.From, To: a.To, At: a.At, Network: a.Network, Expect: a.Expect}, a.AsNew)
	before, ok := p.answers[k]
	if ok && !before.seen {
		before.seen = true
		p.answers[k] = before
	}
	switch {
	case none(a):
		return Unanswered
	case !ok || before.none:
		return New
	}
	if before.verdict == a.Verdict && before.fate == Fate(a) {
		return Same
	}
	a.Was = &report.MatrixWas{Verdict: before.verdict, Fate: before.fate}
	return Changed
}

// Gone returns the number of earlier answers whose questions were not compared.
func (p *Past) Gone() int {
	n := 0
	for _, a := range p.answers {
		if !a.seen {
			n++
		}
	}
	return n
}
