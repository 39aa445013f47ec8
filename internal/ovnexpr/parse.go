package ovnexpr

import (
	"fmt"
)

// Names resolves the names of address sets and port groups; ok is false for an unknown name. A port
// group's members are logical ports.
type Names interface {
	AddressSet(name string) (members []string, ok bool)
	PortGroup(name string) (members []string, ok bool)
}

// Options are the options of Parse.
type Options struct {
	// Names resolves address sets and port groups. With nil, every name of one is an error.
	Names Names
	// KeepNames keeps address sets and port groups as names; Names is not used.
	KeepNames bool
	// Lenient is for the match of a logical flow, which may come from a later OVN, or from an ACL
	// that ovn-controller rejects: unknown fields are kept, unknown conditions become Opaque, &&
	// binds closer than ||, and types are not checked. It implies KeepNames.
	Lenient bool
}

const (
	// maxDepth is the deepest nesting of parentheses (MAX_PAREN_DEPTH), and of ! in a lenient
	// Parse.
	maxDepth = 100
	// maxSet bounds the number of values in one text, members of address sets included.
	maxSet = 1 << 16
)

// ResidentFunc is the only function of the language: is_chassis_resident("port") is true on the
// chassis that has claimed the port.
const ResidentFunc = "is_chassis_resident"

