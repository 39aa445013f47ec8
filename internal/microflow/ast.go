package microflow

import (
	"fmt"
	"strings"
)

// relop is a relational operator.
type relop uint8

const (
	opEQ relop = iota
	opNE
	opLT
	opLE
	opGT
	opGE
)

func (r relop) String() string { return strings.Fields("== != < <= > >=")[r] }

// turned is the operator with its operands exchanged.
func (r relop) turned() relop {
	return [...]relop{opEQ, opNE, opGT, opGE, opLT, opLE}[r]
}

// inverted is the operator of the negation.
func (r relop) inverted() relop {
	return [...]relop{opNE, opEQ, opGE, opGT, opLE, opLT}[r]
}

type exprKind uint8

const (
	kCmp exprKind = iota
	kAnd
	kOr
	kBool
	kCond
)

// Expr is an OVN expression as OVN holds it after reading: sets become ||, ranges &&, and ! is carried down to
// the comparisons (struct expr). Its String reads back as the same expression.
type Expr struct {
	kind exprKind
	off  int // where it stands in the text

	sym       *symbol // kCmp
	op        relop
	val, mask u128
	str       string // a string compared with; for kCond the port

	sub  []*Expr // kAnd, kOr: two or more, of another kind
	yes  bool    // kBool: its value
	not  bool    // kCond: negated
	from *symbol // what the text named where a predicate or part was put into its place
}

// combine joins two expressions by && or ||; like kinds become one (expr_combine).
func combine(kind exprKind, a, b *Expr) *Expr {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	e := &Expr{kind: kind, off: a.off}
	for _, x := range []*Expr{a, b} {
		if x.kind == kind {
			e.sub = append(e.sub, x.sub...)
		} else {
			e.sub = append(e.sub, x)
		}
	}
	return e
}

// negated carries ! down to the comparisons (expr_not).
func (e *Expr) negated() *Expr {
	n := *e
	switch e.kind {
	case kCmp:
		n.op = e.op.inverted()
	case kBool:
		n.yes = !e.yes
	case kCond:
		n.not = !e.not
	case kAnd, kOr:
		n.kind = kAnd + kOr - e.kind
		n.sub = make([]*Expr, len(e.sub))
		for i, s := range e.sub {
			n.sub[i] = s.negated()
		}
	}
	return &n
}

// nominal reports whether a nominal field is compared (expr_get_level).
func (e *Expr) nominal() bool {
	if e == nil {
		return true
	}
	for _, s := range e.sub {
		if s.nominal() {
			return true
		}
	}
	return e.kind == kCmp && e.sym.nominal
}

// only returns the one symbol that all comparisons are about, or nil (expr_get_unique_symbol).
func (e *Expr) only() *symbol {
	switch e.kind {
	case kCmp:
		return e.sym
	case kAnd, kOr:
		sym := e.sub[0].only()
		for _, s := range e.sub[1:] {
			if s.only() != sym {
				return nil
			}
		}
		return sym
	}
	return nil
}

// String prints the expression in OVN's normal spelling (expr_format).
func (e *Expr) String() string {
	var b strings.Builder
	e.format(&b)
	return b.String()
}

func (e *Expr) format(b *strings.Builder) {
	switch e.kind {
	case kCmp:
		e.formatCmp(b)
	case kAnd, kOr:
		op := " && "
		if e.kind == kOr {
			op = " || "
		}
		for i, s := range e.sub {
			if i > 0 {
				b.WriteString(op)
			}
			if s.kind == kAnd || s.kind == kOr {
				b.WriteByte('(')
				s.format(b)
				b.WriteByte(')')
			} else {
				s.format(b)
			}
		}
	case kBool:
		if e.yes {
			b.WriteByte('1')
		} else {
			b.WriteByte('0')
		}
	case kCond:
		if e.not {
			b.WriteByte('!')
		}
		fmt.Fprintf(b, "is_chassis_resident(%s)", quote(e.str))
	}
}

func (e *Expr) formatCmp(b *strings.Builder) {
	if e.sym.width == 0 {
		fmt.Fprintf(b, "%s %s %s", e.sym.name, e.op, quote(e.str))
		return
	}
	ofs, n := e.mask.run()
	if n == 1 && (e.op == opEQ || e.op == opNE) {
		if e.val.bit(ofs) == (e.op == opNE) {
			b.WriteByte('!')
		}
		b.WriteString(e.sym.name)
		if e.sym.width > 1 {
			fmt.Fprintf(b, "[%d]", ofs)
		}
		return
	}
	b.WriteString(e.sym.name)
	switch {
	case n == 0:
		fmt.Fprintf(b, " %s %s/%s", e.op, e.val.hex(), e.mask.hex())
		return
	case n == 1:
		fmt.Fprintf(b, "[%d]", ofs)
	case n < e.sym.width:
		fmt.Fprintf(b, "[%d..%d]", ofs, ofs+n-1)
	}
	fmt.Fprintf(b, " %s %s", e.op, e.val.shr(ofs).hex())
}
