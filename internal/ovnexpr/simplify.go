package ovnexpr

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"

// comparison converts a comparison into cubes.
func (n *Normalizer) comparison(e *Plain) ([]Clause, error) {
	var cubes []Cube
	switch {
	case e.Sym.Width == 0:
		cubes = []Cube{{Str: e.Str}} // strings have only ==
	case e.Op == EQ:
		if e.Mask.IsZero() {
			return always(true), nil
		}
		cubes = []Cube{{Val: e.Val.And(e.Mask), Mask: e.Mask}}
	case e.Op == NE:
		cubes = unequal(e)
	default:
		return n.ordered(e)
	}
	if len(cubes) == 0 {
		return nil, n.spend(1)
	}
	return []Clause{{e.Sym: cubes}}, n.spend(len(cubes))
}

// unequal returns a Cube for every bit that may differ, with the bits above it unchanged
// (expr_simplify_ne).
func unequal(e *Plain) []Cube {
	var cubes []Cube
	for i := range e.Sym.Width {
		if !e.Mask.Bit(i) {
			continue
		}
		above := e.Mask.And(u128.Ones(i, 128-i))
		cubes = append(cubes, Cube{Val: e.Val.Xor(u128.Ones(i, 1)).And(above), Mask: above})
	}
	return cubes
}

// ordered returns, for a > b, a Cube for every 0-bit of b that may be 1 with the bits above it
// unchanged, and for a < b the same with 1 and 0 exchanged (expr_simplify_relational).
func (n *Normalizer) ordered(e *Plain) ([]Clause, error) {
	start, width := e.Mask.Run()
	less := e.Op == LT || e.Op == LE
	var cubes []Cube
	if e.Op == LE || e.Op == GE {
		cubes = append(cubes, Cube{Val: e.Val, Mask: e.Mask})
	}
	edge := true // nothing lies beyond the value
	for z := start; z < start+width; z++ {
		if e.Val.Bit(z) != less {
			continue
		}
		edge = false
		above := e.Mask.And(u128.Ones(z, 128-z))
		cubes = append(cubes, Cube{Val: e.Val.Xor(u128.Ones(z, 1)).And(above), Mask: above})
	}
	// The other end of the range: all values, or all but this one.
	far := e.Val == e.Mask
	if !less {
		far = e.Val.IsZero()
	}
	if far && !edge {
		if e.Op == LE || e.Op == GE {
			return always(true), nil
		}
		cubes = unequal(e)
	}
	if len(cubes) == 0 {
		return nil, nil
	}
	cubes, err := n.absorb(cubes)
	return []Clause{{e.Sym: cubes}}, err
}