// Parse reads an expression. The error is a *SyntaxError with OVN's message for the first fault.
func Parse(in string, o Options) (Expr, error) {
	p := parser{lex: lexer{in: in}, syms: table(), o: o}
	e := p.whole()
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

type parser struct {
	lex   lexer
	tok   token
	last  int // end of the token before tok
	syms  symtab
	o     Options
	err   *SyntaxError
	not   bool // inside an odd number of !
	depth int
	count int // values so far
}

// whole reads an expression and the end of the input.
func (p *parser) whole() Expr {
	p.advance()
	e := p.expr()
	if p.err == nil && p.tok.kind != tEnd {
		p.syntax("expecting end of input")
	}
	if p.err != nil {
		return nil
	}
	return e
}

func (p *parser) advance() {
	p.last = p.tok.end
	p.tok = p.lex.next()
}

// from returns the span from an offset to the end of the last token.
func (p *parser) from(off int) span { return span{off, p.last} }

// fail records the first fault; a lexical fault at the current token has precedence over a
// grammatical one.
func (p *parser) fail(off int, format string, args ...any) {
	if p.err != nil {
		return
	}
	p.err = &SyntaxError{In: p.lex.in, Off: off, Msg: fmt.Sprintf(format, args...)}
	if p.tok.kind == tError {
		p.err.Off, p.err.Msg = p.tok.off, p.tok.text
	}
	if p.err.Off == p.tok.off {
		p.err.Hint = p.slip()
	}
}

// slip returns a suggestion for a token that belongs to another language.
func (p *parser) slip() string {
	if p.tok.off < len(p.lex.in) && p.lex.in[p.tok.off] == '\'' {
		return `strings stand in double quotes: inport == "sw0-p1"`
	}
	switch p.tok.text {
	case "=":
		return "values are compared by =="
	case "and", "or", "not", "AND", "OR", "NOT":
		return "operators are &&, || and !"
	}
	return ""
}

// syntax records a fault at the current token (lexer_syntax_error).
func (p *parser) syntax(expecting string) {
	where := " at end of input"
	if p.tok.kind != tEnd {
		where = " at `" + p.lex.in[p.tok.off:p.tok.end] + "'"
	}
	p.fail(p.tok.off, "Syntax error%s %s.", where, expecting)
}

func (p *parser) match(punct string) bool {
	if !p.tok.is(punct) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) force(punct string) bool {
	if p.match(punct) {
		return true
	}
	p.syntax("expecting `" + punct + "'")
	return false
}

func (p *parser) relop() (Relop, bool) {
	if p.tok.kind == tPunct {
		for i, text := range relops {
			if p.tok.text == text {
				return Relop(i), true
			}
		}
	}
	return 0, false
}

// expr reads operands joined by && or by ||, and by both if the parser is lenient.
func (p *parser) expr() Expr {
	off := p.tok.off
	e, several := p.conjunction(false)
	if p.err != nil || !p.tok.is("||") {
		return e
	}
	if several && p.mixed() {
		return nil
	}
	of := []Expr{e}
	for p.match("||") {
		if e, _ = p.conjunction(true); p.err != nil {
			return nil
		}
		of = append(of, e)
	}
	return Or{p.from(off), of}
}

// conjunction reads operands joined by &&. inOr says that it is itself an operand of ||.
func (p *parser) conjunction(inOr bool) (e Expr, several bool) {
	off := p.tok.off
	e = p.operand()
	if p.err != nil || !p.tok.is("&&") {
		return e, false
	}
	if inOr && p.mixed() {
		return nil, false
	}
	of := []Expr{e}
	for p.match("&&") {
		if e = p.operand(); p.err != nil {
			return nil, false
		}
		of = append(of, e)
	}
	return And{p.from(off), of}, true
}

// mixed rejects && together with ||, unless the parser is lenient.
func (p *parser) mixed() bool {
	if !p.o.Lenient {
		p.fail(p.tok.off, "&& and || must be parenthesized when used together.")
	}
	return p.err != nil
}

// operand reads ["!"] primary.
func (p *parser) operand() Expr {
	off := p.tok.off
	if !p.tok.is("!") {
		e, _ := p.primary()
		return e
	}
	p.advance()
	p.not = !p.not
	e, atomic := p.negated()
	p.not = !p.not
	if p.err != nil {
		return nil
	}
	if !atomic {
		p.fail(off, "Missing parentheses around operand of !.")
		return nil
	}
	return Not{p.from(off), e}
}

// negated reads the operand of !; if the parser is lenient, this may begin with another !.
func (p *parser) negated() (e Expr, atomic bool) {
	if !p.o.Lenient || !p.tok.is("!") {
		return p.primary()
	}
	if !p.enter() {
		return nil, true
	}
	e = p.operand()
	p.depth--
	return e, true
}

// enter counts one level of nesting and checks its bound; the caller decrements depth afterwards.
func (p *parser) enter() bool {
	if p.depth >= maxDepth {
		p.fail(p.tok.off, "Parentheses nested too deeply.")
		return false
	}
	p.depth++
	return true
}

// primary also reports whether ! may stand before it without parentheses.
func (p *parser) primary() (e Expr, atomic bool) {
	switch {
	case p.tok.is("("):
		return p.parens(), true
	case p.o.Lenient:
		return p.condition(), true
	}
	return p.strict()
}

// strict reads one condition as OVN does.
func (p *parser) strict() (e Expr, atomic bool) {
	switch p.tok.kind {
	case tTemplate:
		p.fail(p.tok.off, "Unexpanded template.")
		return nil, false
	case tID:
		return p.fieldFirst()
	}
	return p.constantFirst()
}

func (p *parser) parens() Expr {
	if !p.enter() {
		return nil
	}
	p.advance()
	e := p.expr()
	p.depth--
	if p.err != nil || !p.force(")") {
		return nil
	}
	return e
}

// fieldFirst reads field, field relop set, or is_chassis_resident("port").
func (p *parser) fieldFirst() (Expr, bool) {
	name := p.tok
	look := p.lex
	if look.next().is("(") {
		if name.text != ResidentFunc {
			p.fail(name.off, "parsing function name")
			return nil, false
		}
		p.advance()
		return p.resident(name.off), true
	}
	f, ok := p.field()
	if !ok {
		return nil, false
	}
	op, ok := p.relop()
	if !ok {
		if f.isStr() || p.tok.is("=") {
			p.syntax("expecting relational operator")
			return nil, false
		}
		if f.n > 1 && !p.not && !p.o.Lenient {
			p.fail(f.off, "Explicit `!= 0' is required for inequality test of multibit field against 0.")
			return nil, false
		}
		zero := Constant{num: number{format: fHex}, off: f.off}
		return p.compare(name.off, f, NE, constSet{off: f.off, values: []Constant{zero}, form: bare}), true
	}
	p.advance()
	set := p.constSet()
	if p.err != nil {
		return nil, false
	}
	return p.compare(name.off, f, op, set), false
}

// resident reads the rest of is_chassis_resident("port").
func (p *parser) resident(off int) Expr {
	p.advance() // the parenthesis
	if p.tok.kind != tString {
		p.syntax("expecting string")
		return nil
	}
	port := p.tok.text
	p.advance()
	if !p.force(")") {
		return nil
	}
	return Resident{p.from(off), port}
}

// constantFirst reads 0, 1, constant relop field, or constant relop field relop constant.
func (p *parser) constantFirst() (Expr, bool) {
	set := p.constSet()
	if p.err != nil {
		return nil, false
	}
	op, ok := p.relop()
	if !ok && set.form == single && len(set.values) == 1 {
		if c := set.values[0]; c.kind == cInteger && c.num.isBool() {
			return Bool{p.from(set.off), c.num.val.Lo == 1}, true
		}
	}
	if !ok {
		p.syntax("expecting relational operator")
		return nil, false
	}
	p.advance()
	f, ok := p.field()
	if !ok {
		return nil, false
	}
	opOff := p.tok.off
	op2, ok := p.relop()
	if !ok {
		return p.compare(set.off, f, op.turned(), set), false
	}
	p.advance()
	set2 := p.constSet()
	if p.err != nil {
		return nil, false
	}
	if !(op.less() && op2.less() || op.greater() && op2.greater()) {
		p.fail(opOff, "Range expressions must have the form `x < field < y' or `x > field > y', with each `<' "+
			"optionally replaced by `<=' or `>' by `>=').")
		return nil, false
	}
	first, last := p.compare(f.off, f, op.turned(), set), p.compare(f.off, f, op2, set2)
	if p.err != nil {
		return nil, false
	}
	return &Range{p.from(set.off), first, last}, false
}
