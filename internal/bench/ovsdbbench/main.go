// Ovsdbbench asks an ovsdb-server the questions of internal/explain twice: by internal/ovsdb and by
// libovsdb's client, which monitors nothing for it and only runs transactions.
//
// Each question is asked by a process of its own, once by each client in turn and several times
// over, so that a process's peak memory is that of one connection and one answer. The best of each
// client counts, for other processes are about. The ratios are ours to libovsdb's.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

func main() {
	rows := flag.Int("rows", 50_000, "logical flows in the database, of 100 datapaths")
	times := flag.Int("times", 5, "how often each client asks each question")
	ask := flag.String("ask", "", "ask one question, instead of measuring (for the processes that this one starts)")
	by := flag.String("by", "ours", "with -ask: ours or libovsdb")
	remote := flag.String("remote", "", "with -ask: the server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	missed := false
	if *ask != "" {
		err = child(ctx, *remote, *ask, *by)
	} else {
		missed, err = measure(ctx, *rows, *times)
	}
	switch {
	case err != nil:
		fmt.Fprintf(os.Stderr, "ovsdbbench: %v\n", err)
		os.Exit(3)
	case missed:
		os.Exit(1)
	}
}

// cost is what one answer took.
type cost struct {
	Connect time.Duration // connecting and reading the schema
	Ask     time.Duration // from the question to the last decoded row
	Rows    int
	Sum     uint64        // of what the rows say: the same by both clients
	CPU     time.Duration // of the whole process
	Peak    int64         // resident memory of the whole process, in bytes
}

// child asks one question and prints its cost.
func child(ctx context.Context, remote, ask, by string) error {
	q, ok := questions[ask]
	if !ok {
		return fmt.Errorf("no question %q", ask)
	}
	connect := ours
	if by == "libovsdb" {
		connect = libovsdb
	}
	begin := time.Now()
	answer, err := connect(ctx, remote)
	if err != nil {
		return err
	}
	var c cost
	c.Connect = time.Since(begin)
	begin = time.Now()
	if err := answer(q, func(f flow) { c.Rows++; c.Sum += f.sum() }); err != nil {
		return err
	}
	c.Ask = time.Since(begin)
	if c.CPU, c.Peak, err = used(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}

// measure prints the ratios of all questions and reports whether one is worse than its bar.
func measure(ctx context.Context, rows, times int) (missed bool, err error) {
	dir, err := os.MkdirTemp("", "ovsdb")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	g := &ovsdbtest.Group{Dir: dir}
	defer g.Stop()
	schema, err := ovsdbtest.Schema("ovn-sb.ovsschema")
	if err != nil {
		return false, err
	}
	if _, err := g.Server(ctx, "sb", schema); err != nil {
		return false, err
	}
	remote := g.Sock("sb")
	if err := fill(ctx, remote, rows); err != nil {
		return false, err
	}
	for _, name := range order {
		best := map[string]cost{}
		for range times {
			for _, by := range []string{"ours", "libovsdb"} {
				c, err := run(ctx, remote, name, by)
				if err != nil {
					return false, fmt.Errorf("%s by %s: %w", name, by, err)
				}
				best[by] = least(best[by], c)
			}
		}
		a, b := best["ours"], best["libovsdb"]
		if a.Rows != b.Rows || a.Sum != b.Sum || a.Rows == 0 {
			return false, fmt.Errorf("%s: %d rows (%x) by ours, %d rows (%x) by libovsdb", name, a.Rows, a.Sum, b.Rows, b.Sum)
		}
		fmt.Printf("  ovsdb %-8s %6d rows: ours %s; libovsdb %s\n", name, a.Rows, a, b)
		bar := questions[name].bar
		missed = ratio("ovsdb-"+name+"-time-vs-libovsdb", a.Ask.Seconds()/b.Ask.Seconds(), bar.time) || missed
		missed = ratio("ovsdb-"+name+"-cpu-vs-libovsdb", a.CPU.Seconds()/b.CPU.Seconds(), bar.cpu) || missed
		missed = ratio("ovsdb-"+name+"-memory-vs-libovsdb", float64(a.Peak)/float64(b.Peak), bar.memory) || missed
	}
	return missed, nil
}

func (c cost) String() string {
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	return fmt.Sprintf("%.0f ms (connect %.0f ms), CPU %.0f ms, %.1f MB", ms(c.Ask), ms(c.Connect), ms(c.CPU), float64(c.Peak)/1e6)
}

// ratio prints a result and reports whether it is worse than its bar.
func ratio(name string, x, bar float64) bool {
	fmt.Printf("bench: %s ratio=%.4g bar=<=%g\n", name, x, bar)
	return x > bar
}

// least joins the best of two costs of the same answer.
func least(a, b cost) cost {
	if a.Rows == 0 {
		return b
	}
	b.Connect, b.Ask, b.CPU, b.Peak = min(a.Connect, b.Connect), min(a.Ask, b.Ask), min(a.CPU, b.CPU), min(a.Peak, b.Peak)
	return b
}

// run asks one question in a process of its own.
func run(ctx context.Context, remote, ask, by string) (c cost, err error) {
	cmd := exec.CommandContext(ctx, os.Args[0], "-remote", remote, "-ask", ask, "-by", by)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(out, &c); err != nil {
		return c, err
	}
	return c, nil
}

// used returns what this process has used. The peak is VmHWM of proc(5) and not ru_maxrss, which
// begins at the memory of the process that forked this one.
func used() (cpu time.Duration, peak int64, err error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, 0, err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if !found || len(fields) < 2 || fields[1] != "kB" {
		return 0, 0, errors.New("no VmHWM in /proc/self/status")
	}
	kB, err := strconv.ParseInt(fields[0], 10, 64)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), kB << 10, err
}
