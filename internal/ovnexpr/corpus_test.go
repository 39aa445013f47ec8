package ovnexpr

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// written are the expressions in testdata, written by users or for logical flows.
func written(t testing.TB) (people, lflows []string) {
	read := func(pattern string) (out []string) {
		for _, file := range testenv.Corpus(t, pattern) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for lines := bufio.NewScanner(f); lines.Scan(); {
				// Answers are indented in testdata/microflow.
				if line := lines.Text(); line != "" && line[0] != '#' && !strings.HasPrefix(line, "    ") {
					out = append(out, line)
				}
			}
		}
		return out
	}
	return read("../../testdata/microflow/*.txt"), read("../../testdata/ovnexpr/lflow-*.txt")
}

// members resolves every name.
type members struct{}

func (members) AddressSet(string) ([]string, bool) { return []string{"10.0.0.1", "10.0.1.0/24"}, true }
func (members) PortGroup(string) ([]string, bool)  { return []string{"p1", "p2"}, true }

// modes are the ways to read an expression.
var modes = map[string]Options{
	"strict":     {Names: members{}},
	"keep names": {KeepNames: true},
	"lenient":    {Lenient: true},
}

// TestPrintParse checks that what is printed reads back as the same expression.
func TestPrintParse(t *testing.T) {
	people, lflows := written(t)
	for name, o := range modes {
		n := 0
		for _, in := range append(people, lflows...) {
			if printParse(t, in, o) {
				n++
			}
		}
		if n < 1000 {
			t.Errorf("%s: only %d expressions could be read", name, n)
		}
	}
}

