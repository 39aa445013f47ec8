package ovnexpr

import "strings"

// condition reads one condition as OVN does; if that fails, it takes the text up to && or ||
// outside brackets as an Opaque condition.
func (p *parser) condition() Expr {
	before := *p
	if e, _ := p.strict(); p.err == nil && p.ends() {
		return e
	}
	*p = before
	off, open := p.tok.off, 0
	for !p.ends() || open > 0 && p.tok.kind != tEnd {
		switch {
		case p.tok.kind == tError && strings.IndexByte(`"/`, p.lex.in[p.tok.off]) >= 0:
			p.syntax("expecting condition") // an unterminated string or comment
			return nil
		case p.tok.is("("), p.tok.is("{"), p.tok.is("["):
			open++
		case p.tok.is(")"), p.tok.is("}"), p.tok.is("]"):
			open--
		}
		p.advance()
	}
	if p.last <= off || open != 0 {
		p.syntax("expecting condition")
		return nil
	}
	s := p.from(off)
	return Opaque{s, p.lex.in[s.from:s.to]}
}

// ends reports whether a condition may end at the current token.
func (p *parser) ends() bool {
	return p.tok.kind == tEnd || p.tok.is("&&") || p.tok.is("||") || p.tok.is(")")
}
