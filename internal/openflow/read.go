package openflow

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// between contains the separators of fields that users write.
const between = ", \t\r\n"

// Read reads a flow as users write it and ofproto/trace accepts it (ofputil_parse_key_value,
// lib/ofp-parse.c): with any blanks, line ends and commas between fields, and the value after =,
// after : or in parentheses. In addition, a value in quotes ends at the closing quote. at contains
// the offset of each field. Read accepts every text; its callers check names and values.
func Read(in string) (f Flow, at []int) {
	for i := skip(in, 0, between); i < len(in); i = skip(in, i, between) {
		at = append(at, i)
		name := strings.IndexAny(in[i:], ":=("+between)
		if name < 0 {
			return Flow{append(f.Fields, Field{Name: in[i:]})}, at
		}
		fd := Field{Name: in[i : i+name]}
		i += name
		delims := between
		switch in[i] {
		case '(':
			delims = ")"
		case ':', '=':
		default:
			f.Fields = append(f.Fields, fd)
			continue
		}
		i++
		n := valueLen(in[i:], delims)
		if delims == ")" && strings.HasPrefix(in[i+n:], ")->") { // set_field's (x)->y
			n += valueLen(in[i+n:], between)
		}
		fd.Value, fd.Mask = cutMask(fd.Name, in[i:i+n])
		f.Fields = append(f.Fields, fd)
		i = min(len(in), i+n+1)
	}
	return f, at
}

// valueLen is parse_value: it returns the length up to a delimiter outside parentheses and quotes,
// or to the end.
func valueLen(s, delims string) int {
	if s != "" && s[0] == '"' {
		if n := syntax.Quoted(s); n > 0 {
			return n
		}
	}
	level := 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '(':
			level++
		case s[i] == ')' && level > 0:
			level--
		case level == 0 && strings.IndexByte(delims, s[i]) >= 0:
			return i
		}
	}
	return len(s)
}
