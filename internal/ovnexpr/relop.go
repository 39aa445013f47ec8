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

// turned is the operator with its operands exchanged.
func (r Relop) turned() Relop {
	return [...]Relop{EQ, NE, GT, GE, LT, LE}[r]
}

// inverted is the operator of the negation.
func (r Relop) inverted() Relop {
	return [...]Relop{NE, EQ, GE, GT, LE, LT}[r]
}

// less reports < and <=, greater > and >=.
func (r Relop) less() bool    { return r == LT || r == LE }
func (r Relop) greater() bool { return r == GT || r == GE }
