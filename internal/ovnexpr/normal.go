package ovnexpr

import (
	"errors"
	"slices"
)

// ErrTooMany is returned for more alternatives than one packet's description can need.
var ErrTooMany = errors.New("too many alternatives")

// maxWork bounds the comparisons of cubes that one normalisation makes.
const maxWork = 1 << 21

// Normalizer reduces annotated expressions to alternatives (expr_simplify, expr_normalize). Its
// calls share one budget of work.
type Normalizer struct {
	// Resident decides is_chassis_resident; nil takes every port to be resident, as ovn-trace does.
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

// Clauses returns the alternatives under which all of the expressions hold. None is a
// contradiction; one with one cube a field is a packet. The error is ErrTooMany.
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

// any joins alternatives. One that always holds settles it, even where another is too much work.
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

// maxFailed bounds the parts that may each cost maxWork in vain.
const maxFailed = 4

// part normalises one operand. Where that is too much work, what is left of the budget is for the
// others: they may settle the whole.
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

// all conjoins, what is narrow first so that what is wide has little to cross with.
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
		err = failed // nothing is contradictory without that part either
	}
	return out, err
}

// mergeUnequal makes one comparison of those with neighbouring values, x != 2 && x != 3, as
// crush_and_cmps does: each comparison of its own would be crossed with all others.
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

// both conjoins two clauses; nil when they contradict.
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

// reduce joins alternatives about one field into one Clause, and drops those that lie within
// others.
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
