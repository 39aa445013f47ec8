package microflow

import (
	"cmp"
	"fmt"
	"strings"
)

// Symbols resolves what an expression names; a nil Symbols knows none.
type Symbols interface {
	AddressSet(name string) ([]string, bool)
	PortGroup(name string) ([]string, bool)
}

// maxDepth is the deepest nesting of parentheses (MAX_PAREN_DEPTH).
const maxDepth = 100

// maxSet bounds how many values one text may name, address sets included.
const maxSet = 1 << 16

// ParseExpr reads an OVN expression.
func ParseExpr(in string, names Symbols) (*Expr, error) {
	p := parser{lex: lexer{in: in}, syms: newSymtab(), names: names}
	return p.result()
}

type parser struct {
	lex   lexer
	tok   token
	syms  symtab
	names Symbols
	err   *SyntaxError
	not   bool // inside an odd number of !
	depth int
	count int // values so far
}

func (p *parser) result() (*Expr, error) {
	e := p.whole()
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

// whole reads an expression and the end of the input.
func (p *parser) whole() *Expr {
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
	p.tok = p.lex.next()
}

// fail keeps the first fault; a lexical one at the current token comes before what the grammar says.
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

// slip tells what is written instead of a token that people coming from other languages write.
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

// syntax is a fault at the current token (lexer_syntax_error).
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

func (p *parser) relop() (relop, bool) {
	if p.tok.kind == tPunct {
		for i := opEQ; i <= opGE; i++ {
			if p.tok.text == i.String() {
				return i, true
			}
		}
	}
	return 0, false
}

// expr reads operands joined by && or by ||, never both.
func (p *parser) expr() *Expr {
	e := p.operand()
	if p.err != nil || !p.tok.is("&&") && !p.tok.is("||") {
		return e
	}
	kind, op := kAnd, p.tok.text
	if op == "||" {
		kind = kOr
	}
	operands := []*Expr{e}
	for p.match(op) {
		if e = p.operand(); p.err != nil {
			return nil
		}
		operands = append(operands, e)
	}
	if p.tok.is("&&") || p.tok.is("||") {
		p.fail(p.tok.off, "&& and || must be parenthesized when used together.")
		return nil
	}
	return join(kind, operands)
}

// join is combine over many at once.
func join(kind exprKind, operands []*Expr) *Expr {
	if len(operands) == 1 {
		return operands[0]
	}
	e := &Expr{kind: kind, off: operands[0].off}
	for _, x := range operands {
		if x.kind == kind {
			e.sub = append(e.sub, x.sub...)
		} else {
			e.sub = append(e.sub, x)
		}
	}
	return e
}

// operand reads ["!"] primary.
func (p *parser) operand() *Expr {
	off := p.tok.off
	if !p.match("!") {
		e, _ := p.primary()
		return e
	}
	p.not = !p.not
	e, atomic := p.primary()
	p.not = !p.not
	if p.err != nil {
		return nil
	}
	if !atomic {
		p.fail(off, "Missing parentheses around operand of !.")
		return nil
	}
	n := e.negated()
	n.off = off
	return n
}

// primary also tells whether ! may stand before it without parentheses.
func (p *parser) primary() (e *Expr, atomic bool) {
	switch {
	case p.tok.is("("):
		return p.parens(), true
	case p.tok.kind == tTemplate:
		p.fail(p.tok.off, "Unexpanded template.")
		return nil, false
	case p.tok.kind == tID:
		return p.fieldFirst()
	}
	return p.constantFirst()
}

func (p *parser) parens() *Expr {
	if p.depth >= maxDepth {
		p.fail(p.tok.off, "Parentheses nested too deeply.")
		return nil
	}
	p.advance()
	p.depth++
	e := p.expr()
	p.depth--
	if p.err != nil || !p.force(")") {
		return nil
	}
	return e
}

// fieldFirst reads field, field relop set, or is_chassis_resident("port").
func (p *parser) fieldFirst() (*Expr, bool) {
	name := p.tok
	look := p.lex
	if look.next().is("(") {
		if name.text != "is_chassis_resident" {
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
		if f.n == 0 || p.tok.is("=") {
			p.syntax("expecting relational operator")
			return nil, false
		}
		if f.n > 1 && !p.not {
			p.fail(f.off, "Explicit `!= 0' is required for inequality test of multibit field against 0.")
			return nil, false
		}
		return p.compare(f, opNE, constSet{off: f.off, values: []constant{{format: fHex, off: f.off}}}), true
	}
	p.advance()
	set := p.constSet()
	if p.err != nil {
		return nil, false
	}
	return p.compare(f, op, set), false
}

// resident reads the rest of is_chassis_resident("port").
func (p *parser) resident(off int) *Expr {
	p.advance() // the parenthesis
	if p.tok.kind != tString {
		p.syntax("expecting string")
		return nil
	}
	e := &Expr{kind: kCond, off: off, str: p.tok.text}
	p.advance()
	if !p.force(")") {
		return nil
	}
	return e
}

// constantFirst reads 0, 1, constant relop field, or constant relop field relop constant.
func (p *parser) constantFirst() (*Expr, bool) {
	set := p.constSet()
	if p.err != nil {
		return nil, false
	}
	op, ok := p.relop()
	if !ok && !set.curly && len(set.values) == 1 {
		if c := set.values[0]; !c.isStr && c.format == fDecimal && !c.masked && c.val.hi == 0 && c.val.lo <= 1 {
			return &Expr{kind: kBool, off: set.off, yes: c.val.lo == 1}, true
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
		return p.compare(f, op.turned(), set), false
	}
	p.advance()
	set2 := p.constSet()
	if p.err != nil {
		return nil, false
	}
	less := func(r relop) bool { return r == opLT || r == opLE }
	more := func(r relop) bool { return r == opGT || r == opGE }
	if !(less(op) && less(op2) || more(op) && more(op2)) {
		p.fail(opOff, "Range expressions must have the form `x < field < y' or `x > field > y', with each `<' "+
			"optionally replaced by `<=' or `>' by `>=').")
		return nil, false
	}
	a, b := p.compare(f, op.turned(), set), p.compare(f, op2, set2)
	if p.err != nil {
		return nil, false
	}
	return combine(kAnd, a, b), false
}

// field is a symbol, or some of its bits.
type field struct {
	sym    *symbol
	ofs, n int
	off    int
}

func (p *parser) field() (field, bool) {
	sym := p.syms[p.tok.text]
	if p.tok.kind != tID || sym == nil {
		p.syntax("expecting field name")
		if p.err != nil && p.tok.kind == tID {
			p.err.Hint = cmp.Or(p.err.Hint, p.near(p.tok.text))
		}
		return field{}, false
	}
	f := field{sym: sym, n: sym.width, off: p.tok.off}
	p.advance()
	if p.tok.is("[") {
		return f, p.bits(&f)
	}
	return f, true
}

// bits reads [low..high].
func (p *parser) bits(f *field) bool {
	off := p.tok.off
	p.advance()
	if f.sym.width == 0 {
		p.fail(f.off, "Cannot select subfield of string field %s.", f.sym.name)
		return false
	}
	low, ok := p.small()
	if !ok {
		return false
	}
	high := low
	if p.match("..") {
		if high, ok = p.small(); !ok {
			return false
		}
	}
	if !p.force("]") {
		return false
	}
	switch {
	case low > high:
		p.fail(off, "Invalid bit range %d to %d.", low, high)
	case high >= f.sym.width:
		p.fail(off, "Cannot select bits %d to %d of %d-bit field %s.", low, high, f.sym.width, f.sym.name)
	case f.sym.nominal && (low != 0 || high != f.sym.width-1):
		p.fail(off, "Cannot select subfield of nominal field %s.", f.sym.name)
	}
	f.ofs, f.n = low, high-low+1
	return p.err == nil
}

func (p *parser) small() (int, bool) {
	t := p.tok
	if t.kind != tInteger || t.masked || t.format != fDecimal || t.val.lo > 1<<31-1 {
		p.syntax("expecting small integer")
		return 0, false
	}
	p.advance()
	return int(t.val.lo), true
}

// near suggests the symbol that resembles a word most.
func (p *parser) near(name string) string {
	best, at := 3, ""
	name = strings.ToLower(name)
	for s := range p.syms {
		if strings.HasPrefix(s, "__") {
			continue
		}
		if d := distance(name, s); d < best || d == best && s < at {
			best, at = d, s
		}
	}
	if at == "" {
		return ""
	}
	return "did you mean " + at + "?"
}

// distance is the number of edits between two words, where two letters exchanged are one.
func distance(a, b string) int {
	const far = 100
	if len(a)-len(b) > 3 || len(b)-len(a) > 3 {
		return far
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			d := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				d++
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = min(d, rows[i-1][j]+1, rows[i][j-1]+1)
		}
	}
	return rows[len(a)][len(b)]
}
