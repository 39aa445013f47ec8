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
	Nominal bool // only equality may be tested: the field cannot be masked in OpenFlow

	parent *Symbol // for a part of a field
	ofs    int     // its first bit in the parent
	prereq string  // the symbol's prerequisites
	expand string  // for a predicate: its expansion

	implies, means           Expr   // prereq and expand as parsed; nil if they are empty
	impliesPlain, meansPlain *Plain // the same, annotated
}

// Predicate reports whether the symbol is an abbreviation for an expression.
func (s *Symbol) Predicate() bool { return s.expand != "" }

// IsStr reports whether the field's values are strings.
func (s *Symbol) IsStr() bool { return s.Width == 0 }

// Base returns the field of which the symbol is a part; for any other symbol, the symbol itself.
func (s *Symbol) Base() *Symbol {
	if s.parent != nil {
		return s.parent.Base()
	}
	return s
}

// symtab is OVN's symbol table (ovn_init_symtab, lib/logical-fields.c).
type symtab map[string]*Symbol

// table is the only symbol table; it is never changed.
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

// predicate adds a predicate. Its level is that of its expansion (expr_symtab_add_predicate): it is
// nominal if that tests a nominal field, and its negation is then rejected.
func (s symtab) predicate(name, expand string) {
	means := s.read(expand)
	s[name] = &Symbol{Name: name, Width: 1, expand: expand, means: means, Nominal: nominal(means)}
}

// read parses an expression of the table; the tests parse all of them.
func (s symtab) read(text string) Expr {
	p := parser{lex: lexer{in: text}, syms: s}
	e := p.whole()
	if p.err != nil {
		panic("ovnexpr: symbol table: " + text + ": " + p.err.Error())
	}
	return e
}

// expand parses a symbol's prerequisites and expansion, those of the symbols in them first.
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

// nominal reports whether an expression compares a nominal field (expr_get_level).
func nominal(e Expr) bool {
	for c := range Compares(e) {
		if c.Field.sym.Nominal {
			return true
		}
	}
	return false
}

// near returns the symbol that is most similar to a word, as a suggestion.
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
