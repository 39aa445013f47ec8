package ovnexpr

// Annotate replaces symbols by their expansions and adds their prerequisites (expr_annotate).
func Annotate(p *Plain) *Plain { return annotate(p, true) }

func annotate(p *Plain, prereqs bool) *Plain {
	switch p.Kind {
	case PlainCompare:
		return annotateCompare(p, prereqs)
	case PlainAnd, PlainOr:
		var implied *Plain
		if sym := p.only(); prereqs && sym != nil {
			// All comparisons are of one symbol: its prerequisites are added once.
			prereqs = false
			implied = sym.impliesPlain.moved(p.Off)
		}
		of := make([]*Plain, len(p.Of))
		for i, sub := range p.Of {
			of[i] = annotate(sub, prereqs)
		}
		out := join(p.Kind, of)
		out.Off = p.Off
		return Both(out, implied)
	}
	return p
}

func annotateCompare(p *Plain, prereqs bool) *Plain {
	var implied *Plain
	if prereqs {
		implied = p.Sym.impliesPlain.moved(p.Off)
	}
	out := *p
	switch sym := p.Sym; {
	case sym.parent != nil:
		out.Sym = sym.parent
		out.Val, out.Mask = p.Val.Shl(sym.ofs), p.Mask.Shl(sym.ofs)
	case sym.meansPlain != nil:
		x := sym.meansPlain.moved(p.Off)
		if p.Val.Bit(0) == (p.Op == NE) {
			x = x.negated()
		}
		out = *x
	}
	return Both(&out, implied)
}

// moved returns a copy with another offset; nil for nil.
func (p *Plain) moved(off int) *Plain {
	if p == nil {
		return nil
	}
	n := *p
	n.Off = off
	n.Of = make([]*Plain, len(p.Of))
	for i, sub := range p.Of {
		n.Of[i] = sub.moved(off)
	}
	return &n
}
