package explain

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
)

// Outcomes of a condition over a packet that is known in part.
const (
	unknown = ovnexpr.Unknown
	no      = ovnexpr.No
	yes     = ovnexpr.Yes
)

// match is a parsed match of a logical flow; expr is nil for one that does not parse.
type match struct {
	expr  ovnexpr.Expr
	terms []ovnexpr.Expr // operands of the outermost &&, without parentheses
}

func readMatch(text string) *match {
	expr, err := ovnexpr.Parse(text, ovnexpr.Options{Lenient: true})
	if err != nil {
		return new(match)
	}
	leaveOpen(expr)
	return &match{expr, ovnexpr.Terms(expr)}
}

// residents returns the ports whose chassis the match asks about.
func (m *match) residents() []string {
	if m.expr == nil {
		return nil
	}
	return ovnexpr.Residents(m.expr)
}

// sets returns the address sets and port groups that the match names, with their sign.
func (m *match) sets() []string {
	if m.expr == nil {
		return nil
	}
	return ovnexpr.Sets(m.expr)
}

// leaveOpen marks conditions that explanations quote and do not judge: a range (1 < f < 3), and a
// mask with holes.
func leaveOpen(expr ovnexpr.Expr) {
	for e := range ovnexpr.Walk(expr) {
		switch e := e.(type) {
		case *ovnexpr.Range:
			e.First.Open, e.Last.Open = true, true
		case *ovnexpr.Compare:
			e.Open = e.HasHoles()
		}
	}
}

// matches caches parsed matches by their text: many flows have the same match, and each is
// evaluated for every packet. It is not safe for concurrent use.
type matches map[string]*match

// maxMatches bounds how many are cached; each takes some hundred bytes.
const maxMatches = 1 << 16

func (m matches) read(text string) *match {
	if known := m[text]; known != nil {
		return known
	}
	read := readMatch(text)
	if m != nil && len(m) < maxMatches {
		m[text] = read
	}
	return read
}

// term is one conjunct of a match with its outcome.
type term struct {
	text string
	expr ovnexpr.Expr
	is   ovnexpr.Truth
	far  bool // not met, and the packet is of another protocol
}

// conjuncts evaluates the operands of a match's outermost "&&", without parentheses. ok is false
// for a match that does not parse.
func (f facts) conjuncts(text string) (terms []term, ok bool) {
	m := f.matches.read(text)
	if m.expr == nil {
		return nil, false
	}
	for _, e := range m.terms {
		from, to := e.Span()
		is := ovnexpr.Eval(e, f)
		terms = append(terms, term{text[from:to], e, is, is == no && f.foreign(e)})
	}
	return terms, true
}

// holds evaluates a whole match; the result is unknown for one that does not parse.
func (f facts) holds(text string) ovnexpr.Truth {
	m := f.matches.read(text)
	if m.expr == nil {
		return unknown
	}
	return ovnexpr.Eval(m.expr, f)
}

// foreign reports whether a condition is on a protocol that the packet does not have, or on a field
// that it lacks.
func (f facts) foreign(e ovnexpr.Expr) bool {
	c, ok := e.(*ovnexpr.Compare)
	if !ok {
		return false
	}
	sym := c.Field.Symbol()
	switch {
	case sym == nil, sym.Base().Name == "ct_state":
		return false
	case sym.Predicate() && strings.Contains(sym.Name, "."): // eth.bcast
		return false
	}
	return c.Field.Applies(f) == no
}
