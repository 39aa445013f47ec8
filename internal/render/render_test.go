package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/reporttest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// corpus returns the reports of the golden tests.
func corpus(t testing.TB) map[string]*report.Report {
	out := map[string]*report.Report{}
	for _, file := range testenv.Corpus(t, "testdata/*.txtar") {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if ar.Files[0].Name != "report.json" {
			continue
		}
		var r report.Report
		if err := strict(ar.Files[0].Data, &r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out[file] = &r
	}
	return out
}

func text(t testing.TB, r *report.Report, o Options) string {
	t.Helper()
	var buf bytes.Buffer
	if err := Text(&buf, r, o); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// flat removes wrapping and the lines of the tree, so that texts can be found.
func flat(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '|' || r == '`' }), " ")
}

var allOptions = []Options{{}, {Verbose: 1}, {Verbose: 2}, {Width: 40}, {Width: 1}, {Verbose: 2, Width: 72}}

// TestUnknownIsAlwaysPrinted checks that no form omits an unknown branch or its reason.
func TestUnknownIsAlwaysPrinted(t *testing.T) {
	checked := 0
	for file, r := range corpus(t) {
		for _, o := range allOptions {
			got := flat(text(t, r, o))
			for _, p := range r.Packets {
				for _, b := range append(slices.Clone(p.Branches), p.Generated...) {
					if b.Verdict != engine.Unknown {
						continue
					}
					checked++
					if !strings.Contains(got, "=> UNKNOWN") {
						t.Errorf("%s %+v: no UNKNOWN", file, o)
					}
					if b.Reason != nil && !strings.Contains(got, flat(b.Reason.Text)) {
						t.Errorf("%s %+v: reason %q is missing", file, o, b.Reason.Text)
					}
				}
			}
		}
	}
	if checked == 0 {
		t.Fatal("no unknown branch in the corpus")
	}
}

// TestColorIsOnlyEscapes checks that colour adds only escape sequences.
func TestColorIsOnlyEscapes(t *testing.T) {
	for file, r := range corpus(t) {
		for _, o := range allOptions {
			want := text(t, r, o)
			o.Color = true
			got := text(t, r, o)
			for _, c := range []color{"0", bold, dim, red, green, yellow, cyan} {
				got = strings.ReplaceAll(got, "\x1b["+string(c)+"m", "")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %+v (-plain +colour):\n%s", file, o, diff)
			}
		}
	}
}

// TestWidth checks that wrapped lines are short enough, unless a word is longer than a line.
func TestWidth(t *testing.T) {
	for file, r := range corpus(t) {
		for _, width := range []int{72, 100, 132} {
			for _, line := range strings.Split(text(t, r, Options{Verbose: 2, Width: width}), "\n") {
				if utf8.RuneCountInString(line) <= width {
					continue
				}
				// A line may be longer if it cannot be broken after its first word.
				if words := split([]span{plain(strings.TrimLeft(line, " |`-"))}, 1, true); len(words) > 1 {
					for _, w := range words[1:] {
						if w.canBreak {
							t.Errorf("%s: %d columns, want %d: %q", file, utf8.RuneCountInString(line), width, line)
							break
						}
					}
				}
			}
		}
	}
}

