package ovnexpr

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// unquote decodes JSON's escapes; it accepts unescaped control characters (json_string_unescape).
func unquote(s string) (text, bad string) {
	var b strings.Builder
	s = s[1 : len(s)-1]
	for s != "" {
		c := s[0]
		if c == 0 {
			return "", "null bytes not supported in quoted strings"
		}
		if c != '\\' {
			b.WriteByte(c)
			s = s[1:]
			continue
		}
		c, s = s[1], s[2:]
		switch at := strings.IndexByte(`"\/bfnrt`, c); {
		case at >= 0:
			b.WriteByte("\"\\/\b\f\n\r\t"[at])
		case c != 'u':
			return "", fmt.Sprintf("bad escape \\%c", c)
		default:
			var r rune
			if r, s, bad = unicodeEscape(s); bad != "" {
				return "", bad
			}
			b.WriteRune(r)
		}
	}
	return b.String(), ""
}

// unicodeEscape reads the text after \u: four hex digits, or two surrogates that make one character
// (json_lex_unicode). It also rejects a low surrogate alone, on which OVN 23.03 crashes.
func unicodeEscape(s string) (r rune, rest, bad string) {
	first, rest, bad := hex4(s)
	switch {
	case bad != "":
		return 0, "", bad
	case !utf16.IsSurrogate(first):
		return first, rest, ""
	case first >= 0xdc00 || !strings.HasPrefix(rest, `\u`):
		return 0, "", "malformed escaped surrogate pair"
	}
	second, rest, bad := hex4(rest[2:])
	if bad != "" {
		return 0, "", bad
	}
	if second < 0xdc00 || second > 0xdfff {
		return 0, "", "second half of escaped surrogate pair is not trailing surrogate"
	}
	return utf16.DecodeRune(first, second), rest, ""
}

func hex4(s string) (r rune, rest, bad string) {
	if len(s) < 4 {
		return 0, "", "quoted string ends within \\u escape"
	}
	v, err := strconv.ParseUint(s[:4], 16, 16)
	switch {
	case err != nil:
		return 0, "", "malformed \\u escape"
	case v == 0:
		return 0, "", "null bytes not supported in quoted strings"
	}
	return rune(v), s[4:], ""
}
