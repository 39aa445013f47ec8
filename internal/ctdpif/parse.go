package ctdpif

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// fault is the error of a line that cannot be read.
func fault(line []byte, off int, msg string) error {
	return &syntax.Error{What: "conntrack dump", In: string(line), Off: off, Msg: msg, Whole: true}
}

// ParseInto parses one line, given without its newline, and does not allocate: the result does not
// refer to line, which the caller may reuse, and the memory of l.TCP is reused. With an error l is
// empty.
func ParseInto(line []byte, l *Line) error {
	p := parser{in: line, tcp: l.TCP}
	*l = Line{}
	p.line(l)
	if p.err != nil {
		*l = Line{}
		return p.err
	}
	return nil
}

// parser is a cursor over one line; it keeps the first error.
type parser struct {
	in  []byte
	off int
	err error
	tcp *TCP // memory for the line's TCP
}

func (p *parser) fail(off int, format string, args ...any) {
	if p.err == nil {
		p.err = fault(p.in, off, fmt.Sprintf(format, args...))
	}
}

// skip advances past s if it is next, and reports whether it was.
func (p *parser) skip(s string) bool {
	if p.err == nil && len(p.in)-p.off >= len(s) && string(p.in[p.off:p.off+len(s)]) == s {
		p.off += len(s)
		return true
	}
	return false
}

func (p *parser) need(s string) {
	if !p.skip(s) {
		p.fail(p.off, "expected %q", s)
	}
}

// word reads the bytes up to a comma, a closing parenthesis or the end.
func (p *parser) word() []byte {
	if p.err != nil {
		return nil
	}
	n := 0
	for rest := p.in[p.off:]; n < len(rest) && rest[n] != ',' && rest[n] != ')'; n++ {
	}
	if n == 0 {
		p.fail(p.off, "a value is missing")
		return nil
	}
	w := p.in[p.off : p.off+n]
	p.off += n
	return w
}

// number reads a decimal number as OVS prints it: no sign, no leading zero.
func (p *parser) number(limit uint64) uint64 {
	start := p.off
	var v uint64
	for p.err == nil && p.off < len(p.in) && p.in[p.off] >= '0' && p.in[p.off] <= '9' {
		d := uint64(p.in[p.off] - '0')
		// 19 digits always fit.
		if n := p.off - start; n >= 19 && (n > 19 || v > (math.MaxUint64-d)/10) {
			p.fail(start, "number out of range")
			return 0
		}
		v = v*10 + d
		p.off++
	}
	switch n := p.off - start; {
	case n == 0:
		p.fail(start, "expected a number")
	case v > limit, n > 1 && p.in[start] == '0':
		p.fail(start, "number out of range")
		return 0
	}
	return v
}

// notZero reads a number that OVS omits if it is 0.
func (p *parser) notZero(limit uint64) uint64 {
	v := p.number(limit)
	if v == 0 {
		p.fail(p.off, "0 is not printed")
	}
	return v
}

func (p *parser) tcpState() State { return State(p.enum(tcpStates[:])) }

func (p *parser) u8() uint8   { return uint8(p.number(1<<8 - 1)) }
func (p *parser) u16() uint16 { return uint16(p.number(1<<16 - 1)) }
func (p *parser) u32() uint32 { return uint32(p.number(1<<32 - 1)) }
func (p *parser) u64() uint64 { return p.number(1<<64 - 1) }

// line reads a protocol and the items after it (ct_dpif_format_entry).
func (p *parser) line(l *Line) {
	l.Proto = p.proto()
	seen := readItems(p, l, lineItems[:], &l.Layout, false)
	switch {
	case p.err != nil:
	case p.off < len(p.in):
		p.fail(p.off, "expected %q", ",")
	case seen&1 == 0:
		p.fail(p.off, "the original tuple is missing")
	case l.HasReply && l.Reply.Src.Addr().Is4() != l.Orig.Src.Addr().Is4():
		p.fail(p.off, "the directions have different address families")
	case l.Parent != nil && l.Parent.Src.Addr().Is4() != l.Orig.Src.Addr().Is4():
		p.fail(p.off, "the parent has another address family")
	}
}

