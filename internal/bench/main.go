// Bench runs all measurements whose results have limits (make bench).
//
// Each ratio compares two things measured in one run. It is printed as a line for scripts:
//
//	bench: NAME ratio=X bar=>=Y      (or bar=<=Y)
//
// The exit status is 1 if a ratio misses its limit, 3 if something could not be measured.
// Measurements without the required root, tool or lab are skipped with a message; under
// CT_TRACE_LIVE=1 they fail.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	b := &bench{out: os.Stdout, progress: os.Stderr}
	err := b.run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(3)
	case len(b.missed) > 0:
		os.Exit(1)
	}
}

// errSkip reports a measurement that is impossible on this machine.
var errSkip = errors.New("left out")

// bench collects results.
type bench struct {
	out, progress io.Writer
	dir           string // folder of built programs
	ratios        int
	missed        []string

	entries, flows, growth int
	chassis                string
}

// stage is one group of measurements.
type stage struct {
	name, what string
	run        func(context.Context) error
}

func (b *bench) run(ctx context.Context, args []string) (err error) {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := fs.String("only", "", "the stages to run (regular expression): parsers, model, lookup, userspace, trace, explain, offline, what-if, scale, ovsdb")
	fs.IntVar(&b.entries, "entries", 1_000_000, "entries of the large conntrack tables")
	fs.IntVar(&b.flows, "flows", 50_000, "logical flows of the generated deployment")
	fs.StringVar(&b.chassis, "chassis", "10,100,1000", "scale: numbers of chassis")
	fs.IntVar(&b.growth, "growth", 10, "explain again with this many times the flows; 1: do not")
	if err := fs.Parse(args); err != nil {
		return err
	}
	re, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	stages := []stage{
		{"parsers", "the parsers in MB/s and allocations", b.parsers},
		{"model", "one ct(nat) in the pure model", b.model},
		{"lookup", "conntrack look-ups in tables of up to a million entries; those of an address, joined, and as they change", b.lookup},
		{"userspace", "a trace on the userspace datapath against the dumps that it makes", b.userspace},
		{"trace", "the demo's trace against its ofproto/trace calls, in the lab", b.trace},
		{"explain", "an explained trace against ovn-detrace and ovn-trace", b.explain},
		{"offline", "a trace from an archive of a large chassis", b.offline},
		{"what-if", "a what-if about one chassis against its daemons alone", b.whatIf},
		{"scale", "the commands in deployments of up to a thousand chassis, most of them simulated", b.scale},
		{"ovsdb", "answers of a large Southbound database against libovsdb's client", b.ovsdb},
	}
	began := time.Now()
	var failed error
	for _, s := range stages {
		if !re.MatchString(s.name) {
			continue
		}
		begin := time.Now()
		fmt.Fprintf(b.progress, "== %s: %s\n", s.name, s.what)
		switch err := s.run(ctx); {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errSkip) && os.Getenv("CT_TRACE_LIVE") != "1":
			fmt.Fprintf(b.out, "%s: %v\n", s.name, err)
		case err != nil:
			// Go on with the other stages.
			fmt.Fprintf(b.progress, "== %s: %v\n", s.name, err)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.name, err))
		}
		fmt.Fprintf(b.progress, "== %s took %.0f s\n", s.name, time.Since(begin).Seconds())
	}
	fmt.Fprintf(b.progress, "== %d ratios in %.0f s, bars missed: %d %s\n", b.ratios, time.Since(began).Seconds(), len(b.missed), strings.Join(b.missed, " "))
	return failed
}

// ratio prints one result.
func (b *bench) ratio(name string, x float64, rel string, bar float64) {
	line := fmt.Sprintf("bench: %s ratio=%.4g bar=%s%g", name, x, rel, bar)
	fmt.Fprintln(b.out, line)
	b.judge(line)
}

// judge counts a line that is a result, and reports whether it is one.
func (b *bench) judge(line string) bool {
	words := strings.Fields(line)
	if len(words) != 4 || words[0] != "bench:" {
		return false
	}
	ratio, ok := strings.CutPrefix(words[2], "ratio=")
	bar, ok2 := strings.CutPrefix(words[3], "bar=")
	if !ok || !ok2 {
		return false
	}
	x, err := strconv.ParseFloat(ratio, 64)
	most, less := strings.CutPrefix(bar, "<=")
	least, more := strings.CutPrefix(bar, ">=")
	y, err2 := strconv.ParseFloat(most, 64)
	if more {
		y, err2 = strconv.ParseFloat(least, 64)
	}
	met := err == nil && err2 == nil && (less && x <= y || more && x >= y)
	b.ratios++
	if !met {
		b.missed = append(b.missed, words[1])
	}
	return true
}

