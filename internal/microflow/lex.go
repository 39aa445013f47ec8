package microflow

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// tokenKind is the kind of a token of OVN's language (lib/lex.c).
type tokenKind uint8

const (
	tEnd tokenKind = iota
	tError
	tID
	tString
	tInteger
	tAddrSet   // $name
	tPortGroup // @name
	tTemplate  // ^name
	tPunct     // everything else; token.text tells which
)

// format is how an integer was written.
type format uint8

const (
	fDecimal format = iota
	fHex
	fIPv4
	fIPv6
	fMAC
)

type token struct {
	kind     tokenKind
	off, end int
	text     string // identifier, string, name of a set, punctuation, or what is wrong
	format   format
	masked   bool
	val      u128
	mask     u128
}

// is reports whether the token is this punctuation.
func (t token) is(p string) bool { return t.kind == tPunct && t.text == p }

// lexer reads tokens from left to right; a fault becomes a tError token that tells it.
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

// skip passes over blanks and comments; it returns what is wrong with a comment.
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

// next reads one token.
func (l *lexer) next() token {
	if bad := l.skip(); bad != "" {
		return token{kind: tError, off: l.pos, end: min(l.pos+1, len(l.in)), text: bad}
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

// hexColon tells an address from an identifier: hex digits, then a colon.
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

// puncts are OVN's operators, the longer before their beginnings.
const puncts = "<-> .. == != && || <= >= -- ( ) { } [ ] = ! < > , ; - :"

func (l *lexer) punct(t *token) {
	rest := l.in[l.pos:]
	for p := range strings.FieldsSeq(puncts) {
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

// quote prints a string so that the lexer reads it back (json_string_escape).
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

// integer reads a number or address, and a mask or prefix length behind a slash.
func (l *lexer) integer(t *token) {
	t.kind = tInteger
	var bad string
	if t.val, t.format, bad = l.number(); bad != "" {
		t.kind, t.text = tError, bad
		return
	}
	if l.at(l.pos) != '/' {
		return
	}
	l.pos++
	mask, format, bad := l.number()
	switch {
	case bad != "":
	case format == t.format:
		t.mask = mask
	case format == fDecimal && t.format == fIPv4 && mask.lo <= 32:
		t.mask = ones(32-int(mask.lo), int(mask.lo))
	case format == fDecimal && t.format == fIPv6 && mask.lo <= 128:
		t.mask = ones(128-int(mask.lo), int(mask.lo))
	case format == fHex && t.format == fDecimal && t.val.zero():
		t.mask, t.format = mask, fHex
	default:
		bad = "Value and mask have incompatible formats."
	}
	if bad != "" {
		t.kind, t.text = tError, bad
		return
	}
	t.masked, t.val = true, t.val.and(t.mask)
}

// number reads one number or address (lex_parse_integer__).
func (l *lexer) number() (u128, format, string) {
	start, dot := l.pos, false
	for c := l.at(l.pos); isAlnum(c) || c == ':' && !dot || c == '.' && l.at(l.pos+1) != '.'; c = l.at(l.pos) {
		dot = dot || c == '.'
		l.pos++
	}
	text := l.in[start:l.pos]
	if text == "" {
		return u128{}, 0, "Integer constant expected."
	}
	if len(text) == 17 {
		if m, err := packet.ParseMAC(text); err == nil {
			return fromBytes(m[:]), fMAC, ""
		}
	}
	if strings.Trim(text, "0123456789") == "" {
		if text[0] == '0' && len(text) > 1 {
			return u128{}, 0, "Decimal constants must not have leading zeros."
		}
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return u128{}, 0, "Decimal constants must be less than 2**64."
		}
		return u128{lo: v}, fDecimal, ""
	}
	if len(text) > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') {
		return hexNumber(text)
	}
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return u128{}, 0, "Invalid numeric constant."
	case a.Is4():
		return fromBytes(a.AsSlice()), fIPv4, ""
	}
	return fromBytes(a.AsSlice()), fIPv6, ""
}

func hexNumber(text string) (u128, format, string) {
	digits := text[2:]
	if digits == "" {
		return u128{}, 0, fmt.Sprintf("Hex digits expected following 0%c.", text[1])
	}
	var v u128
	for i := 0; i < len(digits); i++ {
		if !isHex(digits[i]) {
			return u128{}, 0, "Invalid syntax in hexadecimal constant."
		}
		if v.hi>>60 != 0 {
			return u128{}, 0, "Hexadecimal constant requires more than 128 bits."
		}
		d, _ := strconv.ParseUint(digits[i:i+1], 16, 8)
		v = v.shl(4).or(u128{lo: d})
	}
	return v, fHex, ""
}
