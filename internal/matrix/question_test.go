package matrix

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

func TestParseLine(t *testing.T) {
	for line, want := range map[string]Question{
		"sw0-p1 sw1-p2": {From: "sw0-p1", To: "sw1-p2"},
		"\tsw0-p1   30.0.0.10:80/tcp  # the shop ": {From: "sw0-p1", To: "30.0.0.10:80/tcp"},
		"a [fd00::1]:53/udp expect=dropped":        {From: "a", To: "[fd00::1]:53/udp", Expect: "dropped"},
		"a b network=n at=hv1 expect=rejected":     {From: "a", To: "b", Network: "n", At: "hv1", Expect: "rejected"},
		`"a b" c network="my net"`:                 {From: "a b", To: "c", Network: "my net"},
		"a#b c#d":                                  {From: "a#b", To: "c#d"},
		`{"from":"a","to":"b:80/tcp"}`:             {From: "a", To: "b:80/tcp"},
		`{"schema":"ovn-ct-trace/1","n":7,"line":9,"from":"a","to":"b","expect":"external","verdict":"dropped","expectation":{"text":"external","met":false}}`: {From: "a", To: "b", Expect: "external"},
		"":              {},
		"  # a comment": {},
		`{"schema":"ovn-ct-trace/1","summary":{"questions":3}}`: {},
	} {
		got, ok, err := ParseLine(line)
		if err != nil || ok != (want.From != "") || got != want {
			t.Errorf("%q: %+v %v %v, want %+v", line, got, ok, err, want)
		}
	}
}

// Errors mark the place.
func TestParseLineErrors(t *testing.T) {
	for line, want := range map[string]string{
		"sw0-p1":                             "no destination|      ^",
		"a b c":                              `"c" is not expect=VERDICT|    ^`,
		"a b expect=maybe":                   `no verdict "maybe"|    ^`,
		"a b expect=":                        "expect has no value|    ^",
		"a b at=x at=y":                      "at stands twice|         ^",
		`a "b`:                               "a quoted word without its end|  ^",
		`a ""`:                               "an empty name|  ^",
		`{"from":"a"}`:                       "no from, or no to|^",
		`{"from":"a","to":"b","x":1}`:        `unknown field "x"|`,
		`{"from":"a","to":"b"} {}`:           "more than one JSON value|",
		`{"from":"a","to":5}`:                `"to" is a number, and should be a string|                 ^`,
		`{"from":"a","to":"b","expect":"x"}`: `no verdict "x"|`,
	} {
		_, ok, err := ParseLine(line)
		text, place, _ := strings.Cut(want, "|")
		var ue *usage.Error
		if ok || !errors.As(err, &ue) || !strings.Contains(err.Error(), text) || !strings.HasSuffix(ue.Mark, "\n"+place) && place != "" {
			t.Errorf("%q: %v %v\n%+v", line, ok, err, ue)
		}
	}
}

// FuzzParseLine: a question prints as a line that is read as the same question, and no error comes
// with one.
func FuzzParseLine(f *testing.F) {
	for _, line := range []string{
		"sw0-p1 sw1-p2:80/tcp expect=dropped # no", `"a b" "#c" network="x y" at=hv1`, `{"from":"a","to":"b"}`,
		`{"from":"{","to":" ","network":"\"","expect":"delivered"}`, "\x00 \xff", `a "b" c="d"e`, "a b=c expect=unknown",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		q, ok, err := ParseLine(line)
		if err != nil || !ok {
			if q != (Question{}) || ok {
				t.Fatalf("%+v %v with %v", q, ok, err)
			}
			return
		}
		for _, s := range []string{q.From, q.To, q.At, q.Network} {
			if strings.ContainsAny(s, "\"\r\n\v\f\u0085\u00a0") || strings.TrimSpace(s) != s {
				return // has no form as text
			}
		}
		again, ok, err := ParseLine(q.String())
		if err != nil || !ok || again != q {
			t.Fatalf("%q is %+v; %q is %+v %v %v", line, q, q.String(), again, ok, err)
		}
	})
}

// Each line has its number, of the file and of the questions, and an error has its place.
func TestFile(t *testing.T) {
	var got []Question
	read := func(text string) error {
		got = nil
		for q, err := range (&File{Name: "pairs.txt", Reader: strings.NewReader(text), Expect: "dropped"}).Each() {
			if err != nil {
				return err
			}
			got = append(got, q)
		}
		return nil
	}
	if err := read("# head\na b\n\nc d expect=external\n"); err != nil {
		t.Fatal(err)
	}
	want := []Question{{N: 1, Line: 2, From: "a", To: "b", Expect: "dropped"}, {N: 2, Line: 4, From: "c", To: "d", Expect: "external"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := read("a b\nc d"); err != nil || len(got) != 2 {
		t.Errorf("a last line without its end: %v, %d", err, len(got))
	}
	var ue *usage.Error
	if err := read("a b\n\nc\nd e\n"); !errors.As(err, &ue) || !strings.HasPrefix(err.Error(), `pairs.txt:3: no destination after "c"`) || len(got) != 1 {
		t.Errorf("%v, %d questions", err, len(got))
	}
	if err := read("a b\n" + strings.Repeat("x", maxLine+1)); err == nil || !strings.HasPrefix(err.Error(), "pairs.txt:2: a line of more than") {
		t.Error(err)
	}
}
