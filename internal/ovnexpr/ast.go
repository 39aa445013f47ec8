package ovnexpr

// Expr is an expression as written: And, Or, Not, *Compare, *Range, Bool, Resident or Opaque.
type Expr interface {
	// Span returns the byte offsets of the expression's start and end in the text, without the
	// parentheses around it.
	Span() (from, to int)
	// String returns a text that parses to the same expression, except for the spans.
	String() string
}

type span struct{ from, to int }

func (s span) Span() (from, to int) { return s.from, s.to }

// And is true if all of its operands are; it has two or more.
type And struct {
	span
	Of []Expr
}

// Or is true if one of its operands is; it has two or more.
type Or struct {
	span
	Of []Expr
}

// Not is ! before an operand.
type Not struct {
	span
	Of Expr
}

// Compare compares a field with one or several constants: == must be true for one of them, any
// other operator for all of them.
//
// Values contains the members of the address sets and port groups that Parse looked up; it is empty
// if they have none.
type Compare struct {
	span
	Field   Field
	Op      Relop
	Values  []Constant
	Open    bool       // set by a caller to make Eval return Unknown for it on a packet that has the field
	written []Constant // the constants as in the text, with the names of sets
	form    form
}

// form is the notation of a comparison.
type form uint8

const (
	single form = iota // field == constant
	curly              // field == {constants}
	bare               // field alone: it is not 0
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

// Opaque is an unknown condition that a lenient Parse keeps: a function or operator of a later OVN,
// or a template that was not expanded.
type Opaque struct {
	span
	Text string
}

// Field is a symbol, or some of its bits.
type Field struct {
	Name   string
	sym    *Symbol // nil for a name that is not in the table, which only a lenient Parse accepts
	ofs, n int     // first bit and number of bits; n is 0 for a string, and for all bits of an unknown field
	off    int     // byte offset of the name
}

// Symbol returns the field's symbol; nil for a name that is not in the table.
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

// Constant is the right side of a comparison: an integer or address with or without a mask, a
// string, or the name of a set.
type Constant struct {
	kind constKind
	str  string
	num  number
	off  int
}

// isStr reports whether the constant is for string fields.
func (c Constant) isStr() bool { return c.kind == cString || c.kind == cPortGroup }

// width returns the smallest number of bits that can contain an integer (expr_constant_width).
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

// Addresses returns the members of an address set as constants. Like OVN, it skips members that are
// neither address nor integer (expr_constant_set_create_integers).
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

// Ports returns the members of a port group as constants.
func Ports(names []string) []Constant {
	out := make([]Constant, len(names))
	for i, name := range names {
		out[i] = Constant{kind: cString, str: name}
	}
	return out
}
