package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// part is one of several parts of a run of cases, counted from 1. Each has a lab of its own.
type part struct{ k, of int }

// parsePart reads "K/N", part K of N.
func parsePart(text string) (part, error) {
	var p part
	if _, err := fmt.Sscanf(text, "%d/%d", &p.k, &p.of); err != nil || p.k < 1 || p.k > p.of || p.String() != text {
		return part{}, fmt.Errorf("part %q: want K/N, 1 <= K <= N", text)
	}
	return p, nil
}

func (p part) String() string { return fmt.Sprintf("%d/%d", p.k, p.of) }

// dealt returns what is dealt out to this part. Neighbours in the list of cases often take equally
// long, and so go to different parts.
func dealt[T any](all []T, p part) []T {
	var out []T
	for i := p.k - 1; i < len(all); i += p.of {
		out = append(out, all[i])
	}
	return out
}

// joined is the inverse of dealt: the elements of parts 1, 2, ... in the order of the whole. A part
// that has ended early lacks its last ones.
func joined[T any](parts [][]T) []T {
	var out []T
	for i, some := 0, true; some; i++ {
		some = false
		for _, p := range parts {
			if i < len(p) {
				out, some = append(out, p[i]), true
			}
		}
	}
	return out
}

// oracleParts runs the cases in n labs at the same time, which it starts, and returns what all of
// them have found. Each part runs to its end, whatever the others find.
func oracleParts(ctx context.Context, n int, run func(ctx context.Context, p part, out io.Writer) (*probe.Run, error)) (*probe.Run, error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	runs, errs := make([]*probe.Run, n), make([]error, n)
	for i := range n {
		wg.Go(func() {
			p := part{i + 1, n}
			out := &lines{w: os.Stdout, mu: &mu, before: p.String() + " "}
			defer out.end()
			runs[i], errs[i] = run(ctx, p, out)
			var exit *guest.ExitError
			if err := errs[i]; err != nil && !(errors.As(err, &exit) && exit.Msg == "") {
				fmt.Fprintf(out, "labctl: %v\n", err)
			}
		})
	}
	wg.Wait()
	var whole *probe.Run
	var results [][]probe.Result
	for _, r := range runs {
		if r != nil {
			whole = &probe.Run{Versions: r.Versions, Datapath: r.Datapath}
			results = append(results, r.Results)
		}
	}
	if whole != nil {
		whole.Results = joined(results)
	}
	if slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		return whole, &guest.ExitError{Code: 1}
	}
	return whole, nil
}

// lines writes whole lines, each with a text before it, so that several can write to one writer.
type lines struct {
	w      io.Writer
	mu     *sync.Mutex // held while a line is written
	before string
	own    sync.Mutex
	rest   []byte // the begun line
}

func (l *lines) Write(b []byte) (int, error) {
	l.own.Lock()
	defer l.own.Unlock()
	l.rest = append(l.rest, b...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			return len(b), nil
		}
		l.mu.Lock()
		_, err := fmt.Fprintf(l.w, "%s%s\n", l.before, l.rest[:i])
		l.mu.Unlock()
		if err != nil {
			return 0, err
		}
		l.rest = l.rest[i+1:]
	}
}

// end writes the begun line too.
func (l *lines) end() {
	if len(l.rest) > 0 {
		l.Write([]byte("\n"))
	}
}
