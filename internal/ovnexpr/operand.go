package ovnexpr

// Operand returns the operand of && or || that begins at a byte offset of a text that Parse has
// read, as it is written there.
func Operand(in string, off int) string {
	l := lexer{in: in, pos: off}
	end, depth := off, 0
	for {
		t := l.next()
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		if t.kind == tEnd || t.kind == tError || depth < 0 || depth == 0 && (t.is("&&") || t.is("||")) {
			return in[off:end]
		}
		end = t.end
	}
}
