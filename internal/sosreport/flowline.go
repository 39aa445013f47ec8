package sosreport

import "bytes"

// A node has a hundred thousand flows, and a report several dumps of them: their lines are read
// without regular expressions, which take most of the time otherwise.

// tableOf returns the number behind key in a line, where key begins the line or an item; 0 if there
// is none.
func tableOf(line, key []byte) int {
	for at := 0; ; {
		i := bytes.Index(line[at:], key)
		if i < 0 {
			return 0
		}
		begin := at + i
		at = begin + len(key)
		if begin > 0 && line[begin-1] != ' ' && line[begin-1] != ',' {
			continue
		}
		if n, digits := number(line[at:]); digits > 0 && at+digits < len(line) && line[at+digits] == ',' {
			return n
		}
	}
}

// number returns the decimal number at the beginning of a text, and how many digits it has; 0 if it
// has none, or more than a table's or a priority's number.
func number(text []byte) (n, digits int) {
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		n = 10*n + int(text[digits]-'0')
		if digits++; digits > maxDigits {
			return 0, 0
		}
	}
	return n, digits
}

// maxDigits is how many digits the number of a table or a priority has at most.
const maxDigits = 5

// ownFlow matches a line of bridge/dump-flows (ofproto/ofproto.c: flow_stats_ds):
//
//	table_id=254, duration=1s, n_packets=0, n_bytes=0, priority=2,recirc_id=0,actions=drop
type ownFlow struct{}

var (
	tableID  = []byte("table_id=")
	duration = []byte("duration=")
	priority = []byte(" priority=")
)

// Match reports whether the line is one with a flow.
func (ownFlow) Match(line []byte) bool {
	if rest, ok := bytes.CutPrefix(line, tableID); ok {
		_, digits := number(rest)
		if rest, ok = bytes.CutPrefix(rest[digits:], []byte(", ")); digits == 0 || !ok {
			return false
		}
		line = rest
	}
	if !bytes.HasPrefix(line, duration) {
		return false
	}
	for {
		_, rest, ok := bytes.Cut(line, priority)
		if !ok {
			return false
		}
		if _, digits := number(rest); digits > 0 && digits < len(rest) && rest[digits] == ',' {
			return true
		}
		line = rest
	}
}
