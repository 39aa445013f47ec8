package ovnexpr

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"
)

// Cube is the set of values that agree with Val where Mask is 1; for a string field, one string.
type Cube struct {
	Val, Mask u128.Uint
	Str       string
}

// meet intersects two cubes of one field.
func (c Cube) meet(d Cube, isStr bool) (Cube, bool) {
	if isStr {
		return c, c.Str == d.Str
	}
	if !c.Val.Xor(d.Val).And(c.Mask).And(d.Mask).IsZero() {
		return Cube{}, false
	}
	return Cube{Val: c.Val.Or(d.Val), Mask: c.Mask.Or(d.Mask)}, true
}

// within reports whether every value of c is in d.
func (c Cube) within(d Cube) bool {
	return c.Str == d.Str && d.Mask.AndNot(c.Mask).IsZero() && c.Val.Xor(d.Val).And(d.Mask).IsZero()
}

// Clause requires of each field in it that one of the field's cubes contains its value; an empty
// Clause is always true.
type Clause map[*Symbol][]Cube

// within reports whether every packet of c is in d. It may return false for some that are.
func (c Clause) within(d Clause) bool {
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
