package openflow

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// Parse reads a flow or match as printed in "Flow:", "Megaflow:", table lines and dump-flows.
// Commas inside parentheses, braces, brackets and quotes belong to their field. Parse keeps the
// text between two fields if it is not a single comma, so that String returns the text unchanged.
func Parse(in string) (Flow, error) {
	var f Flow
	end := len(strings.TrimRight(in, " \t\r\n"))
	i := skip(in, 0, " \t\r\n")
	if i >= end {
		return f, nil
	}
	f.Fields = make([]Field, 0, 8+strings.Count(in, ",")/2)
	sep := ""
	for {
		stop, err := fieldEnd(in, i, end)
		if err != nil {
			return Flow{}, err
		}
		if stop == i {
			return Flow{}, fault(in, i, "empty field")
		}
		fd := cut(in[i:stop])
		fd.Before = sep
		f.Fields = append(f.Fields, fd)
		if stop >= end {
			return f, nil
		}
		next := skip(in, stop, " \t")
		if next < end && in[next] == ',' {
			next = skip(in, next+1, " \t")
		}
		if next >= end {
			return Flow{}, fault(in, stop, "no field follows")
		}
		if sep = in[stop:next]; sep == "," {
			sep = ""
		}
		i = next
	}
}

func skip(s string, i int, set string) int {
	for i < len(s) && strings.IndexByte(set, s[i]) >= 0 {
		i++
	}
	return i
}

// fieldEnd returns the end of the field that starts at i: a comma or blank outside brackets and
// quotes.
func fieldEnd(in string, i, end int) (int, error) {
	if strings.HasPrefix(in[i:end], "actions=") {
		return end, nil // the last item of dump-flows, which has its own syntax
	}
	var open []int
	for j := i; j < end; j++ {
		switch c := in[j]; c {
		case ',', ' ', '\t', '\r', '\n':
			if len(open) == 0 {
				return j, nil
			}
		case '(', '{', '[':
			open = append(open, j)
		case ')', '}', ']':
			if len(open) == 0 || pair(in[open[len(open)-1]]) != c {
				return 0, fault(in, j, "unbalanced '"+string(c)+"'")
			}
			open = open[:len(open)-1]
		case '"':
			n := syntax.Quoted(in[j:end])
			if n == 0 {
				return 0, fault(in, j, "quote is never closed")
			}
			j += n - 1
		}
	}
	if len(open) > 0 {
		o := open[len(open)-1]
		return 0, fault(in, o, "'"+in[o:o+1]+"' is never closed")
	}
	return end, nil
}

func pair(open byte) byte {
	switch open {
	case '(':
		return ')'
	case '{':
		return '}'
	}
	return ']'
}

// cut splits NAME=VALUE/MASK. A text that its parts would not reproduce is a bare name.
func cut(text string) Field {
	name, rest, ok := strings.Cut(text, "=")
	if !ok || name == "" || rest == "" {
		return Field{Name: text}
	}
	value, mask := cutMask(name, rest)
	return Field{Name: name, Value: value, Mask: mask}
}

// cutMask splits VALUE/MASK. Quoted names, lists in parentheses and actions have no mask.
func cutMask(name, s string) (value, mask string) {
	if s == "" || s[0] == '"' || s[0] == '(' && s[len(s)-1] == ')' || name == "actions" {
		return s, ""
	}
	if i := strings.LastIndexByte(s, '/'); i > 0 && i+1 < len(s) {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// SplitActions splits OpenFlow actions at the commas outside of parentheses, braces and quotes.
// After an unbalanced bracket, the rest of the text is one action.
func SplitActions(s string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(', '{', '[':
			depth++
		case ')', '}', ']':
			depth--
		case '"':
			if n := syntax.Quoted(s[i:]); n > 0 {
				i += n - 1
			}
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[start:i]))
				start = i + 1
			}
		}
	}
	if rest := strings.TrimSpace(s[start:]); rest != "" || len(out) > 0 {
		out = append(out, rest)
	}
	return out
}
