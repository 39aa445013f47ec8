package ovnexpr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"
)

// PlainKind is the kind of a Plain.
type PlainKind uint8

// The kinds of Plain.
const (
	PlainCompare PlainKind = iota
	PlainAnd
	PlainOr
	PlainBool
	PlainResident
)

// Plain is an expression in OVN's internal form (struct expr): sets are ||, ranges are &&, !
// applies to single comparisons, and symbols are compared bit by bit. The text of String parses to
// the same.
type Plain struct {
	Kind PlainKind
	Off  int // byte offset in the text

	Sym       *Symbol // of a comparison
	Op        Relop
	Val, Mask u128.Uint
	Str       string // the string that the symbol is compared with; for PlainResident the port

	Of  []*Plain // of PlainAnd and PlainOr: two or more, of another kind
	Yes bool     // of PlainBool: its value
	Not bool     // of PlainResident: negated
}

// Lower converts an expression that a strict Parse returned into OVN's form. A comparison with a
// set that was kept as a name is true, also when negated.
func Lower(e Expr) *Plain { return lower(e, false) }

// lower lowers an expression, or with not its negation (expr_not).
func lower(e Expr, not bool) *Plain {
	switch e := e.(type) {
	case And:
		return lowerAll(PlainAnd, e.Of, not)
	case Or:
		return lowerAll(PlainOr, e.Of, not)
	case Not:
		p := lower(e.Of, !not)
		p.Off = e.from
		return p
	case *Compare:
		return e.lower(not)
	case *Range:
		return join(either(PlainAnd, not), []*Plain{e.First.lower(not), e.Last.lower(not)})
	case Bool:
		return &Plain{Kind: PlainBool, Off: e.from, Yes: e.Value != not}
	case Resident:
		return &Plain{Kind: PlainResident, Off: e.from, Str: e.Port, Not: not}
	}
	from, _ := e.Span()
	return &Plain{Kind: PlainBool, Off: from, Yes: true}
}

// either returns the kind, or with not the other one of && and ||.
func either(kind PlainKind, not bool) PlainKind {
	if not {
		return PlainAnd + PlainOr - kind
	}
	return kind
}

func lowerAll(kind PlainKind, of []Expr, not bool) *Plain {
	out := make([]*Plain, len(of))
	for i, x := range of {
		out[i] = lower(x, not)
	}
	return join(either(kind, not), out)
}

func (e *Compare) lower(not bool) *Plain {
	op := e.Op
	if not {
		op = op.inverted()
	}
	if slices.ContainsFunc(e.Values, Constant.named) {
		return &Plain{Kind: PlainBool, Off: e.Field.off, Yes: true}
	}
	if len(e.Values) == 0 {
		return &Plain{Kind: PlainBool, Off: e.Field.off, Yes: op == NE}
	}
	kind := PlainOr
	if e.Op != EQ {
		kind = PlainAnd
	}
	of := make([]*Plain, len(e.Values))
	for i, c := range e.Values {
		p := &Plain{Kind: PlainCompare, Off: e.Field.off, Sym: e.Field.sym, Op: op, Str: c.str}
		if !e.Field.isStr() {
			p.Val, p.Mask = e.Field.place(c)
		}
		of[i] = p
	}
	return join(either(kind, not), of)
}

// named reports whether the constant is the name of a set or of an unknown text.
func (c Constant) named() bool { return c.kind > cString }

// place returns a constant and its mask, shifted to the field's bits in its symbol.
func (f Field) place(c Constant) (val, mask u128.Uint) {
	bits := u128.Ones(f.ofs, f.n)
	mask = bits
	if c.num.masked {
		mask = mask.And(c.num.mask.Shl(f.ofs))
	}
	return c.num.val.Shl(f.ofs).And(bits), mask
}

// join joins expressions by && or ||; those of the same kind become one (expr_combine).
func join(kind PlainKind, of []*Plain) *Plain {
	if len(of) == 1 {
		return of[0]
	}
	p := &Plain{Kind: kind, Off: of[0].Off}
	for _, x := range of {
		if x.Kind == kind {
			p.Of = append(p.Of, x.Of...)
		} else {
			p.Of = append(p.Of, x)
		}
	}
	return p
}

// Both joins two expressions by &&; either may be nil.
func Both(a, b *Plain) *Plain {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return join(PlainAnd, []*Plain{a, b})
}

// negated returns the negation, with ! applied to the comparisons (expr_not).
func (p *Plain) negated() *Plain {
	n := *p
	switch p.Kind {
	case PlainCompare:
		n.Op = p.Op.inverted()
	case PlainBool:
		n.Yes = !p.Yes
	case PlainResident:
		n.Not = !p.Not
	case PlainAnd, PlainOr:
		n.Kind = PlainAnd + PlainOr - p.Kind
		n.Of = make([]*Plain, len(p.Of))
		for i, s := range p.Of {
			n.Of[i] = s.negated()
		}
	}
	return &n
}

// only returns the symbol if all comparisons are of one, or nil (expr_get_unique_symbol).
func (p *Plain) only() *Symbol {
	switch p.Kind {
	case PlainCompare:
		return p.Sym
	case PlainAnd, PlainOr:
		sym := p.Of[0].only()
		for _, s := range p.Of[1:] {
			if s.only() != sym {
				return nil
			}
		}
		return sym
	}
	return nil
}

// String returns the expression in OVN's normal form (expr_format).
func (p *Plain) String() string {
	var b strings.Builder
	p.format(&b)
	return b.String()
}

func (p *Plain) format(b *strings.Builder) {
	switch p.Kind {
	case PlainCompare:
		p.formatCompare(b)
	case PlainAnd, PlainOr:
		op := " && "
		if p.Kind == PlainOr {
			op = " || "
		}
		for i, s := range p.Of {
			if i > 0 {
				b.WriteString(op)
			}
			if s.Kind == PlainAnd || s.Kind == PlainOr {
				b.WriteByte('(')
				s.format(b)
				b.WriteByte(')')
			} else {
				s.format(b)
			}
		}
	case PlainBool:
		b.WriteString(Bool{Value: p.Yes}.String())
	case PlainResident:
		if p.Not {
			b.WriteByte('!')
		}
		b.WriteString(Resident{Port: p.Str}.String())
	}
}

func (p *Plain) formatCompare(b *strings.Builder) {
	if p.Sym.IsStr() {
		fmt.Fprintf(b, "%s %s %s", p.Sym.Name, p.Op, quote(p.Str))
		return
	}
	ofs, n := p.Mask.Run()
	if n == 0 {
		fmt.Fprintf(b, "%s %s %s/%s", p.Sym.Name, p.Op, p.Val.String(), p.Mask.String())
		return
	}
	field := Field{Name: p.Sym.Name, sym: p.Sym, ofs: ofs, n: n}
	if n == 1 && (p.Op == EQ || p.Op == NE) {
		if p.Val.Bit(ofs) == (p.Op == NE) {
			b.WriteByte('!')
		}
		b.WriteString(field.String())
		return
	}
	fmt.Fprintf(b, "%s %s %s", field, p.Op, p.Val.Shr(ofs).String())
}