// answered sets the expectation of a report, as commands do, and prints it.
func answered(t testing.TB, r *report.Report) []byte {
	t.Helper()
	whole := *r
	if whole.Expectation == nil {
		whole.Expectation = &report.Expectation{Text: "delivered"}
	}
	var buf bytes.Buffer
	if err := JSON(&buf, &whole); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestListsJSON checks that findings and synthetic entries are printed as in their schema, empty
// lists included.
func TestListsJSON(t *testing.T) {
	n := uint16(1)
	for name, print := range map[string]func(io.Writer) error{
		"findings": func(w io.Writer) error {
			return FindingsJSON(w, []report.Finding{{Severity: report.SeverityError, Code: report.CodeChassis, Text: "<t>", Where: map[string]string{"chassis": "hv1"}, Hint: "h"}})
		},
		"no findings": func(w io.Writer) error { return FindingsJSON(w, nil) },
		"entries": func(w io.Writer) error {
			return LeftoversJSON(w, []report.Leftover{{Chassis: "hv1", State: report.LeftoverLeft, Zone: 7, PID: 1, Expires: "2024-01-01T00:00:00Z", Journal: "j",
				Tuple: &report.Tuple{Proto: "tcp", Src: "10.0.0.1", Dst: "10.0.0.2", Sport: &n, Dport: &n}}})
		},
		"no entries": func(w io.Writer) error { return LeftoversJSON(w, nil) },
	} {
		var buf bytes.Buffer
		if err := print(&buf); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := reporttest.Check(buf.Bytes()); err != nil {
			t.Errorf("%s: %v\n%s", name, err, buf.Bytes())
		}
	}
}

func TestJSON(t *testing.T) {
	for file, r := range corpus(t) {
		var buf bytes.Buffer
		if err := JSON(&buf, r); err != nil {
			t.Fatal(err)
		}
		if err := reporttest.Check(answered(t, r)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		var back report.Report
		if err := strict(buf.Bytes(), &back); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if diff := cmp.Diff(filled(r), &back, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
		for _, list := range []string{"packets", "branches", "hops", "segments", "tables", "ct", "actions", "warnings", "findings"} {
			if strings.Contains(buf.String(), fmt.Sprintf("%q: null", list)) {
				t.Errorf("%s: %s is null", file, list)
			}
		}
	}
}

// TestJSONCopies checks that JSON does not change the report.
func TestJSONCopies(t *testing.T) {
	r := &report.Report{Packets: []*report.Packet{{Hops: []*report.Hop{{}}}}}
	if err := JSON(new(bytes.Buffer), r); err != nil {
		t.Fatal(err)
	}
	if r.Warnings != nil || r.Packets[0].Branches != nil || r.Packets[0].Hops[0].Segments != nil {
		t.Error("the report was changed")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left")

func TestWriteErrors(t *testing.T) {
	r := &report.Report{}
	for name, err := range map[string]error{
		"text":    Text(brokenWriter{}, r, Options{}),
		"summary": Summary(brokenWriter{}, r, Options{}),
		"json":    JSON(brokenWriter{}, r),
		"doctor":  Doctor(brokenWriter{}, nil, Options{}),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v, want %v", name, err, errFull)
		}
	}
}

func TestEndpoint(t *testing.T) {
	port := 80
	for _, c := range []struct {
		addr string
		port *int
		want string
	}{
		{"10.0.0.3", &port, "10.0.0.3:80"},
		{"10.0.0.3", nil, "10.0.0.3"},
		{"fd00::3", &port, "[fd00::3]:80"},
		{"fd00::3", nil, "fd00::3"},
		{"", &port, "?:80"},
	} {
		if got := endpoint(c.addr, c.port); got != c.want {
			t.Errorf("endpoint(%q, %v) = %q, want %q", c.addr, c.port, got, c.want)
		}
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0 %", 0.001: "<1 %", 0.333: "33 %", 0.995: ">99 %", 1: "100 %"} {
		if got := percent(share); got != want {
			t.Errorf("percent(%v) = %q, want %q", share, got, want)
		}
	}
}

// FuzzText prints any report that JSON can contain: it must not panic, nor print control
// characters.
func FuzzText(f *testing.F) {
	for _, r := range corpus(f) {
		// Large seeds slow the search down, and have the same shape as small ones.
		if b, err := json.Marshal(r); err == nil && len(b) < 16<<10 {
			f.Add(b, 0, 80)
			f.Add(b, 2, 0)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, verbose, width int) {
		var r report.Report
		if err := json.Unmarshal(in, &r); err != nil || holes(&r) {
			return
		}
		o := Options{Verbose: verbose % 3, Width: width % 200}
		var sum bytes.Buffer
		if err := Summary(&sum, &r, o); err != nil {
			t.Fatal(err)
		}
		for _, out := range []string{text(t, &r, o), sum.String()} {
			for _, c := range out {
				if c != '\n' && !unicode.IsPrint(c) {
					t.Fatalf("%q reaches the terminal", c)
				}
			}
		}
	})
}

// holes reports whether a list contains null, which no report does.
func holes(r *report.Report) bool {
	for _, p := range r.Packets {
		if p == nil {
			return true
		}
		for _, b := range append(slices.Clone(p.Branches), p.Generated...) {
			if b == nil {
				return true
			}
		}
		for _, h := range p.Hops {
			if h == nil {
				return true
			}
			for _, s := range h.Segments {
				if s == nil {
					return true
				}
			}
		}
	}
	return false
}

// TestRuleStandsOnce checks that a rule that the text of a reason describes is not printed again,
// neither in the headline nor at the end.
func TestRuleStandsOnce(t *testing.T) {
	const rule = "to-lport 1000 drop: outport == @pg2 && ip (on port group pg2)"
	nb := &report.NB{Table: "ACL", UUID: "12345678-0000-4000-8000-000000000000", Summary: rule}
	r := &report.Report{Packets: []*report.Packet{{Verdict: engine.Dropped, Branches: []*report.Branch{{
		Verdict: engine.Dropped, End: report.End{Kind: "drop", Chassis: "hv3"},
		Reason: &report.Reason{Text: "ACL (" + rule + ") drops it", NB: nb},
	}}}}}
	got := text(t, r, Options{})
	if strings.Count(got, rule) != 2 || strings.Contains(got, "by ACL 12345678:") || !strings.Contains(got, "ACL "+nb.UUID) {
		t.Errorf("the rule does not stand once:\n%s", got)
	}
	r.Packets[0].Branches[0].Reason.Text = "something else"
	if got := text(t, r, Options{}); strings.Count(got, rule) != 1 || !strings.Contains(got, "by ACL 12345678: something else") {
		t.Errorf("a rule that the text does not tell:\n%s", got)
	}
}
