package connection

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"
)

// Filter selects connections. Its zero value selects all; every member that is set must hold.
type Filter struct {
	Host netip.Addr // an address of any leg, before or after NAT
	// Expr holds for a packet of the original direction on the way into or out of a leg; see In.
	Expr     ovnexpr.Expr
	In       Part
	From, To []netip.Addr // an address of the client, or of the server, before or after NAT
	States   []string     // a state of StateOf in at least one leg
	Zones    []uint16     // a zone of at least one leg
	NAT      string       // "dnat", "snat", "any" or "none"
}

// Part says which tuples of a connection an expression is about.
type Part string

// The parts.
const (
	Anywhere   Part = ""           // before or after NAT of any leg
	Original   Part = "orig"       // as the client sends it
	Translated Part = "translated" // as the server receives it
)

// fields are the fields and predicates of OVN's language that an entry and its tuples have.
var fields = []string{"ct_mark", "ip", "ip4", "ip6", "tcp", "udp", "sctp", "icmp", "icmp4", "icmp6", "eth.type", "icmp4.code", "icmp4.type", "icmp6.code", "icmp6.type", "ip.proto", "ip4.dst", "ip4.src", "ip6.dst",
	"ip6.src", "sctp.dst", "sctp.src", "tcp.dst", "tcp.src", "udp.dst", "udp.src"}

// ParseFilter reads a filter: "host ADDRESS", or an expression of OVN's language, with "orig" or
// "translated" before it for one part of the connection. The empty text selects all. names resolves
// address sets; nil leaves them unresolved, to judge the rest of the filter. The error is a
// *ovnexpr.SyntaxError where the place of the fault is known.
func ParseFilter(in string, names ovnexpr.Names) (f Filter, err error) {
	text := strings.TrimSpace(in)
	first, rest, _ := strings.Cut(text, " ")
	switch first {
	case "":
		return f, nil
	case "host":
		rest = strings.TrimSpace(rest)
		f.Host, err = netip.ParseAddr(rest)
		if err != nil || f.Host.Zone() != "" {
			return f, &ovnexpr.SyntaxError{In: in, Off: strings.LastIndex(in, rest), Msg: fmt.Sprintf("%q is not an IP address", rest), Hint: "host 10.0.0.3"}
		}
		f.Host = f.Host.Unmap()
		return f, nil
	case string(Original), string(Translated):
		f.In = Part(first)
	default:
		rest = text
	}
	off := strings.LastIndex(in, rest)
	f.Expr, err = ovnexpr.Parse(rest, ovnexpr.Options{Names: names, KeepNames: names == nil})
	if err == nil {
		err = f.judge(rest)
	}
	var syntax *ovnexpr.SyntaxError
	if errors.As(err, &syntax) {
		moved := *syntax
		moved.In, moved.Off = in, off+syntax.Off
		return f, &moved
	}
	return f, err
}

// judge refuses an expression about what no entry has, and one that nothing meets.
func (f *Filter) judge(text string) error {
	for c := range ovnexpr.Compares(f.Expr) {
		name := c.Field.Name
		if s := c.Field.Symbol(); s != nil {
			name = s.Base().Name
		}
		if !slices.Contains(fields, name) {
			from, _ := c.Span()
			return &ovnexpr.SyntaxError{In: text, Off: from, Msg: fmt.Sprintf("a conntrack entry has no %s", c.Field), Hint: "fields: " + strings.Join(fields, ", ")}
		}
	}
	clauses, err := f.clauses()
	if err == nil && len(clauses) == 0 {
		return contradiction(f.Expr, text)
	}
	return nil
}

