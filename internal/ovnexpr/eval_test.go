package ovnexpr

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"
)

// packet has the known fields, and the members of names.
type packet struct {
	fields    map[string]Value
	members   map[string][]Constant
	residents map[string]Truth
}

func (p packet) Field(name string) (Value, bool) {
	v, known := p.fields[name]
	return v, known
}

func (p packet) Members(name string) []Constant { return p.members[name] }
func (p packet) Resident(port string) Truth     { return p.residents[port] }

// flow makes a packet of NAME=NUMBER, NAME="STRING".
func flow(t *testing.T, text string) packet {
	t.Helper()
	p := packet{
		fields: map[string]Value{},
		members: map[string][]Constant{"$as": Addresses([]string{"10.0.0.0/30", "bad", "10.0.9.9"}), "@pg": Ports([]string{"p1", "p2"}),
			"$two": Addresses([]string{"10.0.0.1", "10.0.0.9"})},
		residents: map[string]Truth{"here": Yes, "there": No},
	}
	for field := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(field, "=")
		if text, isStr := strings.CutPrefix(value, `"`); isStr {
			p.fields[name] = Value{Str: strings.TrimSuffix(text, `"`)}
			continue
		}
		n, ok := ParseNumber(value)
		if !ok {
			t.Fatalf("%s is no number", value)
		}
		p.fields[name] = Value{Num: n}
	}
	return p
}

const tcpFlow = `eth.type=0x800 ip.proto=6 eth.dst=01:00:5e:00:00:01 ip4.src=10.0.0.3 ip4.dst=20.0.0.3 tcp.dst=81 ` +
	`ct_state=0x21 reg0=0x280 reg1=0 flags=9 inport="p1" new_field=5`

func TestEval(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Truth
	}{
		{`1`, Yes}, {`!1`, No}, {`0 || 1`, Yes},
		{`tcp`, Yes}, {`udp`, No}, {`!udp`, Yes}, {`tcp == 0`, No}, {`!(tcp == 0)`, Yes}, {`tcp != 1`, No},
		{`tcp.dst == 81`, Yes}, {`tcp.dst == {80, 81}`, Yes}, {`tcp.dst != {80, 81}`, No}, {`!(tcp.dst == {80, 81})`, No},
		{`!(tcp.dst != {80, 82})`, No}, {`tcp.dst[0]`, Yes}, {`tcp.dst[1..3] == 0`, Yes}, {`80 < tcp.dst < 82`, Yes},
		{`!(80 < tcp.dst < 82)`, No}, {`80 < tcp.dst <= 80`, No}, {`82 > tcp.dst`, Yes}, {`tcp.dst >= 82`, No},
		// The prerequisites of a field also apply under !, the expansion of a predicate is negated.
		{`udp.dst == 53`, No}, {`!(udp.dst == 53)`, No}, {`!(udp.dst == 53 || ip6)`, No}, {`!(udp && udp.dst == 53)`, Yes},
		{`ip4.src == 10.0.0.0/24`, Yes}, {`ip4.src == 10.0.0.1/255.0.0.255`, No}, {`ip4.src == 10.9.9.3/255.0.0.255`, Yes},
		{`ip4.src != 10.0.0.0/24`, No}, {`ip4.src < 10.0.0.4`, Yes}, {`ip4.src[8..31] == 0xa0000`, Yes},
		{`eth.mcast`, Yes}, {`ip4.mcast`, No}, {`ct.new`, Yes}, {`ct.est`, No}, {`!ct.est`, Yes},
		{`reg0[7] == 1`, Yes}, {`reg0[8..11] == 2`, Yes}, {`flags.loopback`, Yes}, {`flags.localnet`, No}, {`reg0 == 0.0.2.128`, Yes},
		{`ip4.src == $as`, Yes}, {`ip4.src != $as`, No}, {`ip4.dst == {1.1.1.1, $as}`, No}, {`inport == @pg`, Yes}, {`!(inport == @pg)`, No},
		{`ip4.src > $two`, No}, {`!(ip4.src > $two)`, Yes}, {`ip4.src >= 10.0.0.3`, Yes},
		{`reg1 == $as`, No}, // what is no address is not a member
		{`inport == "p1"`, Yes}, {`inport != "p1"`, No},
		{`is_chassis_resident("here") && !is_chassis_resident("there")`, Yes}, {`is_chassis_resident("x")`, Unknown},
		{`!is_chassis_resident("x")`, Unknown},

		// Unknown fields.
		{`outport == "p1"`, Unknown}, {`tcp.src == 1`, Unknown}, {`tcp.src == 1 && udp`, No}, {`tcp.src == 1 || tcp`, Yes},
		{`udp.src == 1`, No}, {`xxreg0 == 0`, Unknown}, {`ip4.src == $other`, Unknown}, {`ip4.src == ^vip`, Unknown}, {`tcp.flags == 2`, Unknown},
		{`later_field == 5`, Unknown}, {`later.field[3]`, Unknown}, {`new_field == 5`, Yes}, {`new_field[1]`, No}, {`new_field > 5`, No},
		{`later("x") && tcp`, Unknown}, {`later("x") && udp`, No}, {`!later("x")`, Unknown}, {`tcp.dst ~ 5 || tcp`, Yes},
		// OVN refuses these: they are installed on no chassis.
		{`inport == 5`, Unknown}, {`tcp.dst == "x"`, Unknown}, {`ip.proto == 1234`, Unknown}, {`inport < "p2"`, Unknown},
		{`ip4.src > 10.0.0.0/24`, Unknown}, {`tcp < 1`, Unknown}, {`inport`, Unknown},
		// A user's ACL may mix && and ||.
		{`udp && ip4 || tcp`, Yes}, {`tcp || udp && ip6`, Yes}, {`(tcp || udp) && ip6`, No}, {`!!tcp`, Yes},
	} {
		e, err := Parse(c.in, Options{Lenient: true})
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := Eval(e, flow(t, tcpFlow)); got != c.want {
			t.Errorf("%s: %d, want %d", c.in, got, c.want)
		}
	}
}

