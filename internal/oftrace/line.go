package oftrace

import (
	"strconv"
	"strings"
)

// classify returns a node for a tree line; its kind follows from the format of
// oftrace_node_print_details.
func classify(line string) *Node {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	rest := line[indent:]
	n := &Node{Text: rest, Indent: indent}
	note := func() *Node { return &Node{Text: rest, Indent: indent} }
	switch {
	case strings.HasPrefix(rest, "-> "):
		n.Kind, n.Text, n.Indent = Detail, rest[3:], indent-1
	case strings.HasPrefix(rest, ">>>> ") && strings.HasSuffix(rest, " <<<<") && len(rest) >= 10:
		n.Kind, n.Text, n.Indent = Error, rest[5:len(rest)-5], indent-1
	case strings.HasPrefix(rest, ">> "):
		n.Kind, n.Text, n.Indent = Warn, rest[3:], indent-1
	case strings.HasPrefix(rest, `bridge("`) && strings.HasSuffix(rest, `")`) && len(rest) >= len(`bridge("")`):
		n.Kind, n.Bridge = Bridge, rest[len(`bridge("`):len(rest)-2]
	case isThaw(rest):
		n.Kind = Thaw
	case n.table(rest):
		n.Kind = Table
	case isBucket(rest):
		n.Kind = Bucket
		n.Bucket, _ = strconv.Atoi(rest[len("bucket "):])
	case indent >= 4:
		n.Kind = ActionLine
	}
	if n.Kind != Note && (n.Indent < 0 || n.Indent%4 != 0) {
		return note()
	}
	return n
}

// isThaw reports whether s is one of the texts that xlate_actions and xlate_ofpact_unroll_xlate
// report as OFT_THAW.
func isThaw(s string) bool {
	return s == "thaw" || strings.HasPrefix(s, "Resuming from table ") || strings.HasPrefix(s, "Restoring action set: ") ||
		strings.HasPrefix(s, "Restoring actions: ") || strings.HasPrefix(s, "restored state: table=")
}

// isBucket reports whether s is "bucket N"; an action never has this text.
func isBucket(s string) bool {
	num, ok := strings.CutPrefix(s, "bucket ")
	_, err := strconv.Atoi(num)
	return ok && err == nil
}

// table reads "NN. MATCH, priority N[, cookie 0xN]" (xlate_report_table); the number is padded to
// two columns.
func (n *Node) table(s string) bool {
	dot := strings.Index(s, ". ")
	if dot <= 0 {
		return false
	}
	var h TableHit
	switch id, err := strconv.Atoi(s[:dot]); {
	case s[:dot] == "--":
		h.ID = -1
	case err == nil && s[0] >= '0' && s[0] <= '9' && id <= 255:
		h.ID = id
	default:
		return false
	}
	rest := s[dot+2:]
	switch {
	case h.ID < 0:
		if rest != "Executing action set:" {
			return false
		}
	case rest == "No match.":
		h.Miss = true
	case strings.HasPrefix(rest, `No match, and a "packet-in" is called for.`):
		h.Miss, h.PacketIn = true, true
	case strings.HasPrefix(rest, "Packets are IP fragments and"):
		h.FragDrop = true
	case !h.match(rest):
		return false
	}
	n.Table = h
	if dot == 1 {
		n.Indent-- // "%2d"
	}
	return true
}

// match reads "[MATCH, ]priority N[, cookie 0xN]".
func (h *TableHit) match(s string) bool {
	at := strings.LastIndex(s, "priority ")
	if at < 0 || at > 0 && !strings.HasSuffix(s[:at], ", ") {
		return false
	}
	h.Match = strings.TrimSuffix(s[:at], ", ")
	prio, cookie, has := strings.Cut(s[at+len("priority "):], ", cookie ")
	v, err := strconv.Atoi(prio)
	if err != nil {
		return false
	}
	h.Priority = v
	if has {
		h.Cookie, err = strconv.ParseUint(cookie, 0, 64)
	}
	return err == nil
}
