package pcapfilter

import "strings"

// token is a word, an operator or the end (an empty text), with its place.
type token struct {
	text string
	off  int
}

// words are the spellings of an operator that are not the word itself.
var words = map[string]string{"&&": "and", "||": "or", "!": "not"}

// lex cuts a filter into tokens; the last one is the end.
func lex(in string) []token {
	var out []token
	for i := 0; i < len(in); {
		c := in[i]
		n := 1
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '(' || c == ')' || c == '!':
		case strings.HasPrefix(in[i:], "&&") || strings.HasPrefix(in[i:], "||"):
			n = 2
		default:
			for i+n < len(in) && !strings.ContainsRune(" \t\n\r()!&|", rune(in[i+n])) {
				n++
			}
		}
		text := in[i : i+n]
		if w := words[text]; w != "" {
			text = w
		}
		out = append(out, token{text, i})
		i += n
	}
	return append(out, token{"", len(in)})
}
