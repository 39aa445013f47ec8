package ctdpif

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// opaque is a line that cannot be parsed: the error, which contains the line, and the parts that
// restrict which connections it can describe.
type opaque struct {
	err         *syntax.Error
	zone        known[uint16]
	proto       known[uint8]
	orig, reply side
	helper      bool
}

// known is a value that is unknown if it could not be parsed.
type known[T comparable] struct {
	value T
	ok    bool
}

func (k known[T]) may(v T) bool { return !k.ok || k.value == v }

// side holds the parts of one direction's tuple that could be parsed.
type side struct {
	src, dst             known[netip.Addr]
	sport, dport, icmpID known[uint16]
	icmpType, icmpCode   known[uint8]
}

// readOpaque takes what it can from a line that does not parse.
func readOpaque(err *syntax.Error) opaque {
	o := opaque{err: err}
	line := []byte(err.In)
	first := bytes.IndexByte(line, ',')
	if first < 0 {
		return o
	}
	o.proto = protoNumber(line[:first])
	seen := map[string]int{}
	for rest := line[first:]; len(rest) > 1 && rest[0] == ','; {
		n := itemLen(rest[1:])
		if n < 0 {
			break
		}
		key, value, _ := bytes.Cut(rest[1:1+n], []byte("="))
		rest = rest[1+n:]
		seen[string(key)]++
		switch string(key) {
		case "zone":
			o.zone = number[uint16](value, 16)
		case "orig":
			o.orig = readSide(value)
		case "reply":
			o.reply = readSide(value)
		}
	}
	// If an item occurs twice, its value is unknown.
	if seen["zone"] > 1 {
		o.zone.ok = false
	}
	if seen["orig"] > 1 {
		o.orig = side{}
	}
	if seen["reply"] > 1 {
		o.reply = side{}
	}
	o.helper = bytes.Contains(line, []byte("helper"))
	return o
}

// protoNumber returns a protocol's number; an unknown name can be any protocol.
func protoNumber(word []byte) known[uint8] {
	for _, n := range protocols {
		if string(word) == n.name {
			return known[uint8]{n.num, true}
		}
	}
	return number[uint8](word, 8)
}

func number[T uint8 | uint16](word []byte, bits int) known[T] {
	v, err := strconv.ParseUint(string(word), 10, bits)
	return known[T]{T(v), err == nil}
}

// readSide parses "(src=...,dst=...,...)" up to the first error.
func readSide(value []byte) (s side) {
	value = bytes.TrimSuffix(bytes.TrimPrefix(value, []byte("(")), []byte(")"))
	for item := range bytes.SplitSeq(value, []byte(",")) {
		key, v, _ := bytes.Cut(item, []byte("="))
		switch string(key) {
		case "src":
			s.src = address(v)
		case "dst":
			s.dst = address(v)
		case "sport":
			s.sport = number[uint16](v, 16)
		case "dport":
			s.dport = number[uint16](v, 16)
		case "id":
			s.icmpID = number[uint16](v, 16)
		case "type":
			s.icmpType = number[uint8](v, 8)
		case "code":
			s.icmpCode = number[uint8](v, 8)
		}
	}
	return s
}

func address(text []byte) known[netip.Addr] {
	a, err := netip.ParseAddr(string(text))
	return known[netip.Addr]{a, err == nil}
}

// may reports whether the direction can be that of a packet with the tuple.
func (s *side) may(t ctstate.Tuple) bool {
	ports := s.sport.may(t.Src.Port()) && s.dport.may(t.Dst.Port())
	if _, loose := portless(t); loose {
		ports = ports || s.sport.may(0) && s.dport.may(0)
	}
	return s.src.may(t.Src.Addr()) && s.dst.may(t.Dst.Addr()) && ports &&
		s.icmpID.may(t.ICMPID) && s.icmpType.may(t.ICMPType) && s.icmpCode.may(t.ICMPCode)
}

// mayBeBack reports whether the tuple can be that of the direction opposite to s, which could not
// be parsed. NAT changes at most one of the two addresses (nat_get_unique_tuple).
func (s *side) mayBeBack(t ctstate.Tuple) bool {
	return s.src.may(t.Dst.Addr()) || s.dst.may(t.Src.Addr())
}

// may reports whether the line can describe the connection of a packet with the tuple.
func (o *opaque) may(t ctstate.Tuple) bool {
	if !o.proto.may(t.Proto) {
		return false
	}
	unread := side{}
	switch {
	case o.reply == unread:
		return o.orig.may(t) || o.orig.mayBeBack(t)
	case o.orig == unread:
		return o.reply.may(t) || o.reply.mayBeBack(t)
	}
	return o.orig.may(t) || o.reply.may(t)
}

// mayEcho is may without a comparison of ICMP ids.
func (o *opaque) mayEcho(t ctstate.Tuple) bool {
	any := *o
	any.orig.icmpID.ok, any.reply.icmpID.ok = false, false
	return any.may(t)
}

// maxOpaque is how many of a zone's unreadable lines are kept.
const maxOpaque = 1000

// opaques are the unreadable lines of a zone.
type opaques struct {
	list []opaque
	more int // how many are not in list: they can be any connection
}

func (os *opaques) add(o opaque) {
	if len(os.list) < maxOpaque {
		os.list = append(os.list, o)
	} else {
		os.more++
	}
}

// check returns an UnreadableError if one of the lines can be the answer to a look-up.
func (os *opaques) check(may func(*opaque) bool) error {
	i := slices.IndexFunc(os.list, func(o opaque) bool { return may(&o) })
	switch {
	case i >= 0:
		return &UnreadableError{Line: os.list[i].err}
	case os.more > 0:
		return &UnreadableError{Line: os.list[0].err, More: os.more}
	}
	return nil
}

// UnreadableError reports a look-up without a certain answer, because a line that cannot be parsed
// may be the connection. More is the number of such lines beyond those that were kept.
type UnreadableError struct {
	Line *syntax.Error
	More int
}

func (e *UnreadableError) Error() string {
	if e.More > 0 {
		return fmt.Sprintf("%d lines of the zone cannot be read, any of which may be this connection; the first: %v", e.More+maxOpaque, e.Line)
	}
	return "a line that cannot be read may be this connection: " + e.Line.Error()
}

// Unwrap returns the line's syntax error.
func (e *UnreadableError) Unwrap() error { return e.Line }
