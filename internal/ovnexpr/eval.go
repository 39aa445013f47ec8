package ovnexpr

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"

// Truth is the value of an expression for a packet that is partly known.
type Truth uint8

// The values of Truth.
const (
	Unknown Truth = iota
	No
	Yes
)

// Known returns Yes or No.
func Known(b bool) Truth {
	if b {
		return Yes
	}
	return No
}

// Not returns the negation; Unknown stays Unknown.
func (t Truth) Not() Truth {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Unknown
}

// Value is the value of a field: Num, or Str for a string field.
type Value struct {
	Num u128.Uint
	Str string
}

// Number returns the value of a field of at most 64 bits.
func Number(n uint64) Value { return Value{Num: u128.Uint{Lo: n}} }

// Packet gives the known values of a packet.
type Packet interface {
	// Field returns the value of a field; known is false if it is unknown. For a part of a field
	// (ct.new) it is called with the part's own name, and if that is unknown with the field's
	// (ct_state). The field's prerequisites (tcp for tcp.dst) have been checked before, as far as
	// they are known.
	Field(name string) (v Value, known bool)
	// Members returns the constants of an address set or port group, named with its sign: "$set",
	// "@group". An empty list means that they are unknown.
	Members(name string) []Constant
	// Resident returns the value of is_chassis_resident.
	Resident(port string) Truth
}

// Eval evaluates an expression for a packet. As in OVN (expr_annotate), the prerequisites of a
// field also apply under !: for a UDP packet both tcp.dst == 80 and !(tcp.dst == 80) are No.
func Eval(e Expr, p Packet) Truth { return eval(e, false, p) }

// eval evaluates an expression, or with not its negation.
func eval(e Expr, not bool, p Packet) Truth {
	switch e := e.(type) {
	case *Compare:
		return e.eval(not, p)
	case And:
		return joint(e.Of, No, not, p)
	case Or:
		return joint(e.Of, Yes, not, p)
	case Not:
		return eval(e.Of, !not, p)
	case *Range:
		return joint([]Expr{e.First, e.Last}, No, not, p)
	case Bool:
		return Known(e.Value != not)
	case Resident:
		t := p.Resident(e.Port)
		if not {
			return t.Not()
		}
		return t
	}
	return Unknown
}

// joint evaluates && or ||: an operand with the value settles determines the result, which is No
// for && and Yes for ||; a negation exchanges them.
func joint(of []Expr, settles Truth, not bool, p Packet) Truth {
	if not {
		settles = settles.Not()
	}
	out := settles.Not()
	for _, x := range of {
		switch eval(x, not, p) {
		case settles:
			return settles
		case Unknown:
			out = Unknown
		}
	}
	return out
}

func (e *Compare) eval(not bool, p Packet) Truth {
	op := e.Op
	if not {
		op = op.inverted()
	}
	if len(e.Values) == 0 {
		return Known(op == NE)
	}
	sym := e.Field.sym
	if sym != nil && sym.means != nil {
		return e.predicate(op, p)
	}
	held := Yes
	if sym != nil && sym.implies != nil {
		if held = eval(sym.implies, false, p); held == No {
			return No
		}
	}
	have, known := e.Field.value(p)
	if !known || e.Open {
		return Unknown
	}
	if t := e.over(have, op, e.Values, p); t != Yes {
		return t
	}
	return held
}

// predicate evaluates a comparison of a predicate. A negation applies to its whole expansion.
func (e *Compare) predicate(op Relop, p Packet) Truth {
	if op != EQ && op != NE {
		return Unknown
	}
	var bit Value
	switch eval(e.Field.sym.means, false, p) {
	case Unknown:
		return Unknown
	case Yes:
		bit.Num.Lo = 1
	}
	return e.over(bit, op, e.Values, p)
}

// Applies returns whether a packet has a field: the value of the field's prerequisites, such as tcp
// for tcp.dst. For a predicate it returns the value of its expansion.
func (f Field) Applies(p Packet) Truth {
	switch {
	case f.sym == nil:
		return Unknown
	case f.sym.means != nil:
		return Eval(f.sym.means, p)
	case f.sym.implies != nil:
		return Eval(f.sym.implies, p)
	}
	return Yes
}

// value returns the compared bits of a field.
func (f Field) value(p Packet) (Value, bool) {
	v, known := p.Field(f.Name)
	if !known && f.sym != nil && f.sym.parent != nil {
		if v, known = p.Field(f.sym.parent.Name); known {
			v.Num = v.Num.Shr(f.sym.ofs).And(u128.Ones(0, f.sym.Width))
		}
	}
	if known && f.n > 0 {
		v.Num = v.Num.Shr(f.ofs).And(u128.Ones(0, f.n))
	}
	return v, known
}

// over compares a value with constants: == must be true for one of them, any other operator for
// all.
func (e *Compare) over(have Value, op Relop, values []Constant, p Packet) Truth {
	settles := No
	if (e.Op == EQ) == (op == e.Op) {
		settles = Yes
	}
	out := settles.Not()
	for _, c := range values {
		switch e.one(have, op, c, p) {
		case settles:
			return settles
		case Unknown:
			out = Unknown
		}
	}
	return out
}

// one compares a value with one constant, or with the members of a named set.
func (e *Compare) one(have Value, op Relop, c Constant, p Packet) Truth {
	f := e.Field
	switch {
	case c.kind == cTemplate:
		return Unknown
	case c.named():
		members := p.Members(c.String())
		if len(members) == 0 {
			return Unknown // unknown, or empty, for which OVN makes no comparison
		}
		return e.over(have, op, members, p)
	case c.isStr() != f.isStr():
		return Unknown
	case c.isStr():
		return equal(have.Str == c.str, op)
	case f.sym != nil && c.width() > f.sym.Width:
		return Unknown
	}
	width := f.n
	if width == 0 {
		width = 128
	}
	val, bits := c.num.val.And(u128.Ones(0, width)), u128.Ones(0, width)
	if c.num.masked {
		bits = bits.And(c.num.mask)
		return equal(have.Num.Xor(val).And(bits).IsZero(), op)
	}
	return ordered(have.Num, op, val)
}

// equal evaluates == and !=; masked values and strings have no order.
func equal(same bool, op Relop) Truth {
	switch op {
	case EQ:
		return Known(same)
	case NE:
		return Known(!same)
	}
	return Unknown
}

func ordered(a u128.Uint, op Relop, b u128.Uint) Truth {
	less := a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo
	switch op {
	case LT:
		return Known(less)
	case LE:
		return Known(less || a == b)
	case GT:
		return Known(!less && a != b)
	case GE:
		return Known(!less)
	}
	return equal(a == b, op)
}
