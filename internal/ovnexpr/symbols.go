package ovnexpr

import (
	"iter"
	"maps"
	"strings"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/spelling"
)

// Symbol is a name of OVN's language: a field, a part of one, or a predicate (struct expr_symbol).
type Symbol struct {
	Name    string
	Width   int  // bits; 0 for a string
	Nominal bool // may only be tested for equality: the field has no mask in OpenFlow

	parent *Symbol // for a part of a field
	ofs    int     // its first bit in the parent
	prereq string  // what the symbol implies
	expand string  // for a predicate: what it stands for

	implies, means           Expr   // prereq and expand as read; nil where those are empty
	impliesPlain, meansPlain *Plain // the same, annotated
}

// Predicate reports a symbol that stands for an expression.
func (s *Symbol) Predicate() bool { return s.expand != "" }

// IsStr reports a field whose values are strings.
func (s *Symbol) IsStr() bool { return s.Width == 0 }

// Base returns the field that a part belongs to; any other symbol itself.
func (s *Symbol) Base() *Symbol {
	if s.parent != nil {
		return s.parent.Base()
	}
	return s
}

// symtab is OVN's symbol table (ovn_init_symtab, lib/logical-fields.c).
type symtab map[string]*Symbol

// table is the one symbol table; nobody changes it.
var table = sync.OnceValue(func() symtab {
	s := make(symtab, 256)
	s.logical()
	s.conntrack()
	s.headers()
	s.neighbours()
	for _, sym := range s {
		s.expand(sym)
	}
	return s
})

// Symbols returns the symbols of the language, in no order.
func Symbols() iter.Seq[*Symbol] { return maps.Values(table()) }

func (s symtab) add(name string, width int, prereq string) {
	s[name] = &Symbol{Name: name, Width: width, prereq: prereq}
}

func (s symtab) nominal(name string, width int, prereq string) {
	s[name] = &Symbol{Name: name, Width: width, prereq: prereq, Nominal: true}
}

func (s symtab) part(name, prereq, parent string, low, high int) {
	s[name] = &Symbol{Name: name, Width: high - low + 1, prereq: prereq, parent: s[parent], ofs: low}
}

// predicate takes its level from what it stands for (expr_symtab_add_predicate): nominal where its
// expansion tests a nominal field, so that its negation is refused.
func (s symtab) predicate(name, expand string) {
	means := s.read(expand)
	s[name] = &Symbol{Name: name, Width: 1, expand: expand, means: means, Nominal: nominal(means)}
}

// read parses an expression of the table's own; the tests read each of them.
func (s symtab) read(text string) Expr {
	p := parser{lex: lexer{in: text}, syms: s}
	e := p.whole()
	if p.err != nil {
		panic("ovnexpr: symbol table: " + text + ": " + p.err.Error())
	}
	return e
}

// expand reads what a symbol implies and stands for, those that it names before it.
func (s symtab) expand(sym *Symbol) {
	if sym.prereq != "" && sym.impliesPlain == nil {
		sym.implies = s.read(sym.prereq)
		sym.impliesPlain = s.expanded(sym.implies)
	}
	if sym.expand != "" && sym.meansPlain == nil {
		sym.meansPlain = s.expanded(sym.means)
	}
}

func (s symtab) expanded(e Expr) *Plain {
	for c := range Compares(e) {
		s.expand(c.Field.sym)
	}
	return Annotate(Lower(e))
}

// nominal reports whether a nominal field is compared (expr_get_level).
func nominal(e Expr) bool {
	for c := range Compares(e) {
		if c.Field.sym.Nominal {
			return true
		}
	}
	return false
}

// near suggests the symbol that resembles a word most.
func (s symtab) near(name string) string {
	best, at := 3, ""
	name = strings.ToLower(name)
	for sym := range s {
		if strings.HasPrefix(sym, "__") {
			continue
		}
		if d := spelling.Distance(name, sym); d < best || d == best && sym < at {
			best, at = d, sym
		}
	}
	if at == "" {
		return ""
	}
	return "did you mean " + at + "?"
}
