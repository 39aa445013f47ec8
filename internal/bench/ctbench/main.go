// Ctbench measures the cost of a conntrack look-up in a kernel table of a million entries, compared
// with conntrack -G and conntrack -L, at growing table sizes, and in allocations; and the memory
// for reading a userspace table of a million connections. It also measures what conn does with a
// million entries: the entries of one address, and all joined into connections.
//
// It prints each ratio as a line for scripts:
//
//	bench: NAME ratio=X bar=>=Y
//
// The exit status is 1 if a ratio misses its limit. It needs root, for a network namespace of its
// own; without root it says so, and fails only under CT_TRACE_LIVE=1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	met, err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "ctbench: %v\n", err)
		stop()
		os.Exit(3)
	case !met:
		stop()
		os.Exit(1)
	}
}

// errSkip reports a measurement that is impossible on this machine.
var errSkip = errors.New("skipped")

// board collects the results.
type board struct{ missed bool }

func (b *board) ratio(name string, x float64, op string, bar float64) {
	ok := x >= bar
	if op == "<=" {
		ok = x <= bar
	}
	b.missed = b.missed || !ok
	fmt.Printf("bench: %s ratio=%.4g bar=%s%g\n", name, x, op, bar)
}

func run(ctx context.Context, args []string) (met bool, err error) {
	fs := flag.NewFlagSet("ctbench", flag.ContinueOnError)
	entries := fs.Int("entries", 1_000_000, "entries of the large tables")
	fs.String("list", "", "only list the entries of this address (for a measurement)")
	fs.Int("join", 0, "only join all entries, at least this many (for a measurement)")
	if err := fs.Parse(args); err != nil {
		return false, err
	}
	if done, err := asked(ctx, fs); done {
		return err == nil, err
	}
	var b board
	for _, f := range []func(context.Context, *board, int) error{userspace, kernel} {
		err := f(ctx, &b, *entries)
		if errors.Is(err, errSkip) && os.Getenv("CT_TRACE_LIVE") != "1" {
			fmt.Printf("bench: %v\n", err)
			continue
		}
		if err != nil {
			return false, err
		}
	}
	return !b.missed, nil
}
