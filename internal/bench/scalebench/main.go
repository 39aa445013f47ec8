// Scalebench measures what the commands cost in deployments of growing size: real databases with
// the rows of as many chassis, two real chassis, and a fleet of fakes that answer the node protocol
// as the real two did (internal/bench/fleet).
//
// It prints each ratio as a line for scripts:
//
//	bench: NAME ratio=X bar=<=Y
//
// The exit status is 1 if a ratio misses its limit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/bench/fleet"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "relay" {
		if err := fleet.Relay(os.Args[2], os.Args[3], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	met, err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "scalebench: %v\n", err)
		os.Exit(3)
	case !met:
		os.Exit(1)
	}
}

// settings are the command line.
type settings struct {
	sizes   []int
	entries int
	tools   []string
	only    *regexp.Regexp
	seed    uint64
}

func parse(args []string) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("scalebench", flag.ContinueOnError)
	sizes := fs.String("chassis", "10,100,1000", "numbers of chassis, ascending")
	only := fs.String("questions", "", "the questions to ask (regular expression)")
	fs.IntVar(&s.entries, "entries", 2000, "conntrack entries of a chassis")
	tools := fs.String("tool", "", "the program to measure, or several with commas; built if empty")
	fs.Uint64Var(&s.seed, "seed", 1, "chooses the chassis that are dead or slow")
	if err := fs.Parse(args); err != nil {
		return s, err
	}
	for _, word := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 4 || n%2 != 0 {
			return s, fmt.Errorf("-chassis %s: %q is not an even number of at least 4", *sizes, word)
		}
		s.sizes = append(s.sizes, n)
	}
	if *tools != "" {
		s.tools = strings.Split(*tools, ",")
	}
	var err error
	s.only, err = regexp.Compile(*only)
	return s, err
}

func run(ctx context.Context, args []string) (met bool, err error) {
	s, err := parse(args)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "sb")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if s.tools == nil {
		s.tools = []string{filepath.Join(dir, "ovn-ct-trace")}
		if out, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", s.tools[0], "./cmd/ovn-ct-trace").CombinedOutput(); err != nil {
			return false, fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	w, err := fleet.Build(ctx, dir, s.sizes[0]/2)
	if err != nil {
		return false, err
	}
	defer w.Stop()
	b := &bench{settings: s, world: w, dir: dir, first: map[string]cost{}, met: true}
	if b.authority, err = fleet.NewAuthority(dir); err != nil {
		return false, err
	}
	for _, n := range s.sizes {
		say("%d chassis: writing rows", n)
		if err := w.Grow(ctx, n/2); err != nil {
			return false, err
		}
		if err := b.size(ctx, n); err != nil {
			return false, fmt.Errorf("%d chassis: %w", n, err)
		}
	}
	b.ratios()
	return b.met, nil
}

var began = time.Now()

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs load %s: %s\n", time.Since(began).Seconds(), fleet.Load(), fmt.Sprintf(format, args...))
}
