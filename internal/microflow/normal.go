package microflow

import (
	"errors"
	"slices"
)

// cube is the set of values that agree with val where mask is 1; for a string field the one string.
type cube struct {
	val, mask u128
	str       string
}

// meet intersects two cubes of one field.
func (c cube) meet(d cube, isStr bool) (cube, bool) {
	if isStr {
		return c, c.str == d.str
	}
	if !c.val.xor(d.val).and(c.mask).and(d.mask).zero() {
		return cube{}, false
	}
	return cube{val: c.val.or(d.val), mask: c.mask.or(d.mask)}, true
}

// within reports whether every value of c is one of d.
func (c cube) within(d cube) bool {
	return c.str == d.str && d.mask.andNot(c.mask).zero() && c.val.xor(d.val).and(d.mask).zero()
}

// clause says of each field it names that one of some cubes holds; a clause that names none holds always.
type clause map[*symbol][]cube

// errTooMany is more alternatives than one packet's description can need.
var errTooMany = errors.New("too many alternatives")

// maxWork bounds the comparisons of cubes that one normalisation makes.
const maxWork = 1 << 21

// normalizer reduces an annotated expression to alternatives, each a clause: no alternative is a contradiction, one
// with one cube a field a packet, all else ambiguous (expr_simplify, expr_normalize).
type normalizer struct {
	work     int
	failed   int
	resident func(port string) bool
}

func (n *normalizer) spend(k int) error {
	if n.work += k; n.work > maxWork {
		return errTooMany
	}
	return nil
}

func (n *normalizer) clauses(e *Expr) ([]clause, error) {
	switch e.kind {
	case kBool:
		return truth(e.yes), nil
	case kCond:
		return truth((n.resident == nil || n.resident(e.str)) != e.not), nil
	case kCmp:
		return n.comparison(e)
	case kAnd:
		return n.all(e.sub)
	}
	return n.any(e.sub)
}

// any joins alternatives. One that always holds settles it, even where another is too much work.
func (n *normalizer) any(sub []*Expr) ([]clause, error) {
	var out []clause
	var failed error
	for _, s := range sub {
		c, err := n.part(s)
		switch {
		case err != nil:
			failed = err
		case holdsAlways(c):
			return truth(true), nil
		default:
			out = append(out, c...)
		}
	}
	if failed != nil {
		return nil, failed
	}
	return n.reduce(out)
}

func holdsAlways(cs []clause) bool {
	return slices.ContainsFunc(cs, func(c clause) bool { return len(c) == 0 })
}

// maxFailed bounds the parts that may each cost maxWork in vain.
const maxFailed = 4

// part normalises one operand. Where that is too much work, what is left of the budget is for the
// others: they may settle the whole.
func (n *normalizer) part(e *Expr) ([]clause, error) {
	old := n.work
	c, err := n.clauses(e)
	if err != nil {
		if n.failed++; n.failed <= maxFailed {
			n.work = old
		}
	}
	return c, err
}

func truth(yes bool) []clause {
	if yes {
		return []clause{{}}
	}
	return nil
}

