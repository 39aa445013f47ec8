// Package ctlist reads what "conntrack -L -o extended" prints of the kernel's table: timeouts,
// states and helpers, which other dumps do not have. It shows no labels.
package ctlist

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// Entry is one line.
type Entry struct {
	Zone        uint16
	Orig, Reply ctstate.Tuple
	Timeout     uint32 // seconds
	HasTimeout  bool   // offloaded entries have none
	State       string // of TCP, SCTP and DCCP, as the kernel calls it; empty for others
	Unreplied   bool
	Assured     bool
	Mark        uint32
	Helper      string
}

// cursor reads a line word by word.
type cursor struct {
	in  string
	off int
}

// word returns the next word, and its place; empty at the end.
func (c *cursor) word() (string, int) {
	for c.off < len(c.in) && c.in[c.off] == ' ' {
		c.off++
	}
	at := c.off
	for c.off < len(c.in) && c.in[c.off] != ' ' {
		c.off++
	}
	return c.in[at:c.off], at
}

func (c *cursor) fail(at int, format string, args ...any) error {
	return &syntax.Error{What: "conntrack -L", In: c.in, Off: at, Msg: fmt.Sprintf(format, args...)}
}

// Parse reads a line (__snprintf_conntrack_default of libnetfilter_conntrack):
//
//	ipv4     2 tcp      6 97 ESTABLISHED src=10.0.0.3 dst=30.0.0.10 sport=4000 dport=80 src=20.0.0.4 dst=10.0.0.3 sport=8080 dport=4000 [ASSURED] mark=2 zone=7 use=1
//
// Words that it does not know are skipped. An error is a *syntax.Error, with the zero Entry.
func Parse(line string) (Entry, error) {
	c := &cursor{in: line}
	var e Entry
	if w, at := c.word(); w != "ipv4" && w != "ipv6" {
		return Entry{}, c.fail(at, "expected ipv4 or ipv6")
	}
	c.word() // the family's number
	c.word() // the protocol's name
	w, at := c.word()
	proto, err := strconv.ParseUint(w, 10, 8)
	if err != nil {
		return Entry{}, c.fail(at, "expected the protocol's number")
	}
	e.Orig.Proto, e.Reply.Proto = uint8(proto), uint8(proto)
	// The tuples follow each other: a second src begins the reply's.
	var t *ctstate.Tuple
	var sides [2]side
	n := -1
	for {
		w, at := c.word()
		if w == "" {
			break
		}
		key, value, pair := strings.Cut(w, "=")
		switch {
		case pair && key == "src":
			if n++; n > 1 {
				return Entry{}, c.fail(at, "a third tuple")
			}
			fallthrough
		case pair && n >= 0 && sides[min(n, 1)].takes(key):
			if err := sides[n].set(key, value); err != nil {
				return Entry{}, c.fail(at, "%v", err)
			}
		case pair:
			if err := e.set(key, value); err != nil {
				return Entry{}, c.fail(at, "%v", err)
			}
		case w == "[UNREPLIED]":
			e.Unreplied = true
		case w == "[ASSURED]":
			e.Assured = true
		case n < 0 && isNumber(w):
			v, err := strconv.ParseUint(w, 10, 32)
			if err != nil {
				return Entry{}, c.fail(at, "the timeout is out of range")
			}
			e.Timeout, e.HasTimeout = uint32(v), true
		case n < 0 && w[0] >= 'A' && w[0] <= 'Z':
			e.State = w
		}
	}
	if n != 1 {
		return Entry{}, c.fail(len(line), "expected two tuples")
	}
	for i, to := range []*ctstate.Tuple{&e.Orig, &e.Reply} {
		if t = to; !sides[i].into(t) {
			return Entry{}, c.fail(len(line), "a tuple has no addresses of one family")
		}
	}
	return e, nil
}