// contradiction is the error of an expression that nothing meets. It marks the second of two terms
// that cannot both hold, if there are such.
func contradiction(e ovnexpr.Expr, text string) error {
	out := &ovnexpr.SyntaxError{In: text, Msg: "no packet meets this filter: it contradicts itself"}
	terms := ovnexpr.Terms(e)
	for i, b := range terms {
		for _, a := range terms[:i] {
			both, err := new(ovnexpr.Normalizer).Clauses(ovnexpr.Annotate(ovnexpr.Lower(a)), ovnexpr.Annotate(ovnexpr.Lower(b)))
			if err == nil && len(both) == 0 {
				out.Off, _ = b.Span()
				out.Hint = fmt.Sprintf("%s and %s cannot both hold", a, b)
				return out
			}
		}
	}
	return out
}

func (f *Filter) clauses() ([]ovnexpr.Clause, error) {
	return new(ovnexpr.Normalizer).Clauses(ovnexpr.Annotate(ovnexpr.Lower(f.Expr)))
}

// Addrs returns addresses of which every selected connection has one, so that only their entries
// need to be read; ok is false if the filter does not name such addresses.
func (f *Filter) Addrs() (addrs []netip.Addr, ok bool) {
	if f.Host.IsValid() {
		return []netip.Addr{f.Host}, true
	}
	if f.Expr != nil {
		if addrs, ok = f.exprAddrs(); ok {
			return addrs, true
		}
	}
	switch {
	case len(f.From) > 0:
		return f.From, true
	case len(f.To) > 0:
		return f.To, true
	}
	return nil, false
}

// exprAddrs returns the addresses of which each alternative of the expression demands one.
func (f *Filter) exprAddrs() ([]netip.Addr, bool) {
	clauses, err := f.clauses()
	if err != nil {
		return nil, false
	}
	set := map[netip.Addr]bool{}
	for _, c := range clauses {
		found := false
		for sym, cubes := range c {
			if a, ok := cubeAddrs(sym, cubes); ok && !found {
				found = true
				for _, ip := range a {
					set[ip] = true
				}
			}
		}
		if !found {
			return nil, false
		}
	}
	return slices.SortedFunc(maps.Keys(set), netip.Addr.Compare), true
}

// Mark returns the bits of its mark that an entry of every selected connection has, of those in
// mask; mask is 0 if the filter demands none.
func (f *Filter) Mark() (mark, mask uint32) {
	if f.Expr == nil {
		return 0, 0
	}
	clauses, err := f.clauses()
	if err != nil {
		return 0, 0
	}
	for i, c := range clauses {
		var m, k uint32
		for sym, cubes := range c {
			if sym.Base().Name == "ct_mark" && len(cubes) == 1 {
				m, k = uint32(cubes[0].Val.Lo), uint32(cubes[0].Mask.Lo)
			}
		}
		if k == 0 || i > 0 && (m != mark || k != mask) {
			return 0, 0
		}
		mark, mask = m, k
	}
	return mark, mask
}

// Status returns the bits of its status that an entry of the kernel has in every selected
// connection.
func (f *Filter) Status() ctstate.Status {
	switch {
	case f.NAT == "dnat":
		return ctstate.DstNAT
	case f.NAT == "snat":
		return ctstate.SrcNAT
	case len(f.States) == 1 && f.States[0] == "REPLIED":
		return ctstate.SeenReply
	}
	return 0
}

// cubeAddrs returns the addresses of the cubes of an address field, if each is one whole address.
func cubeAddrs(sym *ovnexpr.Symbol, cubes []ovnexpr.Cube) (out []netip.Addr, ok bool) {
	name := sym.Base().Name
	v4 := name == "ip4.src" || name == "ip4.dst"
	if !v4 && name != "ip6.src" && name != "ip6.dst" {
		return nil, false
	}
	for _, c := range cubes {
		if c.Mask != u128.Ones(0, sym.Width) {
			return nil, false
		}
		b := c.Val.Bytes()
		ip := netip.AddrFrom16(b)
		if v4 {
			ip = netip.AddrFrom4([4]byte(b[12:]))
		}
		out = append(out, ip)
	}
	return out, len(out) > 0
}

