package ctdpif

import (
	"fmt"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// parse parses one line, given without its newline.
func parse(line string) (Line, error) {
	var l Line
	err := ParseInto([]byte(line), &l)
	return l, err
}

// text prints the line as OVS does: a line that was read completely is printed as it was.
func (l *Line) text() string {
	b := appendProto(nil, l.Proto)
	return string(appendItems(b, l, lineItems[:], lineText, l.Layout))
}

// printer describes how OVS prints an item: whether for v, and its value.
type printer[T any] struct {
	shown func(v *T) bool
	put   func(b []byte, v *T) []byte
}

// lineText prints the items of ct_dpif_format_entry.
var lineText = map[string]printer[Line]{
	"orig": {always[Line], func(b []byte, l *Line) []byte {
		return append(l.CountOrig.append(l.Orig.append(append(b, '('))), ')')
	}},
	"reply": {func(l *Line) bool { return l.HasReply }, func(b []byte, l *Line) []byte {
		return append(l.CountRpl.append(l.Reply.append(append(b, '('))), ')')
	}},
	"start": {func(l *Line) bool { return l.Start != "" }, func(b []byte, l *Line) []byte { return append(b, l.Start...) }},
	"stop":  {func(l *Line) bool { return l.Stop != "" }, func(b []byte, l *Line) []byte { return append(b, l.Stop...) }},
	"id":    {func(l *Line) bool { return l.HasID }, func(b []byte, l *Line) []byte { return appendUint(b, l.ID) }},
	"zone":  {func(l *Line) bool { return l.Zone != 0 }, func(b []byte, l *Line) []byte { return appendUint(b, l.Zone) }},
	"status": {func(l *Line) bool { return l.HasStatus }, func(b []byte, l *Line) []byte {
		return appendFlags(b, statusFlags[:], uint32(l.Status))
	}},
	"timeout": {func(l *Line) bool { return l.HasTimeout }, func(b []byte, l *Line) []byte { return appendUint(b, l.Timeout) }},
	"mark":    {func(l *Line) bool { return l.Mark != 0 }, func(b []byte, l *Line) []byte { return appendUint(b, l.Mark) }},
	"labels": {func(l *Line) bool { return l.Label != ctstate.Label{} }, func(b []byte, l *Line) []byte {
		if l.Label.Hi != 0 {
			return fmt.Appendf(b, "0x%x%016x", l.Label.Hi, l.Label.Lo)
		}
		return fmt.Appendf(b, "0x%x", l.Label.Lo)
	}},
	"protoinfo": {func(l *Line) bool { return l.TCP != nil || l.SCTP != nil }, func(b []byte, l *Line) []byte {
		if l.TCP != nil {
			return appendEnclosed(b, l.TCP, tcpItems[:], tcpText, l.TCP.Layout)
		}
		return appendEnclosed(b, l.SCTP, sctpItems[:], sctpText, l.SCTP.Layout)
	}},
	"helper": {func(l *Line) bool { return l.Helper != "" }, func(b []byte, l *Line) []byte { return append(b, l.Helper...) }},
	"parent": {func(l *Line) bool { return l.Parent != nil }, func(b []byte, l *Line) []byte {
		return append(l.Parent.append(append(b, '(')), ')')
	}},
}

// tcpText prints the items of ct_dpif_format_protoinfo_tcp and
// ct_dpif_format_protoinfo_tcp_verbose.
var tcpText = map[string]printer[TCP]{
	"state":        {func(t *TCP) bool { return !t.Verbose }, func(b []byte, t *TCP) []byte { return append(b, t.State.String()...) }},
	"state_orig":   {verbose, func(b []byte, t *TCP) []byte { return append(b, t.Orig.String()...) }},
	"state_reply":  {verbose, func(b []byte, t *TCP) []byte { return append(b, t.Reply.String()...) }},
	"wscale_orig":  {scaled, func(b []byte, t *TCP) []byte { return appendUint(b, t.WScaleOrig) }},
	"wscale_reply": {scaled, func(b []byte, t *TCP) []byte { return appendUint(b, t.WScaleR) }},
	"flags_orig":   {verbose, func(b []byte, t *TCP) []byte { return appendFlags(b, tcpFlags[:], t.FlagsOrig) }},
	"flags_reply":  {verbose, func(b []byte, t *TCP) []byte { return appendFlags(b, tcpFlags[:], t.FlagsRpl) }},
}

// sctpText prints the items of ct_dpif_format_protoinfo_sctp.
var sctpText = map[string]printer[SCTP]{
	"state":      {always[SCTP], func(b []byte, s *SCTP) []byte { return append(b, enumString(sctpStates[:], s.State)...) }},
	"vtag_orig":  {always[SCTP], func(b []byte, s *SCTP) []byte { return appendUint(b, s.VTagOrig) }},
	"vtag_reply": {always[SCTP], func(b []byte, s *SCTP) []byte { return appendUint(b, s.VTagRepl) }},
}

func (s State) String() string { return enumString(tcpStates[:], uint8(s)) }

func enumString(names []string, v uint8) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "[" + strconv.Itoa(int(v)) + "]"
}

