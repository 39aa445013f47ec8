package microflow

// constant is one value, integer or string.
type constant struct {
	isStr     bool
	str       string
	val, mask u128
	masked    bool
	format    format
	off       int
}

// width is the least number of bits that hold the constant (expr_constant_width).
func (c constant) width() int {
	switch {
	case c.masked:
		return c.mask.width()
	case c.format == fIPv4:
		return 32
	case c.format == fIPv6:
		return 128
	case c.format == fMAC:
		return 48
	}
	return c.val.width()
}

// constSet is one constant or {several}.
type constSet struct {
	values []constant
	curly  bool
	off    int
}

func (p *parser) constSet() constSet {
	set := constSet{off: p.tok.off}
	if !p.match("{") {
		p.constant(&set)
		return set
	}
	set.curly = true
	for {
		p.constant(&set)
		if p.err != nil {
			return set
		}
		p.match(",") // a comma is optional
		if p.match("}") {
			return set
		}
	}
}

func (p *parser) constant(set *constSet) {
	switch p.tok.kind {
	case tTemplate:
		p.fail(p.tok.off, "Unexpanded template.")
	case tString:
		p.put(set, constant{isStr: true, str: p.tok.text, off: p.tok.off})
	case tInteger:
		p.put(set, constant{val: p.tok.val, mask: p.tok.mask, masked: p.tok.masked, format: p.tok.format, off: p.tok.off})
	case tAddrSet:
		p.addressSet(set)
	case tPortGroup:
		p.portGroup(set)
	default:
		p.syntax("expecting constant")
		if p.tok.kind == tID && p.err != nil && p.err.Hint == "" {
			p.err.Hint = `strings stand in double quotes: inport == "sw0-p1"`
		}
	}
	if p.err == nil {
		p.advance()
	}
}

// put adds a value; strings and integers do not mix.
func (p *parser) put(set *constSet, c constant) {
	if len(set.values) > 0 && set.values[0].isStr != c.isStr {
		want := "integer"
		if set.values[0].isStr {
			want = "string"
		}
		p.syntax("expecting " + want)
		return
	}
	if p.count++; p.count > maxSet {
		p.fail(p.tok.off, "Too many values.")
		return
	}
	set.values = append(set.values, c)
}

func (p *parser) addressSet(set *constSet) {
	var members []string
	ok := false
	if p.names != nil {
		members, ok = p.names.AddressSet(p.tok.text)
	}
	if !ok {
		p.syntax("expecting address set name")
		return
	}
	for _, m := range members {
		l := lexer{in: m}
		// What is no integer is skipped (expr_constant_set_create_integers).
		if t := l.next(); t.kind == tInteger {
			p.put(set, constant{val: t.val, mask: t.mask, masked: t.masked, format: t.format, off: p.tok.off})
		}
	}
}

func (p *parser) portGroup(set *constSet) {
	var members []string
	ok := false
	if p.names != nil {
		members, ok = p.names.PortGroup(p.tok.text)
	}
	if !ok {
		p.syntax("expecting port group name")
		return
	}
	for _, m := range members {
		p.put(set, constant{isStr: true, str: m, off: p.tok.off})
	}
}

// compare makes the comparison of a field with a set (make_cmp).
func (p *parser) compare(f field, op relop, set constSet) *Expr {
	if p.err != nil || !p.checkTypes(f, set) || !p.checkOp(f, op, set) || !p.checkNominal(f, op, set) {
		return nil
	}
	if len(set.values) == 0 {
		return &Expr{kind: kBool, off: f.off, yes: op == opNE}
	}
	kind := kOr
	if op != opEQ {
		kind = kAnd
	}
	operands := make([]*Expr, len(set.values))
	for i, c := range set.values {
		e := &Expr{kind: kCmp, off: f.off, sym: f.sym, op: op, str: c.str}
		if f.sym.width > 0 {
			e.mask = ones(f.ofs, f.n)
			if c.masked {
				e.mask = e.mask.and(c.mask.shl(f.ofs))
			}
			e.val = c.val.shl(f.ofs).and(ones(f.ofs, f.n))
		}
		operands[i] = e
	}
	return join(kind, operands)
}

func (p *parser) checkTypes(f field, set constSet) bool {
	isStr := f.sym.width == 0
	for _, c := range set.values {
		switch {
		case c.isStr != isStr && isStr:
			p.fail(c.off, "String field %s is not compatible with integer constant.", f.sym.name)
		case c.isStr != isStr:
			p.fail(c.off, "Integer field %s is not compatible with string constant.", f.sym.name)
		case !isStr && c.width() > f.sym.width:
			p.fail(c.off, "%d-bit constant is not compatible with %d-bit field %s.", c.width(), f.sym.width, f.sym.name)
		}
	}
	return p.err == nil
}

func (p *parser) checkOp(f field, op relop, set constSet) bool {
	if op == opEQ || op == opNE {
		return true
	}
	switch {
	case set.curly:
		p.fail(set.off, "Only == and != operators may be used with value sets.")
	case f.sym.nominal:
		p.fail(f.off, "Only == and != operators may be used with nominal field %s.", f.sym.name)
	case f.sym.expand != "":
		p.fail(f.off, "Only == and != operators may be used with Boolean field %s.", f.sym.name)
	case len(set.values) == 0:
		p.fail(set.off, "Only == and != operators may be used to compare a field against an empty value set.")
	case set.values[0].masked:
		p.fail(set.off, "Only == and != operators may be used with masked constants.  Consider using subfields instead "+
			"(e.g. eth.src[0..15] > 0x1111 in place of eth.src > 00:00:00:00:11:11/00:00:00:00:ff:ff).")
	}
	return p.err == nil
}

// checkNominal refuses negative tests of fields that OpenFlow cannot mask.
func (p *parser) checkNominal(f field, op relop, set constSet) bool {
	if !f.sym.nominal {
		return true
	}
	if f.sym.expand == "" {
		if (op == opNE) != p.not {
			p.fail(f.off, "Nominal field %s may only be tested for equality (taking enclosing `!' operators into account).",
				f.sym.name)
		}
		return p.err == nil
	}
	for _, c := range set.values {
		if positive := c.val.bit(0) != (op == opNE) != p.not; !positive {
			n := f.sym.name
			p.fail(f.off, "Nominal predicate %s may only be tested positively, e.g. `%s' or `%s == 1' but not `!%s' or "+
				"`%s == 0'.", n, n, n, n, n)
			return false
		}
	}
	return true
}
