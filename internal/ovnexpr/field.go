package ovnexpr

import "cmp"

// isStr reports whether the field is known to be a string field.
func (f Field) isStr() bool { return f.sym != nil && f.sym.Width == 0 }

// field reads a symbol and its bits, if given.
func (p *parser) field() (Field, bool) {
	sym := p.syms[p.tok.text]
	if p.tok.kind != tID || sym == nil && !p.o.Lenient {
		p.syntax("expecting field name")
		if p.err != nil && p.tok.kind == tID {
			p.err.Hint = cmp.Or(p.err.Hint, p.syms.near(p.tok.text))
		}
		return Field{}, false
	}
	f := Field{Name: p.tok.text, sym: sym, off: p.tok.off}
	if sym != nil {
		f.n = sym.Width
	}
	p.advance()
	if p.tok.is("[") {
		return f, p.bits(&f)
	}
	return f, true
}

// bits reads [low..high].
func (p *parser) bits(f *Field) bool {
	off := p.tok.off
	p.advance()
	if f.isStr() {
		p.fail(f.off, "Cannot select subfield of string field %s.", f.Name)
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
	width := 128
	if f.sym != nil {
		width = f.sym.Width
	}
	switch {
	case low > high:
		p.fail(off, "Invalid bit range %d to %d.", low, high)
	case high >= width:
		p.fail(off, "Cannot select bits %d to %d of %d-bit field %s.", low, high, width, f.Name)
	case f.sym != nil && f.sym.Nominal && (low != 0 || high != width-1):
		p.fail(off, "Cannot select subfield of nominal field %s.", f.Name)
	}
	f.ofs, f.n = low, high-low+1
	return p.err == nil
}

func (p *parser) small() (int, bool) {
	t := p.tok
	if t.kind != tInteger || t.num.masked || t.num.format != fDecimal || t.num.val.Lo > 1<<31-1 {
		p.syntax("expecting small integer")
		return 0, false
	}
	p.advance()
	return int(t.num.val.Lo), true
}