func isNumber(w string) bool {
	for _, c := range w {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// side is one direction as it is read.
type side struct {
	src, dst         netip.Addr
	sport, dport, id uint16
	typ, code        uint8
}

// takes reports whether a key belongs to a tuple.
func (s *side) takes(key string) bool {
	switch key {
	case "dst", "sport", "dport", "type", "code", "id":
		return true
	}
	return false
}

func (s *side) set(key, value string) (err error) {
	number := func(bits int) uint64 {
		v, nerr := strconv.ParseUint(value, 10, bits)
		if nerr != nil {
			err = fmt.Errorf("%s is no number of %d bits", key, bits)
		}
		return v
	}
	switch key {
	case "src":
		s.src, err = netip.ParseAddr(value)
	case "dst":
		s.dst, err = netip.ParseAddr(value)
	case "sport":
		s.sport = uint16(number(16))
	case "dport":
		s.dport = uint16(number(16))
	case "id":
		s.id = uint16(number(16))
	case "type":
		s.typ = uint8(number(8))
	case "code":
		s.code = uint8(number(8))
	}
	return err
}

// into sets a tuple; false without two addresses of one family.
func (s *side) into(t *ctstate.Tuple) bool {
	if !s.src.IsValid() || !s.dst.IsValid() || s.src.Is4() != s.dst.Is4() {
		return false
	}
	t.Src, t.Dst = netip.AddrPortFrom(s.src, s.sport), netip.AddrPortFrom(s.dst, s.dport)
	t.ICMPID, t.ICMPType, t.ICMPCode = s.id, s.typ, s.code
	return true
}

// set takes an item that belongs to no tuple.
func (e *Entry) set(key, value string) error {
	switch key {
	case "mark":
		v, err := strconv.ParseUint(value, 10, 32)
		e.Mark = uint32(v)
		return err
	case "zone", "zone-orig":
		v, err := strconv.ParseUint(value, 10, 16)
		e.Zone = uint16(v)
		return err
	case "helper":
		e.Helper = value
	}
	return nil
}

// List is a whole output.
type List struct {
	// Entries are by zone and original tuple.
	entries map[key]*Entry
	reply   map[key]*Entry
	helpers map[uint16]bool // zones with a connection that has a helper
	// Whole reports whether the number of entries is that which conntrack says it has shown.
	Whole bool
	v6    bool // it shows IPv6: conntrack before 1.4.6 shows IPv4 only
}

type key struct {
	zone uint16
	t    ctstate.Tuple
}

// maxLine is the longest line that is read, in bytes.
const maxLine = 64 << 10

// Read reads an output, in which error messages may stand anywhere.
func Read(in io.Reader) (*List, error) {
	l := &List{entries: map[key]*Entry{}, reply: map[key]*Entry{}, helpers: map[uint16]bool{}}
	sc := bufio.NewScanner(in)
	sc.Buffer(make([]byte, 4096), maxLine)
	shown, lines, bad := -1, 0, false
	sc.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			return i + 1, data[:i], nil
		}
		if atEOF && len(data) > 0 {
			bad = true // a line without its newline is cut
			return len(data), nil, nil
		}
		return 0, nil, nil
	})
	for sc.Scan() {
		b := sc.Bytes()
		if !bytes.HasPrefix(b, []byte("ipv")) {
			if n, ok := count(sc.Text()); ok {
				shown = n
			}
			continue
		}
		lines++
		e, err := Parse(sc.Text())
		if err != nil {
			bad = true
			continue
		}
		l.entries[key{e.Zone, e.Orig}], l.reply[key{e.Zone, e.Reply}] = &e, &e
		if e.Helper != "" {
			l.helpers[e.Zone] = true
		}
		l.v6 = l.v6 || e.Orig.Src.Addr().Is6()
	}
	l.Whole = shown == lines && !bad
	return l, sc.Err()
}

// count reads the line with which conntrack ends:
//
//	conntrack v1.4.7 (conntrack-tools): 6 flow entries have been shown.
func count(line string) (int, bool) {
	rest, ok := strings.CutSuffix(strings.TrimSpace(line), " flow entries have been shown.")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(rest[strings.LastIndexByte(rest, ' ')+1:])
	return n, err == nil
}

// Find returns the entry of which one direction is t.
func (l *List) Find(zone uint16, t ctstate.Tuple) (Entry, bool) {
	for _, m := range []map[key]*Entry{l.entries, l.reply} {
		if e := m[key{zone, t}]; e != nil {
			return *e, true
		}
	}
	return Entry{}, false
}

// Helpers reports whether a connection of a zone has a helper.
func (l *List) Helpers(zone uint16) bool { return l != nil && l.helpers[zone] }

// Knows reports whether an entry that Find does not find was not there.
func (l *List) Knows(t ctstate.Tuple) bool {
	return l.Whole && (l.v6 || t.Src.Addr().Is4())
}

// Len returns the number of entries.
func (l *List) Len() int { return len(l.entries) }
