package microflow

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow/openflowtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

var update = flag.Bool("update", false, "rewrite the answers of the corpus")

// names are the address sets and port groups of the corpus.
type names struct{}

func (names) AddressSet(name string) ([]string, bool) {
	switch name {
	case "one":
		return []string{"10.0.0.1"}, true
	case "one6":
		return []string{"fd00::1"}, true
	case "many":
		return []string{"10.0.0.1", "10.0.0.2", "10.0.1.0/24"}, true
	case "empty":
		return nil, true
	}
	return nil, false
}

func (names) PortGroup(name string) ([]string, bool) {
	switch name {
	case "one":
		return []string{"p1"}, true
	case "two":
		return []string{"p1", "p2"}, true
	case "none":
		return nil, true
	}
	return nil, false
}

// corpusCase is an expression and, indented below it, "= FLOW" or "! OFFSET MESSAGE", and "~
// REASON" where ovn-trace answers something else.
type corpusCase struct {
	file, expr string
	answer     string
	differs    string
}

// corpus reads files and returns their cases; lines that are no case are kept for -update.
func corpus(t testing.TB) map[string][]corpusCase {
	out := map[string][]corpusCase{}
	for _, file := range testenv.Corpus(t, "../../testdata/microflow/*.txt") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			cases := out[file]
			switch {
			case strings.HasPrefix(line, "    = ") || strings.HasPrefix(line, "    ! "):
				cases[len(cases)-1].answer = line[4:]
			case strings.HasPrefix(line, "    ~ "):
				cases[len(cases)-1].differs = line[6:]
			default:
				out[file] = append(cases, corpusCase{file: file, expr: line})
			}
		}
	}
	return out
}

func (c corpusCase) comment() bool { return c.expr == "" || c.expr[0] == '#' }

// describe returns all that was read, as flow text, then the values that are not part of the
// packet.
func describe(mf Microflow) string {
	f := openflow.FlowOf(mf.Packet, strconv.Quote(mf.InPort))
	parts := make([]string, 0, len(f.Fields)+4)
	for _, fd := range f.Fields {
		if fd.Value != "" {
			fd.Name += "=" + fd.Value
		}
		parts = append(parts, fd.Name)
	}
	if mf.CTMask != 0 {
		parts = append(parts, "ct_state="+openflowtest.CTState(mf.CTState, mf.CTMask))
	}
	for _, name := range slices.Sorted(maps.Keys(mf.Other)) {
		v := mf.Other[name]
		parts = append(parts, fmt.Sprintf("%s=%s/%s%s", name, v.Value, v.Mask, v.Text))
	}
	return strings.Join(parts, ",")
}

func answer(expr string) string {
	mf, err := Parse(expr, Options{Symbols: names{}})
	if err == nil {
		return "= " + describe(mf)
	}
	var se *SyntaxError
	if !errors.As(err, &se) {
		return "! ? " + err.Error()
	}
	hint := ""
	if se.Hint != "" {
		hint = " (" + se.Hint + ")"
	}
	return fmt.Sprintf("! %d %s%s", se.Off, se.Msg, hint)
}

func TestCorpus(t *testing.T) {
	for file, cases := range corpus(t) {
		var out strings.Builder
		for _, c := range cases {
			if c.comment() {
				fmt.Fprintln(&out, c.expr)
				continue
			}
			got := answer(c.expr)
			if got != c.answer && !*update {
				t.Errorf("%s:\n got %s\nwant %s", c.expr, got, c.answer)
			}
			fmt.Fprintf(&out, "%s\n    %s\n", c.expr, got)
			if c.differs != "" {
				fmt.Fprintf(&out, "    ~ %s\n", c.differs)
			}
		}
		if *update {
			if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, cases := range corpus(f) {
		for _, c := range cases {
			f.Add(c.expr)
		}
	}
	f.Fuzz(func(t *testing.T, in string) {
		mf, err := Parse(in, Options{Symbols: names{}})
		var se *SyntaxError
		if errors.As(err, &se) {
			if se.Off < 0 || se.Off > len(in) || se.In != in {
				t.Fatalf("%q: offset %d", in, se.Off)
			}
			se.Mark()
		} else if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if err == nil {
			openflow.FieldsOf(mf.Packet)
			_ = mf.Packet.String()
		}
	})
}