// Match reports whether the filter selects a connection.
func (f *Filter) Match(c *Connection) bool {
	return (!f.Host.IsValid() || c.has(f.Host)) &&
		(f.Expr == nil || f.meets(c)) &&
		(len(f.From) == 0 || c.any(func(_ *ctstate.Entry, t ctstate.Tuple) bool { return slices.Contains(f.From, t.Src.Addr()) })) &&
		(len(f.To) == 0 || c.any(func(_ *ctstate.Entry, t ctstate.Tuple) bool { return slices.Contains(f.To, t.Dst.Addr()) })) &&
		(len(f.States) == 0 || slices.ContainsFunc(c.Legs, func(l Record) bool { return slices.Contains(f.States, StateOf(&l.Entry)) })) &&
		(len(f.Zones) == 0 || slices.ContainsFunc(c.Legs, func(l Record) bool { return slices.Contains(f.Zones, l.Entry.Zone) })) &&
		f.translates(c)
}

func (f *Filter) translates(c *Connection) bool {
	if f.NAT == "" {
		return true
	}
	kinds := ""
	for i := range c.Legs {
		kinds += NATOf(&c.Legs[i].Entry) + " "
	}
	switch f.NAT {
	case "any":
		return strings.TrimSpace(kinds) != ""
	case "none":
		return strings.TrimSpace(kinds) == ""
	}
	return strings.Contains(kinds, f.NAT)
}

// any reports whether a tuple before or after the NAT of a leg meets a condition.
func (c *Connection) any(is func(*ctstate.Entry, ctstate.Tuple) bool) bool {
	return slices.ContainsFunc(c.Legs, func(l Record) bool { return is(&l.Entry, l.Entry.Orig) || is(&l.Entry, After(&l.Entry)) })
}

func (c *Connection) has(a netip.Addr) bool {
	return c.any(func(_ *ctstate.Entry, t ctstate.Tuple) bool { return t.Src.Addr() == a || t.Dst.Addr() == a })
}

func (f *Filter) meets(c *Connection) bool {
	is := func(e *ctstate.Entry, t ctstate.Tuple) bool {
		return ovnexpr.Eval(f.Expr, view{t, e}) == ovnexpr.Known(true)
	}
	switch f.In {
	case Original:
		return is(&c.Legs[0].Entry, c.Orig())
	case Translated:
		return is(&c.Legs[len(c.Legs)-1].Entry, c.Translated())
	}
	return c.any(is)
}

// view shows a tuple of an entry as a packet of OVN's language.
type view struct {
	tuple ctstate.Tuple
	entry *ctstate.Entry
}

// Field returns a field that the tuple or its entry has.
func (v view) Field(name string) (ovnexpr.Value, bool) {
	t := v.tuple
	if name == "ct_mark" {
		return ovnexpr.Number(uint64(v.entry.Mark)), true
	}
	proto, part, _ := strings.Cut(name, ".")
	end := t.Src
	if part == "dst" {
		end = t.Dst
	}
	switch proto {
	case "eth":
		if t.IsIPv6() {
			return ovnexpr.Number(0x86dd), name == "eth.type"
		}
		return ovnexpr.Number(0x0800), name == "eth.type"
	case "ip":
		return ovnexpr.Number(uint64(t.Proto)), name == "ip.proto"
	case "ip4", "ip6":
		return ovnexpr.Value{Num: u128.FromBytes(end.Addr().AsSlice())}, end.Addr().Is6() == (proto == "ip6")
	case "tcp", "udp", "sctp":
		return ovnexpr.Number(uint64(end.Port())), ctstate.ProtoName(t.Proto) == proto
	case "icmp4", "icmp6":
		if part == "type" {
			return ovnexpr.Number(uint64(t.ICMPType)), true
		}
		return ovnexpr.Number(uint64(t.ICMPCode)), true
	}
	return ovnexpr.Value{}, false
}

// Members returns nothing: Parse has resolved the sets.
func (view) Members(string) []ovnexpr.Constant { return nil }

// Resident returns unknown.
func (view) Resident(string) ovnexpr.Truth { return ovnexpr.Unknown }