// program runs a measurement that is a separate program. Its results are counted here, so its exit
// status 1 is ignored.
func (b *bench) program(ctx context.Context, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	// After an interrupt it can clean up.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	cmd.Stderr = b.progress
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	missed, ratios := len(b.missed), b.ratios
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		fmt.Fprintln(b.out, sc.Text())
		b.judge(sc.Text())
	}
	err = errors.Join(sc.Err(), cmd.Wait())
	name := filepath.Base(argv[0])
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 1 && len(b.missed) > missed:
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case b.ratios == ratios && os.Getenv("CT_TRACE_LIVE") == "1":
		return fmt.Errorf("%s measured nothing", name)
	}
	return nil
}

// build compiles one of this module's programs.
func (b *bench) build(ctx context.Context, pkg string) (string, error) {
	path := filepath.Join(b.dir, filepath.Base(pkg))
	// Build in its folder, because ovsdbbench is a separate module, whose go.mod follows this
	// module's.
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-o", path, ".")
	cmd.Dir = pkg
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w: %s", pkg, err, out)
	}
	return path, nil
}

func (b *bench) lookup(ctx context.Context) error {
	tool, err := b.build(ctx, "./internal/bench/ctbench")
	if err != nil {
		return err
	}
	return b.program(ctx, tool, "-entries", strconv.Itoa(b.entries))
}

func (b *bench) userspace(ctx context.Context) error {
	tool, err := b.build(ctx, "./internal/bench/usbench")
	if err != nil {
		return err
	}
	return b.program(ctx, tool)
}

func (b *bench) explain(ctx context.Context) error {
	for _, name := range []string{"ovsdb-server", "ovs-vswitchd", "ovn-northd", "ovn-controller", "ovn-trace", "ovn-detrace"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: %v", errSkip, err)
		}
	}
	tool, err := b.build(ctx, "./internal/bench/explainbench")
	if err != nil {
		return err
	}
	return b.program(ctx, tool, "-flows", strconv.Itoa(b.flows), "-growth", strconv.Itoa(b.growth))
}

func (b *bench) offline(ctx context.Context) error { return b.oneChassis(ctx, "offline") }

func (b *bench) whatIf(ctx context.Context) error { return b.oneChassis(ctx, "what-if") }

// oneChassis measures something on the generated deployment of one chassis.
func (b *bench) oneChassis(ctx context.Context, what string) error {
	for _, name := range []string{"ovsdb-server", "ovs-vswitchd", "ovs-ofctl", "ovn-northd", "ovn-controller"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: %v", errSkip, err)
		}
	}
	tool, err := b.build(ctx, "./internal/bench/explainbench")
	if err != nil {
		return err
	}
	return b.program(ctx, tool, "-flows", strconv.Itoa(b.flows), "-"+what)
}

func (b *bench) ovsdb(ctx context.Context) error {
	for _, name := range []string{"ovsdb-server", "ovsdb-tool"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: %v", errSkip, err)
		}
	}
	tool, err := b.build(ctx, "./internal/bench/ovsdbbench")
	if err != nil {
		return err
	}
	return b.program(ctx, tool)
}

func (b *bench) scale(ctx context.Context) error {
	for _, name := range []string{"ovsdb-server", "ovs-vswitchd", "ovn-northd", "ovn-controller"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: %v", errSkip, err)
		}
	}
	tool, err := b.build(ctx, "./internal/bench/scalebench")
	if err != nil {
		return err
	}
	return b.program(ctx, tool, "-chassis", b.chassis)
}

func (b *bench) trace(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: the lab needs root", errSkip)
	}
	if _, err := os.Stat(filepath.Join("bin", "ovn-ct-trace")); err != nil {
		return fmt.Errorf("the tool is not built: %w", err)
	}
	// labctl finds the checkout from here, and copies itself to the guest.
	labctl, err := b.build(ctx, "./internal/lab/labctl")
	if err != nil {
		return err
	}
	return b.program(ctx, labctl, "bench")
}
