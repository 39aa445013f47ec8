package ovnexpr

// compare returns the comparison of a field with a set (make_cmp), which begins at off.
func (p *parser) compare(off int, f Field, op Relop, set constSet) *Compare {
	if p.err != nil {
		return nil
	}
	if !p.o.Lenient && (!p.checkTypes(f, set) || !p.checkOp(f, op, set) || !p.checkNominal(f, op, set)) {
		return nil
	}
	if set.written == nil {
		set.written = set.values
	}
	return &Compare{span: p.from(off), Field: f, Op: op, Values: set.values, written: set.written, form: set.form}
}

func (p *parser) checkTypes(f Field, set constSet) bool {
	for _, c := range set.values {
		switch {
		case c.isStr() != f.isStr() && f.isStr():
			p.fail(c.off, "String field %s is not compatible with integer constant.", f.Name)
		case c.isStr() != f.isStr():
			p.fail(c.off, "Integer field %s is not compatible with string constant.", f.Name)
		case !f.isStr() && c.width() > f.sym.Width:
			p.fail(c.off, "%d-bit constant is not compatible with %d-bit field %s.", c.width(), f.sym.Width, f.Name)
		}
	}
	return p.err == nil
}

func (p *parser) checkOp(f Field, op Relop, set constSet) bool {
	if op == EQ || op == NE {
		return true
	}
	switch {
	case set.form == curly:
		p.fail(set.off, "Only == and != operators may be used with value sets.")
	case f.sym.Nominal:
		p.fail(f.off, "Only == and != operators may be used with nominal field %s.", f.Name)
	case f.sym.expand != "":
		p.fail(f.off, "Only == and != operators may be used with Boolean field %s.", f.Name)
	case len(set.values) == 0:
		p.fail(set.off, "Only == and != operators may be used to compare a field against an empty value set.")
	case set.values[0].num.masked:
		p.fail(set.off, "Only == and != operators may be used with masked constants.  Consider using subfields instead "+
			"(e.g. eth.src[0..15] > 0x1111 in place of eth.src > 00:00:00:00:11:11/00:00:00:00:ff:ff).")
	}
	return p.err == nil
}

// checkNominal rejects negative tests of fields that OpenFlow cannot mask.
func (p *parser) checkNominal(f Field, op Relop, set constSet) bool {
	if !f.sym.Nominal {
		return true
	}
	if f.sym.expand == "" {
		if (op == NE) != p.not {
			p.fail(f.off, "Nominal field %s may only be tested for equality (taking enclosing `!' operators into account).",
				f.Name)
		}
		return p.err == nil
	}
	for _, c := range set.values {
		if positive := c.num.val.Bit(0) != (op == NE) != p.not; !positive {
			n := f.Name
			p.fail(f.off, "Nominal predicate %s may only be tested positively, e.g. `%s' or `%s == 1' but not `!%s' or "+
				"`%s == 0'.", n, n, n, n, n)
			return false
		}
	}
	return true
}
