package ovnexpr

// Operand returns the text of the operand of && or || that begins at byte offset off of in, which
// Parse has accepted.
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
