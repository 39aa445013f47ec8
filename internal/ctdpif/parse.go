package ctdpif

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// SyntaxError is a line that is not what OVS prints.
type SyntaxError struct {
	In  string
	Off int
	Msg string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("conntrack dump %q: offset %d: %s", e.In, e.Off, e.Msg)
}

// Parse reads one line, without its newline.
func Parse(line string) (Line, error) {
	var l Line
	if err := ParseInto([]byte(line), &l); err != nil {
		return Line{}, err
	}
	return l, nil
}

// ParseInto is Parse for a buffer that is used again: l keeps nothing of it.
func ParseInto(line []byte, l *Line) error {
	*l = Line{}
	p := parser{in: line}
	p.line(l)
	if p.err != nil {
		*l = Line{}
		return p.err
	}
	return nil
}

// parser is a cursor over one line; the first error stays.
type parser struct {
	in  []byte
	off int
	err error
}

func (p *parser) fail(off int, format string, args ...any) {
	if p.err == nil {
		in := p.in
		if len(in) > 400 {
			in = in[:400]
		}
		p.err = &SyntaxError{In: string(in), Off: off, Msg: fmt.Sprintf(format, args...)}
	}
}

// skip takes s off the front if it is there.
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

// word takes the bytes up to a comma, a closing parenthesis or the end.
func (p *parser) word() []byte {
	if p.err != nil {
		return nil
	}
	n := bytes.IndexAny(p.in[p.off:], ",)")
	if n < 0 {
		n = len(p.in) - p.off
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
		if v > (limit-d)/10 || p.off > start && p.in[start] == '0' {
			p.fail(start, "number out of range")
			return 0
		}
		v = v*10 + d
		p.off++
	}
	if p.off == start {
		p.fail(start, "expected a number")
	}
	return v
}

func (p *parser) u8() uint8   { return uint8(p.number(1<<8 - 1)) }
func (p *parser) u16() uint16 { return uint16(p.number(1<<16 - 1)) }
func (p *parser) u32() uint32 { return uint32(p.number(1<<32 - 1)) }
func (p *parser) u64() uint64 { return p.number(1<<64 - 1) }

// line follows ct_dpif_format_entry item by item, in its order.
func (p *parser) line(l *Line) {
	l.Proto = p.proto()
	p.need(",orig=(")
	l.Orig, l.CountOrig = p.tuple(l.Proto)
	p.need(")")
	if p.skip(",reply=(") {
		l.HasReply = true
		l.Reply, l.CountRpl = p.tuple(l.Proto)
		p.need(")")
	}
	if p.skip(",start=") {
		l.Start = string(p.word())
		if p.skip(",stop=") {
			l.Stop = string(p.word())
		}
	}
	if p.skip(",id=") {
		l.HasID, l.ID = true, p.u32()
	}
	if p.skip(",zone=") {
		l.Zone = p.u16()
		if l.Zone == 0 {
			p.fail(p.off, "zone 0 is not printed")
		}
	}
	if p.skip(",status=") {
		l.HasStatus, l.Status = true, ctstate.Status(p.flags(statusFlags[:]))
	}
	if p.skip(",timeout=") {
		l.HasTimeout, l.Timeout = true, p.u32()
	}
	if p.skip(",mark=") {
		if l.Mark = p.u32(); l.Mark == 0 {
			p.fail(p.off, "mark 0 is not printed")
		}
	}
	if p.skip(",labels=0x") {
		l.Label = p.label()
	}
	if p.skip(",protoinfo=(") {
		p.protoInfo(l)
		p.need(")")
	}
	if p.skip(",helper=") {
		l.Helper = string(p.word())
	}
	if p.skip(",parent=(") {
		// The parent's protocol is not printed; an expected connection's helper
		// (FTP, TFTP) sees to it that it is the connection's own, but for
		// helpers to come.
		t, c := p.tuple(l.Proto)
		if c != (Counters{}) {
			p.fail(p.off, "counters of a parent")
		}
		l.Parent = &t
		p.need(")")
	}
	p.extra(l)
}

// extra keeps what a newer OVS adds: it has to look like further items, so
// that a known item out of its place is an error and not lost.
func (p *parser) extra(l *Line) {
	if p.err != nil || p.off == len(p.in) {
		return
	}
	rest := p.in[p.off:]
	key, _, found := bytes.Cut(rest, []byte("="))
	if rest[0] != ',' || !found || len(key) < 2 || knownKey(string(key[1:])) || bytes.ContainsAny(key[1:], ",()") {
		p.fail(p.off, "unexpected %q", rest[:min(len(rest), 20)])
		return
	}
	l.Extra = string(rest)
	p.off = len(p.in)
}

func knownKey(k string) bool {
	switch k {
	case "orig", "reply", "start", "stop", "id", "zone", "status", "timeout", "mark", "labels", "protoinfo", "helper", "parent":
		return true
	}
	return false
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

// tuple is ct_dpif_format_tuple, and the counters printed within its parentheses.
func (p *parser) tuple(proto uint8) (t Tuple, c Counters) {
	t.Proto = proto
	p.need("src=")
	src := p.addr()
	p.need(",dst=")
	dst := p.addr()
	if p.err == nil && src.Is4() != dst.Is4() {
		p.fail(p.off, "addresses of different families")
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

// addr reads an address; dotted ones by hand, being nearly all.
func (p *parser) addr() netip.Addr {
	start := p.off
	w := p.word()
	if p.err != nil {
		return netip.Addr{}
	}
	if bytes.IndexByte(w, ':') < 0 {
		end := p.off
		p.off = start
		var a [4]byte
		for i := range a {
			if i > 0 {
				p.need(".")
			}
			a[i] = p.u8()
		}
		if p.err == nil && p.off != end {
			p.fail(p.off, "not an address")
		}
		return netip.AddrFrom4(a)
	}
	a, err := netip.ParseAddr(string(w))
	if err != nil || a.Zone() != "" {
		p.fail(start, "not an address")
		return netip.Addr{}
	}
	return a
}

// flags is what appendFlags prints.
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

// label reads up to 32 hexadecimal digits, a 128-bit number.
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

func (p *parser) protoInfo(l *Line) {
	switch {
	case l.Proto == ctstate.ProtoTCP && p.skip("state="):
		l.TCP = &TCP{State: State(p.enum(tcpStates[:]))}
	case l.Proto == ctstate.ProtoTCP && p.skip("state_orig="):
		t := &TCP{Verbose: true, Orig: State(p.enum(tcpStates[:]))}
		p.need(",state_reply=")
		t.Reply = State(p.enum(tcpStates[:]))
		if p.skip(",wscale_orig=") {
			t.HasWScale, t.WScaleOrig = true, p.u8()
			p.need(",wscale_reply=")
			t.WScaleR = p.u8()
		}
		p.need(",flags_orig=")
		t.FlagsOrig = p.flags(tcpFlags[:])
		p.need(",flags_reply=")
		t.FlagsRpl = p.flags(tcpFlags[:])
		l.TCP = t
	case l.Proto == ctstate.ProtoSCTP && p.skip("state="):
		s := &SCTP{State: p.enum(sctpStates[:])}
		p.need(",vtag_orig=")
		s.VTagOrig = p.u32()
		p.need(",vtag_reply=")
		s.VTagRepl = p.u32()
		l.SCTP = s
	default:
		p.fail(p.off, "unknown protocol information")
	}
}
