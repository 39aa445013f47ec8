package ovnexpr

// Relop is a relational operator.
type Relop uint8

// The relational operators.
const (
	EQ Relop = iota
	NE
	LT
	LE
	GT
	GE
)

var relops = [...]string{"==", "!=", "<", "<=", ">", ">="}

func (r Relop) String() string { return relops[r] }

// turned returns the operator for exchanged operands.
func (r Relop) turned() Relop {
	return [...]Relop{EQ, NE, GT, GE, LT, LE}[r]
}

// inverted returns the operator of the negation.
func (r Relop) inverted() Relop {
	return [...]Relop{NE, EQ, GE, GT, LE, LT}[r]
}

// less reports whether r is < or <=, greater whether it is > or >=.
func (r Relop) less() bool    { return r == LT || r == LE }
func (r Relop) greater() bool { return r == GT || r == GE }
