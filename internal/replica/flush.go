package replica

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// Flush is a request of ovn-controller to remove conntrack entries (NXT_CT_FLUSH_ZONE,
// NXT_CT_FLUSH), as Open vSwitch executes it. What is not set selects every entry.
type Flush struct {
	Text  string // as Open vSwitch writes it
	Zone  uint16 // 0: every zone
	Proto uint8  // 0: every protocol, where only the zone is given
	// Orig and Reply are the parts of the entry's tuples that must be equal: addresses that are
	// valid, ports and ICMP numbers that are not 0.
	Orig, Reply FlushTuple
	Mark        masked
	Label       masked
}

// FlushTuple is the part of a request about one tuple.
type FlushTuple struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	ID               uint16
	Type, Code       uint8
}

// masked is a number of which only the bits of the mask count.
type masked struct{ value, mask ctstate.Label }

// Removes reports whether the request removes an entry (lib/ct-dpif.c: ct_dpif_entry_cmp).
func (f *Flush) Removes(e *ctstate.Entry) bool {
	if f.Zone != 0 && f.Zone != e.Zone || f.Proto != 0 && f.Proto != e.Orig.Proto {
		return false
	}
	if !f.Mark.matches(ctstate.Label{Lo: uint64(e.Mark)}) || !f.Label.matches(e.Label) {
		return false
	}
	return f.Orig.matches(&e.Orig) && f.Reply.matches(&e.Reply)
}

func (m masked) matches(l ctstate.Label) bool {
	return l.Hi&m.mask.Hi == m.value.Hi&m.mask.Hi && l.Lo&m.mask.Lo == m.value.Lo&m.mask.Lo
}

// matches is ct_dpif_tuple_cmp: of ICMP, id, type and code count only where an id is given.
func (w *FlushTuple) matches(t *ctstate.Tuple) bool {
	addr := func(want, is netip.Addr) bool { return !want.IsValid() || want == is }
	port := func(want, is uint16) bool { return want == 0 || want == is }
	if !addr(w.Src, t.Src.Addr()) || !addr(w.Dst, t.Dst.Addr()) {
		return false
	}
	if ctstate.HasPorts(t.Proto) {
		return port(w.SrcPort, t.Src.Port()) && port(w.DstPort, t.Dst.Port())
	}
	return w.ID == 0 || w.ID == t.ICMPID && w.Type == t.ICMPType && w.Code == t.ICMPCode
}

// flushMark begins what ct_dpif_flush writes into ovs-vswitchd's log.
const flushMark = ": ct_flush: "

// parseFlushes reads the requests in the log of an ovs-vswitchd of which module ct_dpif logs
// everything. Other lines are left out.
func parseFlushes(log string) ([]Flush, error) {
	var out []Flush
	for line := range strings.Lines(log) {
		_, text, ok := strings.Cut(strings.TrimRight(line, "\r\n"), flushMark)
		if !ok {
			continue
		}
		f, err := parseFlush(text)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// parseFlush reads a request as ct_dpif_flush and ct_dpif_flush_tuple write it: "zone 7", "<all>",
// or "zone=0 mark=0x1/0x1 labels=0x2 'ORIGINAL,ct_nw_proto=6' 'REPLY'" (ofp_ct_match_format).
func parseFlush(text string) (Flush, error) {
	f := Flush{Text: text}
	if text == "<all>" {
		return f, nil
	}
	bad := func(at string, what string) (Flush, error) {
		return f, &syntax.Error{What: "request to remove entries", In: text, Off: max(0, strings.Index(text, at)), Msg: what}
	}
	if n, ok := strings.CutPrefix(text, "zone "); ok {
		zone, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return bad(n, "no zone")
		}
		f.Zone = uint16(zone)
		return f, nil
	}
	tuples := 0
	for rest := text; rest != ""; {
		var word string
		if inner, quoted := strings.CutPrefix(rest, "'"); quoted {
			var ok bool
			if word, rest, ok = strings.Cut(inner, "'"); !ok {
				return bad(inner, "no closing quote")
			}
			to := &f.Orig
			if tuples++; tuples == 2 {
				to = &f.Reply
			}
			if at, err := f.tuple(to, word); err != nil || tuples > 2 {
				return bad(at, "no tuple of a request to remove entries")
			}
			rest = strings.TrimPrefix(rest, " ")
			continue
		}
		word, rest, _ = strings.Cut(rest, " ")
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "zone":
			var zone uint64
			zone, err = strconv.ParseUint(value, 10, 16)
			f.Zone = uint16(zone)
		case "mark":
			f.Mark, err = parseMasked(value)
		case "labels":
			f.Label, err = parseMasked(value)
		default:
			return bad(word, "unknown part of a request to remove entries")
		}
		if err != nil {
			return bad(word, "no number")
		}
	}
	if tuples != 2 {
		return bad(text, "two tuples are expected")
	}
	return f, nil
}

// tuple reads ofp_ct_tuple_format's text; at is the field that is wrong.
func (f *Flush) tuple(to *FlushTuple, text string) (at string, err error) {
	for _, field := range strings.Split(text, ",") {
		key, value, _ := strings.Cut(field, "=")
		number := func(bits int, set func(uint64)) {
			var n uint64
			if n, err = strconv.ParseUint(value, 10, bits); err == nil {
				set(n)
			}
		}
		addr := func(to *netip.Addr) {
			var a netip.Addr
			if a, err = netip.ParseAddr(value); err == nil && !a.IsUnspecified() {
				*to = a.Unmap()
			}
		}
		switch key {
		case "ct_nw_src", "ct_ipv6_src":
			addr(&to.Src)
		case "ct_nw_dst", "ct_ipv6_dst":
			addr(&to.Dst)
		case "ct_tp_src":
			number(16, func(n uint64) { to.SrcPort = uint16(n) })
		case "ct_tp_dst":
			number(16, func(n uint64) { to.DstPort = uint16(n) })
		case "icmp_id":
			number(16, func(n uint64) { to.ID = uint16(n) })
		case "icmp_type":
			number(8, func(n uint64) { to.Type = uint8(n) })
		case "icmp_code":
			number(8, func(n uint64) { to.Code = uint8(n) })
		case "ct_nw_proto":
			number(8, func(n uint64) { f.Proto = uint8(n) })
		default:
			err = fmt.Errorf("unknown field %q", key)
		}
		if err != nil {
			return field, err
		}
	}
	return "", nil
}

// parseMasked reads VALUE[/MASK] in hexadecimal digits of at most 128 bits.
func parseMasked(text string) (masked, error) {
	value, mask, some := strings.Cut(text, "/")
	m := masked{mask: ctstate.Label{Hi: ^uint64(0), Lo: ^uint64(0)}}
	var err error
	if m.value, err = hex128(value); err == nil && some {
		m.mask, err = hex128(mask)
	}
	return m, err
}

func hex128(text string) (l ctstate.Label, err error) {
	digits := strings.TrimPrefix(text, "0x")
	if len(digits) == 0 || len(digits) > 32 {
		return l, strconv.ErrSyntax
	}
	if n := len(digits) - 16; n > 0 {
		if l.Hi, err = strconv.ParseUint(digits[:n], 16, 64); err != nil {
			return l, err
		}
		digits = digits[n:]
	}
	l.Lo, err = strconv.ParseUint(digits, 16, 64)
	return l, err
}
