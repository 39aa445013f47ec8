package ovnexpr

import (
	"fmt"
	"strings"
)

func (e And) String() string { return joined(e.Of, " && ") }
func (e Or) String() string  { return joined(e.Of, " || ") }

func joined(of []Expr, op string) string {
	parts := make([]string, len(of))
	for i, x := range of {
		parts[i] = operand(x)
	}
	return strings.Join(parts, op)
}

// operand returns the text of an operand of && or ||, in parentheses if it is itself one of them.
func operand(x Expr) string {
	switch x.(type) {
	case And, Or:
		return "(" + x.String() + ")"
	}
	return x.String()
}

func (e Not) String() string {
	switch x := e.Of.(type) {
	case Bool, Resident:
		return "!" + x.String()
	case *Compare:
		if x.form == bare {
			return "!" + x.String()
		}
	}
	return "!(" + e.Of.String() + ")"
}

func (e *Compare) String() string {
	if e.form == bare {
		return e.Field.String()
	}
	return e.Field.String() + " " + e.Op.String() + " " + e.values()
}

// values returns the text after the operator.
func (e *Compare) values() string {
	if e.form == single {
		return e.written[0].String()
	}
	parts := make([]string, len(e.written))
	for i, c := range e.written {
		parts[i] = c.String()
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (e *Range) String() string {
	return fmt.Sprintf("%s %s %s", e.First.written[0], e.First.Op.turned(), e.Last)
}

func (e Bool) String() string {
	if e.Value {
		return "1"
	}
	return "0"
}

func (e Resident) String() string { return ResidentFunc + "(" + quote(e.Port) + ")" }

func (e Opaque) String() string { return e.Text }

func (f Field) String() string {
	switch {
	case f.n == 0 || f.sym != nil && f.n == f.sym.Width:
		return f.Name
	case f.n == 1:
		return fmt.Sprintf("%s[%d]", f.Name, f.ofs)
	}
	return fmt.Sprintf("%s[%d..%d]", f.Name, f.ofs, f.ofs+f.n-1)
}

func (c Constant) String() string {
	switch c.kind {
	case cString:
		return quote(c.str)
	case cAddrSet:
		return "$" + c.str
	case cPortGroup:
		return "@" + c.str
	case cTemplate:
		return "^" + c.str
	}
	return c.num.String()
}