// all conjoins, what is narrow first so that what is wide has little to cross with.
func (n *normalizer) all(sub []*Expr) ([]clause, error) {
	var parts [][]clause
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
func mergeUnequal(sub []*Expr) []*Expr {
	var out []*Expr
	for _, e := range sub {
		if e.kind != kCmp || e.op != opNE || e.sym.width == 0 {
			out = append(out, e)
			continue
		}
		for again := true; again; {
			again = false
			for i, o := range out {
				if o.kind != kCmp || o.op != opNE || o.sym != e.sym || o.mask != e.mask {
					continue
				}
				differ := o.val.xor(e.val).and(e.mask)
				if _, bits := differ.run(); bits != 1 {
					continue
				}
				merged := *e
				merged.mask = e.mask.andNot(differ)
				merged.val = e.val.and(merged.mask)
				out, e, again = slices.Delete(out, i, i+1), &merged, !merged.mask.zero()
				break
			}
		}
		out = append(out, e)
	}
	return out
}

// cross conjoins alternatives of each part.
func (n *normalizer) cross(parts [][]clause) ([]clause, error) {
	slices.SortStableFunc(parts, func(a, b []clause) int { return size(a) - size(b) })
	out := truth(true)
	for _, part := range parts {
		var next []clause
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

func size(cs []clause) int {
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
func (n *normalizer) both(a, b clause) (clause, error) {
	if err := n.spend(1 + len(a) + len(b)); err != nil {
		return nil, err
	}
	out := make(clause, len(a)+len(b))
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
		var met []cube
		for _, x := range have {
			for _, y := range cubes {
				if c, ok := x.meet(y, sym.width == 0); ok {
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
func (n *normalizer) absorb(cubes []cube) ([]cube, error) {
	if len(cubes) < 2 {
		return cubes, nil
	}
	var out []cube
	for _, c := range cubes {
		if err := n.spend(len(out)); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, c.within) {
			continue
		}
		out = slices.DeleteFunc(out, func(d cube) bool { return d.within(c) })
		out = append(out, c)
	}
	return out, nil
}

// reduce joins alternatives about one field into one clause, and drops those that lie within others.
func (n *normalizer) reduce(cs []clause) ([]clause, error) {
	if len(cs) < 2 {
		return cs, nil
	}
	var out []clause
	single := map[*symbol]clause{}
	for _, c := range cs {
		if len(c) == 0 {
			return truth(true), nil
		}
		if len(c) == 1 {
			joined := false
			for sym, cubes := range c {
				if have, ok := single[sym]; ok {
					have[sym] = append(slices.Clone(have[sym]), cubes...)
					joined = true
				} else {
					c = clause{sym: cubes}
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

func (n *normalizer) absorbClauses(cs []clause) ([]clause, error) {
	var out []clause
	for _, c := range cs {
		if err := n.spend(len(out) * (1 + len(c))); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, c.within) {
			continue
		}
		out = slices.DeleteFunc(out, func(d clause) bool { return d.within(c) })
		out = append(out, c)
	}
	return out, nil
}

// within reports, without searching far, whether every packet of c is one of d.
func (c clause) within(d clause) bool {
	for sym, cubes := range d {
		have := c[sym]
		if len(have) == 0 {
			return false
		}
		for _, h := range have {
			if !slices.ContainsFunc(cubes, h.within) {
				return false
			}
		}
	}
	return true
}

// comparison turns a comparison into cubes.
func (n *normalizer) comparison(e *Expr) ([]clause, error) {
	var cubes []cube
	switch {
	case e.sym.width == 0:
		cubes = []cube{{str: e.str}} // strings are compared by == only
	case e.op == opEQ:
		if e.mask.zero() {
			return truth(true), nil
		}
		cubes = []cube{{val: e.val.and(e.mask), mask: e.mask}}
	case e.op == opNE:
		cubes = unequal(e)
	default:
		return n.ordered(e)
	}
	if len(cubes) == 0 {
		return nil, n.spend(1)
	}
	return []clause{{e.sym: cubes}}, n.spend(len(cubes))
}

// unequal has a cube for every bit that may differ, with the bits above it as they are (expr_simplify_ne).
func unequal(e *Expr) []cube {
	var cubes []cube
	for i := range e.sym.width {
		if !e.mask.bit(i) {
			continue
		}
		above := e.mask.and(ones(i, 128-i))
		cubes = append(cubes, cube{val: e.val.xor(ones(i, 1)).and(above), mask: above})
	}
	return cubes
}

// ordered has, for a > b, a cube for every 0-bit of b that may be 1 with the bits above it as they are, and for a < b
// the same with 1 and 0 exchanged (expr_simplify_relational).
func (n *normalizer) ordered(e *Expr) ([]clause, error) {
	start, width := e.mask.run()
	less := e.op == opLT || e.op == opLE
	var cubes []cube
	if e.op == opLE || e.op == opGE {
		cubes = append(cubes, cube{val: e.val, mask: e.mask})
	}
	edge := true // nothing lies beyond the value
	for z := start; z < start+width; z++ {
		if e.val.bit(z) != less {
			continue
		}
		edge = false
		above := e.mask.and(ones(z, 128-z))
		cubes = append(cubes, cube{val: e.val.xor(ones(z, 1)).and(above), mask: above})
	}
	// The other end of the range: all values, or all but this one.
	far := e.val == e.mask
	if !less {
		far = e.val.zero()
	}
	if far && !edge {
		if e.op == opLE || e.op == opGE {
			return truth(true), nil
		}
		cubes = unequal(e)
	}
	if len(cubes) == 0 {
		return nil, nil
	}
	cubes, err := n.absorb(cubes)
	return []clause{{e.sym: cubes}}, err
}
