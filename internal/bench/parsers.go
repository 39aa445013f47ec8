package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
)

// parserBars are the limits of the parsers: the time of parsing relative to reading the same number
// of bytes line by line, and allocations. They are somewhat higher than the values measured when
// they were set.
var parserBars = []struct {
	pkg, bench, name string
	vsLines          float64
	allocs           float64 // for each kB
}{
	{"./internal/odp", "Parse", "odp-actions", 50, 125},
	{"./internal/odp", "ParseFlow", "odp-flows", 40, 90},
	{"./internal/openflow", "Parse", "openflow", 25, 10},
	{"./internal/oftrace", "Parse", "oftrace", 30, 80},
	{"./internal/ctdpif", "Parse", "conntrack", 5, 4},
}

func (b *bench) parsers(ctx context.Context) error {
	text, err := corpus("trace/*.txt")
	if err != nil {
		return err
	}
	lines := readLines(text)
	fmt.Fprintf(b.out, "  %-12s %8.0f MB/s\n", "line by line", lines)
	done := map[string]map[string]result{}
	for _, p := range parserBars {
		if done[p.pkg] == nil {
			if done[p.pkg], err = benchmarks(ctx, p.pkg, "^BenchmarkParse", 3, "200ms"); err != nil {
				return err
			}
		}
		r, ok := done[p.pkg][p.bench]
		if !ok {
			return fmt.Errorf("%s has no benchmark %s", p.pkg, p.bench)
		}
		fmt.Fprintf(b.out, "  %-12s %8.1f MB/s %6.1f allocations and %5.0f bytes for each kB\n", p.name, r.mbs, r.allocsOp/r.kB(), r.bytesOp/r.kB())
		b.ratio("parse-"+p.name+"-vs-lines", lines/r.mbs, "<=", p.vsLines)
		b.ratio("parse-"+p.name+"-allocs-per-kB", r.allocsOp/r.kB(), "<=", p.allocs)
	}
	return b.dpctl(ctx)
}

// corpus returns the text of captures in testdata.
func corpus(pattern string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no testdata/%s here: %w", pattern, os.ErrNotExist)
	}
	var all []byte
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		all = append(all, text...)
	}
	return all, nil
}

// readLines returns the MB/s of reading text line by line into strings.
func readLines(text []byte) float64 {
	const rounds = 20
	n := 0
	best := fastest(5, func() {
		for range rounds {
			sc := bufio.NewScanner(bytes.NewReader(text))
			sc.Buffer(make([]byte, 64<<10), 16<<20)
			for sc.Scan() {
				n += len(strings.Clone(sc.Text()))
			}
		}
	})
	if n == 0 {
		return 0
	}
	return float64(rounds*len(text)) / 1e6 / best.Seconds()
}

func fastest(n int, f func()) time.Duration {
	best := time.Duration(1<<63 - 1)
	for range n {
		begin := time.Now()
		f()
		best = min(best, time.Since(begin))
	}
	return best
}

// dpctl compares with Open vSwitch's parser, ovs-dpctl parse-actions: with a process for each line,
// as in a script, and for many actions at once without the start of the process, where both sides
// parse and print them. For the latter the limit is half the speed of the C program, which builds
// no tree of types.
func (b *bench) dpctl(ctx context.Context) error {
	tool, err := exec.LookPath("ovs-dpctl")
	if err != nil {
		fmt.Fprintf(b.out, "  ovs-dpctl parse-actions: %v: %v\n", errSkip, err)
		return nil
	}
	text, err := corpus("trace/*.txt")
	if err != nil {
		return err
	}
	var list []string
	for _, line := range strings.Split(string(text), "\n") {
		if a, ok := strings.CutPrefix(line, "Datapath actions: "); ok && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	// It prints recirc(0x3) but cannot parse it, and it ends at the first action that it cannot parse.
	list = slices.DeleteFunc(list, func(a string) bool {
		return ctx.Err() != nil || strings.Contains(a, "recirc") || exec.CommandContext(ctx, tool, "parse-actions", a).Run() != nil
	})
	if len(list) < 20 {
		return fmt.Errorf("ovs-dpctl reads %d of the corpus' actions", len(list))
	}
	var many []string
	for size := 0; size < 1<<20; { // as many as fit on a command line
		many = append(many, list...)
		for _, a := range list {
			size += len(a) + 9 // with the pointer to it
		}
	}
	call := func(args []string) (time.Duration, error) {
		var err error
		d := fastest(5, func() {
			if e := exec.CommandContext(ctx, tool, append([]string{"parse-actions"}, args...)...).Run(); e != nil {
				err = e
			}
		})
		return d, err
	}
	one, err := call(list[:1])
	if err != nil {
		return err
	}
	all, err := call(many)
	if err != nil {
		return err
	}
	ours := fastest(5, func() {
		for _, a := range many {
			as, perr := odp.Parse(a)
			if perr != nil {
				err = perr
			}
			_ = as.String()
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "  %d actions: here %v, in ovs-dpctl %v and %v to start\n", len(many), ours.Round(time.Millisecond), (all - one).Round(time.Millisecond), one.Round(time.Millisecond))
	b.ratio("parse-odp-vs-ovs-dpctl-process", one.Seconds()*float64(len(many))/ours.Seconds(), ">=", 100)
	b.ratio("parse-odp-vs-ovs-dpctl-bulk", (all-one).Seconds()/ours.Seconds(), ">=", 0.5)
	return nil
}
