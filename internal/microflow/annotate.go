package microflow

// annotate puts what symbols stand for into their place and adds what they imply (expr_annotate). The table's own
// expansions are trusted: they are tested to parse and not to recurse.
func (s symtab) annotate(e *Expr, prereqs bool) *Expr {
	switch e.kind {
	case kCmp:
		return s.annotateCmp(e, prereqs)
	case kAnd, kOr:
		var implied *Expr
		if sym := e.only(); prereqs && sym != nil {
			// All about one symbol: what it implies is said once.
			prereqs = false
			implied = s.implied(sym, e)
		}
		operands := make([]*Expr, len(e.sub))
		for i, sub := range e.sub {
			operands[i] = s.annotate(sub, prereqs)
		}
		out := join(e.kind, operands)
		out.off = e.off
		return combine(kAnd, out, implied)
	}
	return e
}

// implied is the annotated prerequisite of a symbol, said at the place of e, or nil.
func (s symtab) implied(sym *symbol, e *Expr) *Expr {
	if sym.prereq == "" {
		return nil
	}
	return s.expansion(sym.prereq, e.off, sym)
}

func (s symtab) expansion(text string, off int, from *symbol) *Expr {
	p := parser{lex: lexer{in: text}, syms: s}
	e := p.whole()
	if e == nil {
		panic("microflow: symbol table: " + text)
	}
	e = s.annotate(e, true)
	return e.moved(off, from)
}

// moved is a copy that claims to stand at off.
func (e *Expr) moved(off int, from *symbol) *Expr {
	n := *e
	n.off, n.from = off, from
	n.sub = make([]*Expr, len(e.sub))
	for i, sub := range e.sub {
		n.sub[i] = sub.moved(off, from)
	}
	return &n
}

func (s symtab) annotateCmp(e *Expr, prereqs bool) *Expr {
	var implied *Expr
	if prereqs {
		implied = s.implied(e.sym, e)
	}
	out := *e
	switch sym := e.sym; {
	case sym.parent != nil:
		out.sym, out.from = sym.parent, sym
		out.val, out.mask = e.val.shl(sym.ofs), e.mask.shl(sym.ofs)
	case sym.expand != "":
		x := s.expansion(sym.expand, e.off, sym)
		if e.val.bit(0) == (e.op == opNE) {
			x = x.negated()
		}
		out = *x
	}
	return combine(kAnd, &out, implied)
}
