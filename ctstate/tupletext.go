package ctstate

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseTuple reads what Tuple.String returns. Any other text is a *SyntaxError, and the tuple zero:
// so are an address with a zone, and two addresses of different families. An IPv4-mapped IPv6
// address is unmapped.
func ParseTuple(in string) (Tuple, error) {
	c := tupleCursor{in: in}
	t := c.tuple()
	if c.err != nil {
		return Tuple{}, c.err
	}
	return t, nil
}

// tupleCursor walks a tuple's text and keeps the first error.
type tupleCursor struct {
	in  string
	off int
	err error
}

func (c *tupleCursor) fail(off int, msg string) {
	if c.err == nil {
		c.err = &SyntaxError{In: c.in, Off: off, Msg: msg}
	}
}

// until takes the text before stop and steps over stop; stop 0 means the end.
func (c *tupleCursor) until(stop byte) (string, int) {
	start := c.off
	if stop == 0 {
		c.off = len(c.in)
		return c.in[start:], start
	}
	i := strings.IndexByte(c.in[start:], stop)
	if i < 0 {
		c.fail(len(c.in), fmt.Sprintf("want %q", stop))
		c.off = len(c.in)
		return "", start
	}
	c.off = start + i + 1
	return c.in[start : start+i], start
}

func (c *tupleCursor) tuple() Tuple {
	var t Tuple
	word, off := c.until(' ')
	proto, ok := ParseProto(word)
	if !ok {
		c.fail(off, "unknown protocol")
		return Tuple{}
	}
	t.Proto = proto
	t.Src = c.endpoint('>', HasPorts(proto))
	if !isICMP(proto) {
		t.Dst = c.endpoint(0, HasPorts(proto))
	} else {
		t.Dst = c.endpoint(' ', false)
		t.ICMPType = uint8(c.number("type=", ' ', 8))
		t.ICMPCode = uint8(c.number("code=", ' ', 8))
		t.ICMPID = uint16(c.number("id=", 0, 16))
	}
	if c.err == nil && t.Src.Addr().Is4() != t.Dst.Addr().Is4() {
		c.fail(0, "addresses of two families")
	}
	return t
}

func (c *tupleCursor) endpoint(stop byte, ports bool) netip.AddrPort {
	word, off := c.until(stop)
	if c.err != nil {
		return netip.AddrPort{}
	}
	var ap netip.AddrPort
	var err error
	if ports {
		ap, err = netip.ParseAddrPort(word)
	} else {
		var a netip.Addr
		a, err = netip.ParseAddr(word)
		ap = netip.AddrPortFrom(a, 0)
	}
	if err != nil || ap.Addr().Zone() != "" {
		c.fail(off, "not an address")
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func (c *tupleCursor) number(key string, stop byte, bits int) uint64 {
	word, off := c.until(stop)
	rest, ok := strings.CutPrefix(word, key)
	n, err := strconv.ParseUint(rest, 10, bits)
	if !ok || err != nil {
		c.fail(off, "want "+key+"NUMBER")
		return 0
	}
	return n
}
