package ovnexpr

import (
	"fmt"
	"strings"
)

// lexer reads tokens from left to right; a fault becomes a tError token with the message.
type lexer struct {
	in  string
	pos int
}

func (l *lexer) at(i int) byte {
	if i < len(l.in) {
		return l.in[i]
	}
	return 0
}

func isID1(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isAlnum(c byte) bool { return isID1(c) && c != '_' && c != '.' || isDigit(c) }

// skip skips blanks and comments; it returns the message for a malformed comment.
func (l *lexer) skip() string {
	for l.pos < len(l.in) {
		switch c := l.in[l.pos]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			l.pos++
		case c != '/':
			return ""
		case l.at(l.pos+1) == '/':
			n := strings.IndexByte(l.in[l.pos:], '\n')
			if n < 0 {
				n = len(l.in) - l.pos
			}
			l.pos += n
		case l.at(l.pos+1) == '*':
			n := strings.Index(l.in[l.pos+2:], "*/")
			if n < 0 || strings.ContainsRune(l.in[l.pos+2:l.pos+2+n], '\n') {
				return "`/*' without matching `*/'."
			}
			l.pos += 2 + n + 2
		default:
			return "`/' is only valid as part of `//' or `/*'."
		}
	}
	return ""
}

// next reads one token. Every token except tEnd has at least one byte.
func (l *lexer) next() token {
	if bad := l.skip(); bad != "" {
		l.pos++
		return token{kind: tError, off: l.pos - 1, end: l.pos, text: bad}
	}
	t := token{off: l.pos}
	if l.pos == len(l.in) {
		t.end = l.pos
		return t
	}
	switch c := l.in[l.pos]; {
	case isDigit(c) || c == ':' && l.at(l.pos+1) == ':' || isHex(c) && l.hexColon():
		l.integer(&t)
	case c == '.':
		l.punct(&t)
	case isID1(c):
		t.kind, t.text = tID, l.ident()
	case c == '"':
		l.str(&t)
	case c == '$':
		l.named(&t, tAddrSet)
	case c == '@':
		l.named(&t, tPortGroup)
	case c == '^':
		l.named(&t, tTemplate)
	default:
		l.punct(&t)
	}
	t.end = l.pos
	return t
}

// hexColon reports whether an address begins here and not an identifier: hex digits, then a colon.
func (l *lexer) hexColon() bool {
	i := l.pos
	for isHex(l.at(i)) {
		i++
	}
	return l.at(i) == ':'
}

func (l *lexer) ident() string {
	start := l.pos
	for l.pos++; isID1(l.at(l.pos)) || isDigit(l.at(l.pos)); {
		l.pos++
	}
	return l.in[start:l.pos]
}

func (l *lexer) named(t *token, kind tokenKind) {
	mark := l.in[l.pos]
	l.pos++
	if !isID1(l.at(l.pos)) {
		t.kind, t.text = tError, fmt.Sprintf("`%c' must be followed by a valid identifier.", mark)
		return
	}
	t.kind, t.text = kind, l.ident()
}

// puncts are OVN's operators, each before its prefixes.
var puncts = strings.Fields("<-> .. == != && || <= >= -- ( ) { } [ ] = ! < > , ; - :")

func (l *lexer) punct(t *token) {
	rest := l.in[l.pos:]
	for _, p := range puncts {
		if strings.HasPrefix(rest, p) {
			t.kind, t.text = tPunct, p
			l.pos += len(p)
			return
		}
	}
	t.kind = tError
	switch c := rest[0]; {
	case c == '&' || c == '|':
		t.text = fmt.Sprintf("`%c' is only valid as part of `%c%c'.", c, c, c)
	case c == '.':
		t.text = "`.' is only valid as part of `..' or a number."
	case c >= ' ' && c < 0x7f:
		t.text = fmt.Sprintf("Invalid character `%c' in input.", c)
	default:
		t.text = fmt.Sprintf("Invalid byte 0x%x in input.", c)
	}
	l.pos++
}

// str reads a JSON string.
func (l *lexer) str(t *token) {
	start := l.pos
	for l.pos++; l.pos < len(l.in); l.pos++ {
		switch l.in[l.pos] {
		case '\\':
			l.pos++
		case '"':
			l.pos++
			text, bad := unquote(l.in[start:l.pos])
			if t.kind, t.text = tString, text; bad != "" {
				t.kind, t.text = tError, bad
			}
			return
		}
	}
	l.pos = len(l.in)
	t.kind, t.text = tError, "Input ends inside quoted string."
}

// quote returns a string in the form that the lexer reads (json_string_escape).
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, "\\u%04x", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
