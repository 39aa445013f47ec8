package microflow

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
)

// SyntaxError is the error of a text that does not describe one packet, with OVN's message.
type SyntaxError = ovnexpr.SyntaxError

// Options are the options of Parse.
type Options struct {
	// Symbols resolves address sets and port groups; with nil there are none.
	Symbols ovnexpr.Names
	// Resident returns the value of is_chassis_resident; with nil it is true, as in ovn-trace.
	Resident func(port string) bool
	// Family is 4 or 6 if the caller knows it from elsewhere (--to), else 0. It only resolves an
	// ambiguity between ip4 and ip6.
	Family int
}

// Parse reads an OVN expression that describes one packet (expr_parse_microflow).
func Parse(in string, o Options) (Microflow, error) {
	e, err := ovnexpr.Parse(in, ovnexpr.Options{Names: o.Symbols})
	if err != nil {
		return Microflow{}, err
	}
	a := ovnexpr.Annotate(ovnexpr.Lower(e))
	n := &ovnexpr.Normalizer{Resident: o.Resident}
	alts, err := n.Clauses(a)
	if err == nil && o.Family != 0 {
		if sym := ambiguousSymbol(alts); sym != nil && sym.Name == "eth.type" {
			if narrowed, err2 := n.Clauses(ovnexpr.Both(a, family(o.Family))); err2 == nil && len(narrowed) > 0 {
				alts = narrowed
			}
		}
	}
	if err != nil {
		return Microflow{}, &SyntaxError{In: in, Msg: "Constraints are ambiguous: " + short(a) + ".",
			Hint: "too many alternatives to be one packet"}
	}
	if len(alts) == 0 {
		return Microflow{}, contradiction(in, a, o)
	}
	if sym := ambiguousSymbol(alts); sym != nil {
		return Microflow{}, ambiguity(in, a, sym)
	}
	return build(in, a, alts[0]), nil
}

// family returns the expression ip4 or ip6.
func family(n int) *ovnexpr.Plain {
	e, err := ovnexpr.Parse(fmt.Sprintf("ip%d", n), ovnexpr.Options{})
	if err != nil {
		panic("microflow: " + err.Error())
	}
	return ovnexpr.Annotate(ovnexpr.Lower(e))
}

// ambiguousSymbol returns the field in which the alternatives differ, or nil if they are one
// packet.
func ambiguousSymbol(alts []ovnexpr.Clause) *ovnexpr.Symbol {
	if len(alts) == 0 {
		return nil
	}
	syms := slices.SortedFunc(maps.Keys(alts[0]), func(a, b *ovnexpr.Symbol) int { return cmp.Compare(a.Name, b.Name) })
	for _, sym := range syms {
		if len(alts[0][sym]) > 1 {
			return sym
		}
	}
	for _, alt := range alts[1:] {
		for _, sym := range syms {
			if !slices.Equal(alts[0][sym], alt[sym]) {
				return sym
			}
		}
		for sym := range alt {
			return sym
		}
	}
	return nil
}

// short returns an expression's text, cut at 300 bytes.
func short(p *ovnexpr.Plain) string {
	const limit = 300
	s := p.String()
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	return s
}

// ambiguity returns an error at the first comparison of the ambiguous field.
func ambiguity(in string, a *ovnexpr.Plain, sym *ovnexpr.Symbol) error {
	e := &SyntaxError{In: in, Off: len(in), Msg: "Constraints are ambiguous: " + short(a) + "."}
	if at := about(a, sym); at != nil {
		e.Off = at.Off
	}
	e.Hint = "a packet has one value of " + sym.Name
	if sym.Name == "eth.type" {
		e.Hint = "say which, such as ip4 or ip6"
	}
	return e
}

// about returns the first comparison of a field, preferring those within an alternative.
func about(a *ovnexpr.Plain, sym *ovnexpr.Symbol) *ovnexpr.Plain {
	var first *ovnexpr.Plain
	var walk func(p *ovnexpr.Plain, inOr bool) *ovnexpr.Plain
	walk = func(p *ovnexpr.Plain, inOr bool) *ovnexpr.Plain {
		if p.Kind == ovnexpr.PlainCompare && p.Sym == sym {
			if inOr || p.Op != ovnexpr.EQ {
				return p
			}
			if first == nil {
				first = p
			}
		}
		for _, s := range p.Of {
			if found := walk(s, inOr || p.Kind == ovnexpr.PlainOr); found != nil {
				return found
			}
		}
		return nil
	}
	if found := walk(a, false); found != nil {
		return found
	}
	return first
}

// contradiction returns an error at the first operand that contradicts those before it.
func contradiction(in string, a *ovnexpr.Plain, o Options) error {
	e := &SyntaxError{In: in, Off: a.Off, Msg: "Constraints are contradictory."}
	if a.Kind != ovnexpr.PlainAnd {
		return e
	}
	byOff := slices.Clone(a.Of)
	slices.SortStableFunc(byOff, func(a, b *ovnexpr.Plain) int { return a.Off - b.Off })
	for i, last := range byOff {
		n := &ovnexpr.Normalizer{Resident: o.Resident}
		none := func(of ...*ovnexpr.Plain) bool {
			alts, err := n.Clauses(of...)
			return err == nil && len(alts) == 0
		}
		alts, err := n.Clauses(byOff[:i+1]...)
		if err != nil {
			return e
		}
		if len(alts) > 0 {
			continue
		}
		e.Off = last.Off
		if none(last) {
			e.Hint = written(in, last) + " never holds"
			return e
		}
		for _, before := range byOff[:i] {
			if none(before, last) {
				e.Hint = bothHold(in, before, last)
				break
			}
		}
		return e
	}
	return e
}

// bothHold returns the message for two operands that contradict each other: it quotes them as
// written, or their meaning if both are written the same.
func bothHold(in string, a, b *ovnexpr.Plain) string {
	left, right := written(in, a), written(in, b)
	if left == right {
		left, right = a.String(), b.String()
	}
	return fmt.Sprintf("%s and %s cannot both hold", left, right)
}

// written returns the text of the operand from which p was read.
func written(in string, p *ovnexpr.Plain) string {
	return cmp.Or(ovnexpr.Operand(in, p.Off), p.String())
}