// readItems reads items up to a closing parenthesis or the end, in any order. Items have names, so
// an unknown item does not prevent reading the others. The result has a bit for each item that was
// read. open says that no comma precedes the first item.
func readItems[T any](p *parser, v *T, items []item[T], layout *[]Item, open bool) (seen uint32) {
	var order [16]uint8 // indexes of the items in the order read, for the layout
	n, next, plain := 0, 0, true
	for ; p.err == nil && p.off < len(p.in) && p.in[p.off] != ')'; open = false {
		if !open {
			p.need(",")
		}
		at := p.off
		i := p.key(next, len(items), func(i int) string { return items[i].key })
		if plain && i < next {
			plain = false
			for _, j := range order[:n] {
				*layout = append(*layout, Item{Key: items[j].key})
			}
		}
		switch {
		case i < 0:
			*layout = append(*layout, Item{Text: p.unknown()})
			continue
		case seen&(1<<i) != 0:
			p.fail(at, "%q occurs twice", items[i].key)
			return seen
		case plain:
			order[n] = uint8(i)
			n, next = n+1, i+1
		default:
			*layout = append(*layout, Item{Key: items[i].key})
		}
		seen |= 1 << i
		items[i].read(p, v)
	}
	return seen
}

// key reads a known key and its equals sign, and returns its index, or -1. The search begins at
// index next, the most likely one.
func (p *parser) key(next, n int, name func(int) string) int {
	for i := range n {
		i = (next + i) % n
		k := name(i)
		if end := p.off + len(k); end < len(p.in) && p.in[end] == '=' && string(p.in[p.off:end]) == k {
			p.off = end + 1
			return i
		}
	}
	return -1
}

// unknown reads an item of any kind, including its parentheses.
func (p *parser) unknown() string {
	start := p.off
	n := itemLen(p.in[p.off:])
	if n <= 0 {
		p.fail(start, "unexpected %q", p.in[start:min(len(p.in), start+20)])
		return ""
	}
	p.off += n
	return string(p.in[start:p.off])
}

// itemLen returns the length of the item at the start of b, which ends at a comma or at the closing
// parenthesis of the surrounding list; -1 if its parentheses are unbalanced.
func itemLen(b []byte) int {
	depth := 0
	for i, c := range b {
		switch {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0 && (c == ',' || c == ')'):
			return i
		}
	}
	if depth > 0 {
		return -1
	}
	return len(b)
}

// enclosed calls read between an opening and a closing parenthesis.
func (p *parser) enclosed(read func()) {
	p.need("(")
	read()
	p.need(")")
}

func (p *parser) proto() uint8 {
	at := p.off
	w := p.word()
	for _, n := range protocols {
		if string(w) == n.name {
			return n.num
		}
	}
	p.off = at
	v := p.u8()
	for _, n := range protocols {
		if p.err == nil && n.num == v {
			p.fail(at, "protocol %d has a name", v)
		}
	}
	return v
}

// tuple reads a tuple (ct_dpif_format_tuple) and the counters within its parentheses.
func (p *parser) tuple(proto uint8) (t Tuple, c Counters) {
	t.Proto = proto
	p.need("src=")
	src := p.addr()
	p.need(",dst=")
	dst := p.addr()
	if p.err == nil && src.Is4() != dst.Is4() {
		p.fail(p.off, "the addresses have different families")
	}
	var sport, dport uint16
	icmp := proto == ctstate.ProtoICMP || proto == ctstate.ProtoICMPv6
	switch {
	case icmp && p.skip(",id="):
		t.ICMPID = p.u16()
		p.need(",type=")
		t.ICMPType = p.u8()
		p.need(",code=")
		t.ICMPCode = p.u8()
	case !icmp && p.skip(",sport="):
		sport = p.u16()
		p.need(",dport=")
		dport = p.u16()
	default:
		t.Bare = true
	}
	t.Src, t.Dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	if p.skip(",packets=") {
		c.Packets = p.u64()
		p.need(",bytes=")
		c.Bytes = p.u64()
		if p.err == nil && c == (Counters{}) {
			p.fail(p.off, "counters of 0 are not printed")
		}
	}
	return t, c
}

