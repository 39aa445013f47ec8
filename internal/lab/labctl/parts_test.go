package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

func TestParts(t *testing.T) {
	for n := range 8 {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		for of := 1; of <= 3; of++ {
			var parts [][]int
			for k := 1; k <= of; k++ {
				p, err := parsePart(fmt.Sprintf("%d/%d", k, of))
				if err != nil {
					t.Fatal(err)
				}
				parts = append(parts, dealt(all, p))
			}
			if got := joined(parts); !slices.Equal(got, all) {
				t.Errorf("%d in %d parts %v: joined %v", n, of, parts, got)
			}
		}
	}
	for _, bad := range []string{"", "1", "0/2", "3/2", "1/2x", "1/-1", "01/2", "a/b"} {
		if p, err := parsePart(bad); err == nil {
			t.Errorf("%q is read as %v", bad, p)
		}
	}
}

// TestOracleParts checks that an error of one part fails the run, that the other parts are waited
// for, and that what a part has found until its error counts.
func TestOracleParts(t *testing.T) {
	named := func(names ...string) *probe.Run {
		r := &probe.Run{Versions: "OVN 1"}
		for _, n := range names {
			r.Results = append(r.Results, probe.Result{Name: n})
		}
		return r
	}
	for _, c := range []struct {
		first error
		want  string
	}{
		{nil, "a b c d e"},
		{&guest.ExitError{Code: 1}, "a b c d e"},
		{errors.New("no lab"), "a b c d e"},
	} {
		failed := make(chan struct{})
		got, err := oracleParts(t.Context(), 2, func(_ context.Context, p part, out io.Writer) (*probe.Run, error) {
			if p.k == 1 {
				defer close(failed)
				return named("a", "c", "e"), c.first
			}
			<-failed
			return named("b", "d"), nil
		})
		if (err != nil) != (c.first != nil) {
			t.Errorf("part 1 ended with %v, the run with %v", c.first, err)
		}
		var names []string
		for _, r := range got.Results {
			names = append(names, r.Name)
		}
		if s := strings.Join(names, " "); s != c.want || got.Versions != "OVN 1" {
			t.Errorf("results %s of %s, want %s", s, got.Versions, c.want)
		}
	}
}

// TestLines checks that the lines of several writers stay whole.
func TestLines(t *testing.T) {
	var b bytes.Buffer
	var mu sync.Mutex
	one, two := &lines{w: &b, mu: &mu, before: "1 "}, &lines{w: &b, mu: &mu, before: "2 "}
	fmt.Fprint(one, "case ")
	fmt.Fprint(two, "x\ny\nz")
	fmt.Fprint(one, "ok\n")
	one.end()
	two.end()
	if got, want := b.String(), "2 x\n2 y\n1 case ok\n2 z\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