// TestEvalOpen checks that a comparison which is left open is so only on a packet with its field.
func TestEvalOpen(t *testing.T) {
	for in, want := range map[string]Truth{`tcp.dst == 81`: Unknown, `udp.dst == 81`: No} {
		e, err := Parse(in, Options{})
		if err != nil {
			t.Fatal(err)
		}
		e.(*Compare).Open = true
		if got := Eval(e, flow(t, tcpFlow)); got != want {
			t.Errorf("%s: %d, want %d", in, got, want)
		}
	}
}

// random makes expressions and packets.
type random struct{ *rand.Rand }

func (r random) pick(of ...string) string { return of[r.IntN(len(of))] }

// condition is about fields of few values, so that packets meet it now and then.
func (r random) condition() string {
	n := func() int { return r.IntN(5) }
	op := func() string { return r.pick("==", "!=", "<", "<=", ">", ">=") }
	switch r.IntN(9) {
	case 0:
		return r.pick("ip4", "ip6", "tcp", "udp", "icmp4", "icmp6", "nd_ns", "eth.mcast", "eth.bcast", "vlan.present",
			"ct.trk", "ct.new", "flags.loopback", "ip.is_frag", "ip.first_frag", "1", "0")
	case 1:
		return fmt.Sprintf("%s == {%d, %d}", r.pick("tcp.dst", "reg0", "ip.ttl", "icmp4.type", "udp.src"), n(), n())
	case 2:
		return fmt.Sprintf("%s != {%d, %d}", r.pick("tcp.dst", "reg0", "xxreg0", "udp.src"), n(), n())
	case 3:
		return fmt.Sprintf("%d %s %s %s %d", n(), r.pick("<", "<="), r.pick("tcp.dst", "reg0", "ip4.src"), r.pick("<", "<="), n())
	case 4:
		return fmt.Sprintf("%s == 0.0.0.%d/0.0.0.%d", r.pick("ip4.src", "ip4.dst", "reg0"), n(), n())
	case 5:
		return fmt.Sprintf("inport == %s", r.pick(`"p1"`, `{"p1", "p2"}`))
	case 6:
		return fmt.Sprintf("%s %s %d", r.pick("tcp.dst[1..2]", "reg0[0..1]", "ip4.src[1..2]", "ct_mark[0..2]"), op(), n())
	case 7:
		return fmt.Sprintf("is_chassis_resident(%s)", r.pick(`"here"`, `"there"`))
	}
	return fmt.Sprintf("%s %s %d", r.pick("tcp.dst", "udp.dst", "ip4.src", "ip6.dst", "reg0", "ct_mark", "ip.frag", "vlan.vid"), op(), n())
}

func (r random) expr(depth int) string {
	if depth == 0 || r.IntN(3) == 0 {
		return r.condition()
	}
	switch r.IntN(3) {
	case 0:
		return "!(" + r.expr(depth-1) + ")"
	case 1:
		return "(" + r.expr(depth-1) + ") && (" + r.expr(depth-1) + ")"
	}
	return "(" + r.expr(depth-1) + ") || (" + r.expr(depth-1) + ")"
}

// strict makes an expression that OVN accepts.
func (r random) strict() (string, Expr) {
	for {
		in := r.expr(3)
		if e, err := Parse(in, Options{}); err == nil {
			return in, e
		}
	}
}

// packet has every field of the table that is not part of another.
func (r random) packet() packet {
	p := packet{fields: map[string]Value{}, residents: map[string]Truth{"here": Yes, "there": No}}
	for sym := range Symbols() {
		if sym.parent != nil || sym.Predicate() {
			continue
		}
		p.fields[sym.Name] = Value{Num: u128.Uint{Lo: r.Uint64N(6)}.And(u128.Ones(0, max(1, sym.Width)))}
		if sym.IsStr() {
			p.fields[sym.Name] = Value{Str: r.pick("p1", "p2", "p3")}
		}
	}
	number := func(name string, of ...uint64) { p.fields[name] = Value{Num: u128.Uint{Lo: of[r.IntN(len(of))]}} }
	number("eth.type", 0x800, 0x800, 0x86dd, 0x806)
	number("ip.proto", 1, 6, 6, 17, 58)
	number("eth.dst", 1<<40, 2, 1<<48-1)
	number("ct_state", 0, 0x20, 0x21)
	number("vlan.tci", 0, 0x1002)
	number("icmp6.type", 135, 136)
	number("ip.ttl", 255, 3)
	return p
}

