package oftrace

import (
	"errors"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/corpus"
)

// traces are the corpus's captures that hold a whole trace.
func traces(t testing.TB) []corpus.Capture {
	var out []corpus.Capture
	for _, c := range corpus.Load(t, "trace/*.txt") {
		if strings.Contains(c.Text, "Flow: ") && !strings.Contains(c.Text, "cut here ...]") {
			out = append(out, c)
		}
	}
	if len(out) < 100 {
		t.Fatalf("only %d traces in the corpus", len(out))
	}
	return out
}

func TestCorpusIdentity(t *testing.T) {
	kinds := map[Kind]int{}
	for _, c := range traces(t) {
		tr, err := Parse(c.Text)
		if err != nil {
			t.Errorf("%s: %s: %v", c.File, c.Command, err)
			continue
		}
		want := strings.TrimRight(c.Text, "\n")
		if got := strings.TrimRight(tr.String(), "\n"); got != want {
			t.Errorf("%s: %s: %s", c.File, c.Command, firstDiff(got, want))
		}
		for i := range tr.Sections {
			s := &tr.Sections[i]
			if len(s.Unknown) > 0 || !s.Complete || s.Megaflow == "" || len(s.Nodes) == 0 {
				t.Errorf("%s: %s: section %d: unknown %q, complete %v", c.File, c.Command, i, s.Unknown, s.Complete)
			}
			if i > 0 && (s.Parent < 0 || s.Parent >= i) {
				t.Errorf("%s: %s: section %d has parent %d", c.File, c.Command, i, s.Parent)
			}
			s.Walk(func(n *Node) bool {
				kinds[n.Kind]++
				if n.Kind == Note {
					t.Errorf("%s: %s: not understood: %q", c.File, c.Command, n.Text)
				}
				return true
			})
		}
	}
	for k := Bridge; k <= Error; k++ {
		if kinds[k] == 0 {
			t.Errorf("the corpus has no node of kind %d", k)
		}
	}
}

func firstDiff(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "line " + string(rune('0'+i%10)) + "\n got " + a[i] + "\nwant " + b[i]
		}
	}
	return "one is longer"
}

// TestCut cuts every fifth trace at every line's end and in the middle of lines: what is there
// stays, and the cut is reported wherever it shows.
func TestCut(t *testing.T) {
	for i, c := range traces(t) {
		if i%5 != 0 {
			continue
		}
		text := strings.TrimRight(c.Text, "\n")
		whole, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for at := range text {
			if text[at] != '\n' && at%37 != 0 {
				continue
			}
			part, err := Parse(text[:at])
			var syn *syntax.Error
			var rep *ReplyError
			if errors.As(err, &rep) {
				if at > len("Flow: ") {
					t.Fatalf("%s: cut at %d: taken for a refusal", c.Command, at)
				}
				continue
			}
			if err != nil && (!errors.As(err, &syn) || syn.Off > at) {
				t.Fatalf("%s: cut at %d: %v", c.Command, at, err)
			}
			if len(part.Sections) > len(whole.Sections) {
				t.Fatalf("%s: cut at %d: %d sections", c.Command, at, len(part.Sections))
			}
			// A trace is whole from its last actions on; the text behind those, and a cut in a
			// plain list of ports, does not show.
			shows := len(part.Sections) < len(whole.Sections) || !strings.Contains(text[:at], "Datapath actions: ")
			if shows && err == nil {
				t.Fatalf("%s: cut at %d of %d is not told", c.Command, at, len(text))
			}
		}
	}
}

func TestLimit(t *testing.T) {
	for _, c := range corpus.Load(t, "trace/limit-*.txt") {
		tr, err := Parse(c.Text)
		if err != nil || !strings.HasPrefix(tr.Limit, "Trace reached the recirculation limit.") {
			t.Errorf("%s: limit %q, %v", c.File, tr.Limit, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	want := map[string]ReplyKind{
		"nobr: unknown bridge":                        ReplyUnknownBridge,
		"Bad openflow flow syntax: bogus=1":           ReplySyntax,
		"syntax error at br0 (or the bridge name":     ReplySyntax,
		"unknown action bogus":                        ReplySyntax,
		`"ofproto/trace" command requires at least`:   ReplyUsage,
		"--bogus: unknown option":                     ReplyUsage,
		"bogus: unknown connection tracking state":    ReplySyntax,
		`"ofproto/bogus" is not a valid command (use`: ReplyNoCommand,
	}
	for _, c := range corpus.Load(t, "trace/*.txt") {
		if strings.Contains(c.Text, "Flow: ") {
			continue
		}
		tr, err := Parse(c.Text)
		var rep *ReplyError
		if !errors.As(err, &rep) || len(tr.Sections) != 0 {
			t.Errorf("%s: %v", c.Command, err)
			continue
		}
		for text, kind := range want {
			if strings.HasPrefix(c.Text, text) {
				if rep.Kind != kind {
					t.Errorf("%.60s: kind %d, want %d", c.Text, rep.Kind, kind)
				}
				delete(want, text)
			}
		}
	}
	for text := range want {
		t.Errorf("the corpus has no refusal %q", text)
	}
	if _, err := Parse(" \n"); !errors.As(err, new(*syntax.Error)) {
		t.Errorf("empty: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for i, c := range traces(f) {
		if i%4 == 0 && len(c.Text) < 6000 {
			f.Add(c.Text)
		}
	}
	f.Fuzz(func(t *testing.T, in string) {
		tr, err := Parse(in)
		if err != nil {
			var e *syntax.Error
			if errors.As(err, &e) && (e.Off < 0 || e.Off > len(in)) {
				t.Errorf("offset %d of %d", e.Off, len(in))
			}
			_ = err.Error()
		}
		for i := range tr.Sections {
			tr.Sections[i].Tables()
		}
		once := tr.String()
		if err != nil {
			return
		}
		again, err := Parse(once)
		if err != nil {
			return // a list of ports cut inside a line may look like something else when printed
		}
		third, _ := Parse(again.String())
		if again.String() != third.String() {
			t.Errorf("printing is not stable:\n%q\n%q", again, third)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	all := traces(b)
	n := 0
	for _, c := range all {
		n += len(c.Text)
	}
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range all {
			if _, err := Parse(c.Text); err != nil {
				b.Fatal(err)
			}
		}
	}
}
