package ovnexpr

import "iter"

// Terms splits an expression at its outermost &&, also through parentheses: it is true if all of
// its terms are.
func Terms(e Expr) []Expr { return terms(nil, e) }

func terms(out []Expr, e Expr) []Expr {
	and, ok := e.(And)
	if !ok {
		return append(out, e)
	}
	for _, x := range and.Of {
		out = terms(out, x)
	}
	return out
}

// Walk returns the conditions of an expression, which are neither And, Or nor Not, in the order of
// the text.
func Walk(e Expr) iter.Seq[Expr] {
	return func(yield func(Expr) bool) { walk(e, yield) }
}

func walk(e Expr, yield func(Expr) bool) bool {
	var of []Expr
	switch e := e.(type) {
	case And:
		of = e.Of
	case Or:
		of = e.Of
	case Not:
		return walk(e.Of, yield)
	default:
		return yield(e)
	}
	for _, x := range of {
		if !walk(x, yield) {
			return false
		}
	}
	return true
}

// Compares returns the comparisons of an expression, including both of a Range.
func Compares(e Expr) iter.Seq[*Compare] {
	return func(yield func(*Compare) bool) {
		for x := range Walk(e) {
			switch x := x.(type) {
			case *Compare:
				if !yield(x) {
					return
				}
			case *Range:
				if !yield(x.First) || !yield(x.Last) {
					return
				}
			}
		}
	}
}

// Sets returns the names of the address sets and port groups that an expression contains as names,
// with their sign: "$set", "@group".
func Sets(e Expr) []string {
	var out []string
	for c := range Compares(e) {
		for _, v := range c.Values {
			if v.kind == cAddrSet || v.kind == cPortGroup {
				out = append(out, v.String())
			}
		}
	}
	return out
}

// Residents returns the ports in an expression's is_chassis_resident conditions.
func Residents(e Expr) []string {
	var out []string
	for x := range Walk(e) {
		if r, ok := x.(Resident); ok {
			out = append(out, r.Port)
		}
	}
	return out
}

// HasHoles reports whether a constant's mask is not one run of bits, as in 10.0.0.1/255.0.0.255.
func (e *Compare) HasHoles() bool {
	for _, c := range e.Values {
		if _, n := c.num.mask.Run(); c.num.masked && n == 0 && !c.num.mask.IsZero() {
			return true
		}
	}
	return false
}