func always[T any](*T) bool { return true }

func verbose(t *TCP) bool { return t.Verbose }

func scaled(t *TCP) bool { return t.Verbose && t.HasWScale }

func appendUint[T uint8 | uint16 | uint32](b []byte, v T) []byte {
	return strconv.AppendUint(b, uint64(v), 10)
}

// appendItems appends the items of v, each after a comma, in the order of layout, or in OVS's order
// if layout is empty.
func appendItems[T any](b []byte, v *T, items []item[T], texts map[string]printer[T], layout []Item) []byte {
	put := func(key string) { b = texts[key].put(append(append(b, key...), '='), v) }
	for i := range items {
		if key := items[i].key; layout == nil && texts[key].shown(v) {
			b = append(b, ',')
			put(key)
		}
	}
	for _, x := range layout {
		b = append(b, ',')
		if x.Key == "" {
			b = append(b, x.Text...)
		} else {
			put(x.Key)
		}
	}
	return b
}

// appendEnclosed is appendItems in parentheses, without the comma before the first item.
func appendEnclosed[T any](b []byte, v *T, items []item[T], texts map[string]printer[T], layout []Item) []byte {
	at := len(b)
	b = appendItems(b, v, items, texts, layout)
	if len(b) > at {
		b[at] = '('
	} else {
		b = append(b, '(')
	}
	return append(b, ')')
}

func appendProto(b []byte, p uint8) []byte {
	for _, n := range protocols {
		if n.num == p {
			return append(b, n.name...)
		}
	}
	return strconv.AppendUint(b, uint64(p), 10)
}

func (t *Tuple) append(b []byte) []byte {
	b = t.Src.Addr().AppendTo(append(b, "src="...))
	b = t.Dst.Addr().AppendTo(append(b, ",dst="...))
	switch {
	case t.Bare:
	case t.Proto == ctstate.ProtoICMP || t.Proto == ctstate.ProtoICMPv6:
		b = fmt.Appendf(b, ",id=%d,type=%d,code=%d", t.ICMPID, t.ICMPType, t.ICMPCode)
	default:
		b = strconv.AppendUint(append(b, ",sport="...), uint64(t.Src.Port()), 10)
		b = strconv.AppendUint(append(b, ",dport="...), uint64(t.Dst.Port()), 10)
	}
	return b
}

func (c Counters) append(b []byte) []byte {
	if c == (Counters{}) {
		return b
	}
	return fmt.Appendf(b, ",packets=%d,bytes=%d", c.Packets, c.Bytes)
}

// appendFlags is format_flags: names joined by "|", then the bits without a name as one number; "0"
// if no bit is set.
func appendFlags(b []byte, names []string, v uint32) []byte {
	if v == 0 {
		return append(b, '0')
	}
	first := true
	sep := func() {
		if !first {
			b = append(b, '|')
		}
		first = false
	}
	for i, n := range names {
		if v&(1<<i) != 0 {
			sep()
			b = append(b, n...)
			v &^= 1 << i
		}
	}
	if v != 0 {
		sep()
		b = fmt.Appendf(b, "0x%x", v)
	}
	return b
}
