package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		line        string
		result, met bool
	}{
		{"bench: a ratio=1.5 bar=<=1.5", true, true},
		{"bench: a ratio=1.51 bar=<=1.5", true, false},
		{"bench: a ratio=20 bar=>=20", true, true},
		{"bench: a ratio=19.9 bar=>=20", true, false},
		{"bench: a ratio=NaN bar=>=20", true, false},
		{"bench: a ratio=x bar=>=20", true, false},
		{"bench: a ratio=1 bar=20", true, false},
		{"bench: kernel look-ups: skipped", false, true},
		{"a table of entries", false, true},
	} {
		b := &bench{}
		if got := b.judge(c.line); got != c.result || len(b.missed) == 0 != c.met {
			t.Errorf("%q: result %v, missed %q", c.line, got, b.missed)
		}
	}
}

func TestRatio(t *testing.T) {
	var out bytes.Buffer
	b := &bench{out: &out}
	b.ratio("x-vs-y", 0.123456, "<=", 0.1)
	if got, want := out.String(), "bench: x-vs-y ratio=0.1235 bar=<=0.1\n"; got != want || len(b.missed) != 1 {
		t.Errorf("got %q, want %q; missed %v", got, want, b.missed)
	}
}

func TestProgram(t *testing.T) {
	for _, c := range []struct {
		script, err string
		missed      []string
	}{
		{"echo 'bench: a ratio=1 bar=>=1'", "", nil},
		{"echo 'bench: a ratio=1 bar=>=2'; exit 1", "", []string{"a"}},
		{"echo 'bench: a ratio=1 bar=>=1'; exit 1", "exit status 1", nil},
		{"exit 3", "exit status 3", nil},
		{"kill -9 $$", "killed", nil},
	} {
		b := &bench{out: io.Discard, progress: io.Discard}
		err := b.program(t.Context(), "/bin/sh", "-c", c.script)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", c.script, err)
		}
		if d := cmp.Diff(c.missed, b.missed); d != "" {
			t.Errorf("%s: %s", c.script, d)
		}
	}
}

func TestParseResults(t *testing.T) {
	got := parseResults(`goos: linux
cpu: AMD EPYC
BenchmarkParse-2   	      86	   8189430 ns/op	  18.12 MB/s	 1543877 B/op	    1149 allocs/op
BenchmarkClassify	 1000000	       510.2 ns/op	       0 B/op	       0 allocs/op
PASS
`)
	want := []result{
		{name: "Parse", ns: 8189430, mbs: 18.12, bytesOp: 1543877, allocsOp: 1149},
		{name: "Classify", ns: 510.2},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(result{})); d != "" {
		t.Error(d)
	}
}
