package ovnexpr

// Expr is an expression as it is written: And, Or, Not, *Compare, *Range, Bool, Resident or Opaque.
type Expr interface {
	// Span returns the byte offsets in the text between which the expression stands, without the
	// parentheses around it.
	Span() (from, to int)
	// String prints the expression so that it parses to the same, spans apart.
	String() string
}

type span struct{ from, to int }

func (s span) Span() (from, to int) { return s.from, s.to }

// And holds where all of its operands do; it has two or more.
type And struct {
	span
	Of []Expr
}

// Or holds where one of its operands does; it has two or more.
type Or struct {
	span
	Of []Expr
}

// Not is ! before an operand.
type Not struct {
	span
	Of Expr
}

// Compare is a field compared with one constant or several: == holds for one of them, every other
// operator for all of them.
//
// Values has the members of the address sets and port groups that were looked up while reading, and
// is empty where those have none.
type Compare struct {
	span
	Field   Field
	Op      Relop
	Values  []Constant
	Open    bool       // set by who wants Eval to leave it open on a packet that has the field
	written []Constant // as in the text, with the names of sets
	form    form
}

// form is how a comparison is written.
type form uint8

const (
	single form = iota // field == constant
	curly              // field == {constants}
	bare               // field: it is not 0
)

// Range is one field between two constants: 1 < field < 3.
type Range struct {
	span
	First, Last *Compare
}

// Bool is the constant 0 or 1.
type Bool struct {
	span
	Value bool
}

// Resident is is_chassis_resident("port").
type Resident struct {
	span
	Port string
}

// Opaque is a condition in words that are not known here, which a lenient Parse keeps: a function
// or operator of a later OVN, a template that was not expanded.
type Opaque struct {
	span
	Text string
}

// Field is a symbol, or some of its bits.
type Field struct {
	Name   string
	sym    *Symbol // nil for a name that is not in the table, which only a lenient Parse takes
	ofs, n int     // the bits; n is 0 for a string, and for all bits of an unknown field
	off    int     // byte offset of the name
}

// Symbol is the field's symbol; nil for a name that the table does not have.
func (f Field) Symbol() *Symbol { return f.sym }

// constKind is the kind of a constant.
type constKind uint8

const (
	cInteger constKind = iota
	cString
	cAddrSet   // the name of an address set that was not looked up
	cPortGroup // the name of a port group that was not looked up
	cTemplate  // a template's variable
)

// Constant is what a field is compared with: an integer or address with or without a mask, a
// string, or the name of several.
type Constant struct {
	kind constKind
	str  string
	num  number
	off  int
}

// isStr reports a constant for string fields.
func (c Constant) isStr() bool { return c.kind == cString || c.kind == cPortGroup }

// width is the least number of bits that hold an integer (expr_constant_width).
func (c Constant) width() int {
	switch {
	case c.num.masked:
		return c.num.mask.Width()
	case c.num.format == fIPv4:
		return 32
	case c.num.format == fIPv6:
		return 128
	case c.num.format == fMAC:
		return 48
	}
	return c.num.val.Width()
}

// Addresses reads the members of an address set. OVN skips what is no address or integer
// (expr_constant_set_create_integers), and so does this.
func Addresses(members []string) []Constant {
	var out []Constant
	for _, m := range members {
		l := lexer{in: m}
		if t := l.next(); t.kind == tInteger {
			out = append(out, Constant{num: t.num})
		}
	}
	return out
}

// Ports makes constants of the members of a port group.
func Ports(names []string) []Constant {
	out := make([]Constant, len(names))
	for i, name := range names {
		out[i] = Constant{kind: cString, str: name}
	}
	return out
}