// forget returns the packet with some fields unknown.
func (r random) forget(p packet) packet {
	out := packet{fields: map[string]Value{}, residents: map[string]Truth{}}
	for _, known := range slices.Sorted(maps.Keys(p.fields)) {
		if r.IntN(3) > 0 {
			out.fields[known] = p.fields[known]
		}
	}
	for _, port := range slices.Sorted(maps.Keys(p.residents)) {
		if r.IntN(2) > 0 {
			out.residents[port] = p.residents[port]
		}
	}
	return out
}

const rounds = 5000

// each calls f with random expressions and packets; it counts the outcomes, all of which must come.
func each(t *testing.T, f func(r random, in string, e Expr, p packet) Truth) {
	r := random{rand.New(rand.NewPCG(1, 2))}
	var count [3]int
	for range rounds {
		in, e := r.strict()
		count[f(r, in, e, r.packet())]++
	}
	if count[Yes] < rounds/50 || count[No] < rounds/50 {
		t.Errorf("outcomes are too uneven: %d unknown, %d no, %d yes", count[Unknown], count[No], count[Yes])
	}
}

// TestEvalNormalForm checks that an expression holds exactly where one of its alternatives does.
func TestEvalNormalForm(t *testing.T) {
	each(t, func(r random, in string, e Expr, p packet) Truth {
		n := Normalizer{Resident: func(port string) bool { return p.residents[port] == Yes }}
		alts, err := n.Clauses(Annotate(Lower(e)))
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		want := Known(slices.ContainsFunc(alts, func(c Clause) bool { return c.holds(p) }))
		got := Eval(e, p)
		if got != want {
			t.Fatalf("%s: %d, its normal form %d\n%v", in, got, want, p.fields)
		}
		return got
	})
}

// holds reports whether a packet of which every field is known is one of a clause.
func (c Clause) holds(p packet) bool {
	for sym, cubes := range c {
		v := p.fields[sym.Name]
		if !slices.ContainsFunc(cubes, func(c Cube) bool { return c.Str == v.Str && c.Val.Xor(v.Num).And(c.Mask).IsZero() }) {
			return false
		}
	}
	return true
}

// TestEvalPartly checks that a result for a partly known packet is also that of the whole one.
func TestEvalPartly(t *testing.T) {
	unknown := 0
	each(t, func(r random, in string, e Expr, p packet) Truth {
		whole, part := Eval(e, p), Eval(e, r.forget(p))
		if whole == Unknown || part != Unknown && part != whole {
			t.Fatalf("%s: %d, with less known %d\n%v", in, whole, part, p.fields)
		}
		if part == Unknown {
			unknown++
		}
		return whole
	})
	if unknown < rounds/50 {
		t.Errorf("only %d of %d outcomes were unknown", unknown, rounds)
	}
}

// TestEvalNot checks that never both an expression and its negation hold, and that one of them does
// unless a field is missing.
func TestEvalNot(t *testing.T) {
	each(t, func(r random, in string, e Expr, p packet) Truth {
		p = r.forget(p)
		got, negated := Eval(e, p), Eval(Not{Of: e}, p)
		lacks := false
		for c := range Compares(e) {
			lacks = lacks || !c.Field.sym.Predicate() && c.Field.Applies(p) != Yes
		}
		switch {
		case got == Yes && negated == Yes:
			t.Fatalf("%s holds, and its negation does\n%v", in, p.fields)
		case !lacks && negated != got.Not():
			t.Fatalf("%s: %d, its negation %d\n%v", in, got, negated, p.fields)
		case Eval(Not{Of: Not{Of: e}}, p) != got:
			t.Fatalf("%s: %d, negated twice something else\n%v", in, got, p.fields)
		}
		return got
	})
}

// TestEvalDeMorgan checks !(a && b) against !a || !b, and the other way around.
func TestEvalDeMorgan(t *testing.T) {
	each(t, func(r random, in string, a Expr, p packet) Truth {
		_, b := r.strict()
		p = r.forget(p)
		both, either := And{Of: []Expr{a, b}}, Or{Of: []Expr{a, b}}
		not := []Expr{Not{Of: a}, Not{Of: b}}
		if x, y := Eval(Not{Of: both}, p), Eval(Or{Of: not}, p); x != y {
			t.Fatalf("!(%s && %s): %d and %d", a, b, x, y)
		}
		if x, y := Eval(Not{Of: either}, p), Eval(And{Of: not}, p); x != y {
			t.Fatalf("!(%s || %s): %d and %d", a, b, x, y)
		}
		return Eval(both, p)
	})
}