// addr reads an address. It parses IPv4 itself, for speed: nearly all addresses are IPv4.
func (p *parser) addr() netip.Addr {
	start := p.off
	w := p.word()
	if p.err != nil {
		return netip.Addr{}
	}
	v4, n, ok := ipv4(w)
	if ok {
		return netip.AddrFrom4(v4)
	}
	a, err := netip.ParseAddr(string(w))
	switch {
	case err == nil && a.Zone() == "":
		return a
	case bytes.IndexByte(w, ':') >= 0:
		n = 0
	}
	p.fail(start+n, "not an address")
	return netip.Addr{}
}

// ipv4 reads an IPv4 address; if b is none, n is the offset where it ceases to be one.
func ipv4(b []byte) (a [4]byte, n int, ok bool) {
	for i := range a {
		if i > 0 {
			if n == len(b) || b[n] != '.' {
				return a, n, false
			}
			n++
		}
		start, v := n, 0
		for n < len(b) && n-start < 3 && b[n] >= '0' && b[n] <= '9' {
			v = v*10 + int(b[n]-'0')
			n++
		}
		if n == start || v > 255 || n-start > 1 && b[start] == '0' {
			return a, start, false
		}
		a[i] = byte(v)
	}
	return a, n, n == len(b)
}

// flags reads what format_flags prints: names joined by "|", then the bits without a name as one
// number; "0" if no bit is set.
func (p *parser) flags(names []string) uint32 {
	if p.skip("0") && (p.off == len(p.in) || p.in[p.off] == ',' || p.in[p.off] == ')') {
		return 0
	} else if p.err == nil && p.off > 0 && p.in[p.off-1] == '0' {
		p.off-- // the 0 of 0x
	}
	start := p.off
	w := p.word()
	var v uint32
	for len(w) > 0 {
		var item []byte
		item, w, _ = bytes.Cut(w, []byte("|"))
		bit := flagBit(names, item)
		if bit == 0 || v&bit != 0 {
			p.fail(start, "unknown flag %q", item)
			return 0
		}
		v |= bit
	}
	return v
}

func flagBit(names []string, item []byte) uint32 {
	for i, n := range names {
		if string(item) == n {
			return 1 << i
		}
	}
	if hex, ok := bytes.CutPrefix(item, []byte("0x")); ok {
		if v, err := strconv.ParseUint(string(hex), 16, 32); err == nil && v>>len(names)<<len(names) == v {
			return uint32(v)
		}
	}
	return 0
}

// label reads a 128-bit number of up to 32 hexadecimal digits.
func (p *parser) label() ctstate.Label {
	start := p.off
	w := p.word()
	if p.err != nil {
		return ctstate.Label{}
	}
	hi, lo := []byte("0"), w
	if len(w) > 16 {
		hi, lo = w[:len(w)-16], w[len(w)-16:]
	}
	h, err1 := strconv.ParseUint(string(hi), 16, 64)
	v, err2 := strconv.ParseUint(string(lo), 16, 64)
	if err1 != nil || err2 != nil || w[0] == '0' {
		p.fail(start, "not a label")
		return ctstate.Label{}
	}
	return ctstate.Label{Hi: h, Lo: v}
}

func (p *parser) enum(names []string) uint8 {
	start := p.off
	w := p.word()
	for i, n := range names {
		if string(w) == n {
			return uint8(i)
		}
	}
	if len(w) > 2 && w[0] == '[' && w[len(w)-1] == ']' {
		if v, err := strconv.ParseUint(string(w[1:len(w)-1]), 10, 8); err == nil && int(v) >= len(names) {
			return uint8(v)
		}
	}
	p.fail(start, "unknown state %q", w)
	return 0
}