// TestPrint checks the spelling.
func TestPrint(t *testing.T) {
	for in, want := range map[string]string{
		`( ip4&&(tcp) )`:                                     `ip4 && tcp`,
		`(ip4 && (tcp || udp)) && 1`:                         `(ip4 && (tcp || udp)) && 1`,
		`ip4.src == {10.0.0.1/24 10.1.1.1, $as}`:             `ip4.src == {10.0.0.0/24, 10.1.1.1, $as}`,
		`ip4.src == 10.0.0.1/255.255.0.0`:                    `ip4.src == 10.0.0.0/16`,
		`ip4.src == 10.0.0.1/255.0.0.255`:                    `ip4.src == 10.0.0.1/255.0.0.255`,
		`ip6.dst == FD00:0::1/64`:                            `ip6.dst == fd00::/64`,
		`eth.dst == 01:00:00:00:00:00/01:00:00:00:00:00`:     `eth.dst == 01:00:00:00:00:00/01:00:00:00:00:00`,
		`80 == tcp.dst && 1 <= tcp.src < 0x0A`:               `tcp.dst == 80 && 1 <= tcp.src < 0xa`,
		`!ct.new && !(tcp.dst[3..3]) && !(tcp.dst == 1)`:     `!ct.new && !tcp.dst[3] && !(tcp.dst == 1)`,
		`reg0[0..31] == 1 && @pg == inport`:                  `reg0 == 1 && inport == @pg`,
		`!is_chassis_resident("a\"b") && inport == "\u0041"`: `!is_chassis_resident("a\"b") && inport == "A"`,
	} {
		e, err := Parse(in, Options{KeepNames: true})
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if got := e.String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// printParse also reports whether the text is an expression.
func printParse(t testing.TB, in string, o Options) bool {
	e, err := Parse(in, o)
	if err != nil {
		if e != nil {
			t.Fatalf("%q: an error and a value", in)
		}
		return false
	}
	text := e.String()
	again, err := Parse(text, o)
	if err != nil {
		t.Fatalf("%q: printed as %q: %v", in, text, err)
	}
	if again.String() != text || shape(again) != shape(e) {
		t.Fatalf("%q: printed as %q, which reads as %q\n%s\n%s", in, text, again, shape(e), shape(again))
	}
	if o.Lenient {
		return true
	}
	plain := Lower(e).String()
	if again, err = Parse(plain, Options{}); err != nil {
		t.Fatalf("%q: in OVN's form %q: %v", in, plain, err)
	}
	if got := Lower(again).String(); got != plain {
		t.Fatalf("%q: in OVN's form %q, then %q", in, plain, got)
	}
	return true
}

// shape prints a tree without its spans.
func shape(e Expr) string {
	var b strings.Builder
	var tree func(e Expr)
	list := func(kind string, of []Expr) {
		b.WriteString(kind + "[")
		for _, x := range of {
			tree(x)
			b.WriteByte(';')
		}
		b.WriteByte(']')
	}
	tree = func(e Expr) {
		switch e := e.(type) {
		case And:
			list("and", e.Of)
		case Or:
			list("or", e.Of)
		case Not:
			list("not", []Expr{e.Of})
		case *Range:
			list("range", []Expr{e.First, e.Last})
		case *Compare:
			list("compare "+string('0'+byte(e.form))+e.Field.String()+e.Op.String(), nil)
			for _, c := range e.Values {
				b.WriteString(string('0'+byte(c.kind)) + c.String() + string('0'+byte(c.num.format)))
			}
		case Opaque:
			b.WriteString("opaque " + e.Text)
		default:
			b.WriteString(e.String())
		}
	}
	tree(e)
	return b.String()
}

// TestLogicalFlows checks that OVN's own matches of several releases are understood: as a strict
// Parse reads them, a lenient one does, and every field is in the table.
func TestLogicalFlows(t *testing.T) {
	_, lflows := written(t)
	templates := 0
	for _, in := range lflows {
		e, err := Parse(in, Options{Lenient: true})
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if strings.Contains(in, "^") {
			templates++ // ovn-controller puts the values in before it parses
			continue
		}
		understood(t, in, e)
	}
	if templates == 0 || len(lflows) < 1000 {
		t.Errorf("%d matches, %d with a template", len(lflows), templates)
	}
}

func understood(t *testing.T, in string, e Expr) {
	t.Helper()
	for x := range Walk(e) {
		if o, opaque := x.(Opaque); opaque {
			t.Errorf("%s: %s is not understood", in, o.Text)
		}
	}
	for c := range Compares(e) {
		if c.Field.sym == nil {
			t.Errorf("%s: %s is not in the table", in, c.Field)
		}
	}
	// Two of them are users' ACLs that ovn-controller refuses: they negate a nominal field.
	refused := strings.Contains(in, "inport != {") || strings.Contains(in, "!(ip4.src == $allowed || arp)")
	strict, err := Parse(in, Options{KeepNames: true})
	if (err != nil) != refused {
		t.Errorf("%s: %v", in, err)
	}
	if err == nil && shape(strict) != shape(e) {
		t.Errorf("%s: read as %s, leniently as %s", in, shape(strict), shape(e))
	}
}

// TestNorthd does the same with the matches that the installed ovn-northd writes.
func TestNorthd(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	out, err := d.SBCtl(t.Context(), "--bare --columns=match list Logical_Flow")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for in := range strings.Lines(out) {
		if in = strings.TrimSpace(in); in == "" {
			continue
		}
		e, err := Parse(in, Options{Lenient: true})
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		understood(t, in, e)
		n++
	}
	if n < 300 {
		t.Errorf("only %d matches", n)
	}
}

// FuzzParse checks that every text is an expression that prints and reads back, or a fault with its
// place, in every mode.
func FuzzParse(f *testing.F) {
	people, lflows := written(f)
	for i, in := range append(people, lflows...) {
		if i < len(people) || i%10 == 0 {
			f.Add(in)
		}
	}
	f.Add(`other("here") && ip4 == ^vip:^port || !!(x y {a && b}) && newfield[3] < 7`)
	f.Add(`!"0000`)      // a string without its end
	f.Add("A!=\"\x00\"") // a NUL, which has no spelling in a string
	f.Fuzz(func(t *testing.T, in string) {
		for _, o := range modes {
			if printParse(t, in, o) {
				e, _ := Parse(in, o)
				spans(t, in, e)
				Eval(e, packet{})
				continue
			}
			_, err := Parse(in, o)
			se := err.(*SyntaxError)
			if se.Off < 0 || se.Off > len(in) || se.In != in {
				t.Fatalf("%q: offset %d", in, se.Off)
			}
			se.Mark()
		}
	})
}

// spans checks that parts lie within the whole and in order.
func spans(t *testing.T, in string, e Expr) {
	last, end := e.Span()
	if last < 0 || end > len(in) || last >= end {
		t.Fatalf("%q: span %d to %d", in, last, end)
	}
	for _, x := range Terms(e) {
		from, to := x.Span()
		if from < last || to > end || from >= to {
			t.Fatalf("%q: term %q from %d to %d", in, x, from, to)
		}
		last = to
	}
}
