package ovnexpr

import (
	"errors"
	"slices"
)

// ErrTooMany is the error for an expression with too many alternatives.
var ErrTooMany = errors.New("too many alternatives")

// maxWork bounds the comparisons of cubes that one normalisation makes.
const maxWork = 1 << 21

// Normalizer reduces annotated expressions to alternatives (expr_simplify, expr_normalize). Its
// calls share one budget of work.
type Normalizer struct {
	// Resident returns the value of is_chassis_resident; with nil every port is resident, as in
	// ovn-trace.
	Resident func(port string) bool

	work   int
	failed int
}

func (n *Normalizer) spend(k int) error {
	if n.work += k; n.work > maxWork {
		return ErrTooMany
	}
	return nil
}

// Clauses returns the alternatives in which all of the expressions are true. No alternative means a
// contradiction; a single one with one cube for each field describes a packet. The error is
// ErrTooMany.
func (n *Normalizer) Clauses(of ...*Plain) ([]Clause, error) {
	if len(of) == 1 {
		return n.clauses(of[0])
	}
	return n.all(of)
}

func (n *Normalizer) clauses(e *Plain) ([]Clause, error) {
	switch e.Kind {
	case PlainBool:
		return always(e.Yes), nil
	case PlainResident:
		return always((n.Resident == nil || n.Resident(e.Str)) != e.Not), nil
	case PlainCompare:
		return n.comparison(e)
	case PlainAnd:
		return n.all(e.Of)
	}
	return n.any(e.Of)
}

// any joins alternatives. If one is always true, so is the result, even if another is too much
// work.
func (n *Normalizer) any(sub []*Plain) ([]Clause, error) {
	var out []Clause
	var failed error
	for _, s := range sub {
		c, err := n.part(s)
		switch {
		case err != nil:
			failed = err
		case holdsAlways(c):
			return always(true), nil
		default:
			out = append(out, c...)
		}
	}
	if failed != nil {
		return nil, failed
	}
	return n.reduce(out)
}

func holdsAlways(cs []Clause) bool {
	return slices.ContainsFunc(cs, func(c Clause) bool { return len(c) == 0 })
}

// maxFailed bounds the number of parts that may each use up maxWork without a result.
const maxFailed = 4

// part normalises one operand. If that is too much work, the rest of the budget is for the others,
// which may determine the result.
func (n *Normalizer) part(e *Plain) ([]Clause, error) {
	old := n.work
	c, err := n.clauses(e)
	if err != nil {
		if n.failed++; n.failed <= maxFailed {
			n.work = old
		}
	}
	return c, err
}

func always(yes bool) []Clause {
	if yes {
		return []Clause{{}}
	}
	return nil
}

// all conjoins, the narrowest first, so that wide ones are crossed with few alternatives.
func (n *Normalizer) all(sub []*Plain) ([]Clause, error) {
	var parts [][]Clause
	var failed error
	for _, s := range mergeUnequal(sub) {
		c, err := n.part(s)
		if err != nil {
			failed = err
			continue
		}
		parts = append(parts, c)
	}
	out, err := n.cross(parts)
	if err == nil && len(out) > 0 {
		err = failed // the other parts do not contradict each other
	}
	return out, err
}

// mergeUnequal merges comparisons with adjacent values, x != 2 && x != 3, into one, as
// crush_and_cmps does: otherwise each would be crossed with all others.
func mergeUnequal(sub []*Plain) []*Plain {
	var out []*Plain
	for _, e := range sub {
		if e.Kind != PlainCompare || e.Op != NE || e.Sym.Width == 0 {
			out = append(out, e)
			continue
		}
		for again := true; again; {
			again = false
			for i, o := range out {
				if o.Kind != PlainCompare || o.Op != NE || o.Sym != e.Sym || o.Mask != e.Mask {
					continue
				}
				differ := o.Val.Xor(e.Val).And(e.Mask)
				if _, bits := differ.Run(); bits != 1 {
					continue
				}
				merged := *e
				merged.Mask = e.Mask.AndNot(differ)
				merged.Val = e.Val.And(merged.Mask)
				out, e, again = slices.Delete(out, i, i+1), &merged, !merged.Mask.IsZero()
				break
			}
		}
		out = append(out, e)
	}
	return out
}

// cross conjoins alternatives of each part.
func (n *Normalizer) cross(parts [][]Clause) ([]Clause, error) {
	slices.SortStableFunc(parts, func(a, b []Clause) int { return size(a) - size(b) })
	out := always(true)
	for _, part := range parts {
		var next []Clause
		for _, a := range out {
			for _, b := range part {
				c, err := n.both(a, b)
				if err != nil {
					return nil, err
				}
				if c != nil {
					next = append(next, c)
				}
			}
		}
		var err error
		if out, err = n.reduce(next); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func size(cs []Clause) int {
	n := 0
	for _, c := range cs {
		n++
		for _, cubes := range c {
			n += len(cubes)
		}
	}
	return n
}

// both conjoins two clauses; nil if they contradict each other.
func (n *Normalizer) both(a, b Clause) (Clause, error) {
	if err := n.spend(1 + len(a) + len(b)); err != nil {
		return nil, err
	}
	out := make(Clause, len(a)+len(b))
	for sym, cubes := range a {
		out[sym] = cubes
	}
	for sym, cubes := range b {
		have, ok := out[sym]
		if !ok {
			out[sym] = cubes
			continue
		}
		if err := n.spend(len(have) * len(cubes)); err != nil {
			return nil, err
		}
		var met []Cube
		for _, x := range have {
			for _, y := range cubes {
				if c, ok := x.meet(y, sym.Width == 0); ok {
					met = append(met, c)
				}
			}
		}
		if len(met) == 0 {
			return nil, nil
		}
		var err error
		if out[sym], err = n.absorb(met); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// absorb drops cubes that lie within others (crush_or_supersets).
func (n *Normalizer) absorb(cubes []Cube) ([]Cube, error) {
	if len(cubes) < 2 {
		return cubes, nil
	}
	var out []Cube
	for _, c := range cubes {
		if err := n.spend(len(out)); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, c.within) {
			continue
		}
		out = slices.DeleteFunc(out, func(d Cube) bool { return d.within(c) })
		out = append(out, c)
	}
	return out, nil
}

// reduce joins alternatives that differ in one field into one Clause, and drops those that lie
// within others.
func (n *Normalizer) reduce(cs []Clause) ([]Clause, error) {
	if len(cs) < 2 {
		return cs, nil
	}
	var out []Clause
	single := map[*Symbol]Clause{}
	for _, c := range cs {
		if len(c) == 0 {
			return always(true), nil
		}
		if len(c) == 1 {
			joined := false
			for sym, cubes := range c {
				if have, ok := single[sym]; ok {
					have[sym] = append(slices.Clone(have[sym]), cubes...)
					joined = true
				} else {
					c = Clause{sym: cubes}
					single[sym] = c
				}
			}
			if joined {
				continue
			}
		}
		out = append(out, c)
	}
	for sym, c := range single {
		var err error
		if c[sym], err = n.absorb(c[sym]); err != nil {
			return nil, err
		}
	}
	return n.absorbClauses(out)
}

func (n *Normalizer) absorbClauses(cs []Clause) ([]Clause, error) {
	var out []Clause
	for _, c := range cs {
		if err := n.spend(len(out) * (1 + len(c))); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, c.within) {
			continue
		}
		out = slices.DeleteFunc(out, func(d Clause) bool { return d.within(c) })
		out = append(out, c)
	}
	return out, nil
}
