// Explainbench compares, on one generated deployment, the cost of an explained trace with this
// tool, with ofproto/trace | ovn-detrace, and with ovn-trace. The deployment is real: both
// databases, ovn-northd, and one chassis with ovn-controller and ovs-vswitchd on its dummy
// datapath, so that neither root nor a kernel module is needed.
//
// It prints each ratio as a line for scripts:
//
//	bench: NAME ratio=X bar=>=Y
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
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	met, err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "explainbench: %v\n", err)
		stop()
		os.Exit(3)
	case !met:
		stop()
		os.Exit(1)
	}
}

// vsOVNTrace is how many times faster than ovn-trace an explained trace must be.
const vsOVNTrace = 20

// rounds is how many rounds of requests to the Southbound database an explained trace may need: a
// round is what is sent without waiting for each other's answers (docs/performance.md).
const rounds = 2

// beyondCalls is what a cold explained trace may take beyond ofproto/trace.
const beyondCalls = 300 * time.Millisecond

// settings are the command line.
type settings struct {
	flows   int
	growth  int
	runs    int
	offline bool
	whatIf  bool
	entries int
	tool    string
	hold    bool
}

func run(ctx context.Context, args []string) (met bool, err error) {
	var s settings
	fs := flag.NewFlagSet("explainbench", flag.ContinueOnError)
	fs.IntVar(&s.flows, "flows", 50000, "logical flows to generate, at least")
	fs.IntVar(&s.growth, "growth", 10, "measure again with this many times the flows; 1: do not")
	fs.IntVar(&s.runs, "runs", 3, "repetitions, of which the best counts")
	fs.StringVar(&s.tool, "tool", "", "the program to measure; built if empty")
	fs.BoolVar(&s.offline, "offline", false, "measure a trace from an archive of the chassis instead")
	fs.BoolVar(&s.whatIf, "what-if", false, "measure a what-if about the chassis instead")
	fs.IntVar(&s.entries, "entries", 100_000, "connections in the archive")
	fs.BoolVar(&s.hold, "hold", false, "keep the deployment running until interrupted")
	if err := fs.Parse(args); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "eb")
	if err != nil {
		return false, err
	}
	if os.Getenv("EBKEEP") == "" {
		defer os.RemoveAll(dir)
	}
	if s.tool == "" {
		s.tool = filepath.Join(dir, "ovn-ct-trace")
		say("building the tool")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.tool, "./cmd/ovn-ct-trace").CombinedOutput(); err != nil {
			return false, fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	datapath := "system"
	if s.whatIf {
		datapath = "dummy"
	}
	d, err := bringUp(ctx, dir, datapath)
	if err != nil {
		return false, err
	}
	defer d.Stop()

	if s.offline || s.whatIf {
		if _, err := d.grow(ctx, s.flows); err != nil {
			return false, err
		}
		if s.whatIf {
			return d.whatIf(ctx, s)
		}
		return d.offline(ctx, s)
	}
	met = true
	sizes := []int{s.flows}
	if s.growth > 1 {
		sizes = append(sizes, s.flows*s.growth)
	}
	for _, size := range sizes {
		have, err := d.grow(ctx, size)
		if err != nil {
			return false, err
		}
		if s.hold {
			fmt.Printf("%d logical flows; export OVS_RUNDIR=%[2]s OVN_RUNDIR=%[2]s OVN_NB_DB=%[3]s OVN_SB_DB=%[4]s\n%[5]s\n", have, dir, d.NB, d.SB, logicalFlow())
			<-ctx.Done()
			return true, nil
		}
		m, err := d.measure(ctx, s)
		if err != nil {
			return false, err
		}
		suffix := ""
		if size != s.flows {
			suffix = fmt.Sprintf("-at-%d", size)
		}
		fmt.Printf("%d logical flows, %d table hits in ofproto/trace\n", have, m.hits)
		for _, c := range []struct {
			name string
			cost
		}{{"ovn-ct-trace", m.tool}, {"ofproto/trace|ovn-detrace", m.detrace}, {"ovn-trace", m.ovntrace}} {
			fmt.Printf("  %-26s %8.3f s %8.1f MB\n", c.name, c.time.Seconds(), float64(c.rss)/1e6)
		}
		fmt.Printf("  ovn-ct-trace sent the Southbound database %d requests in %d rounds and read %.2f MB\n", m.requests, m.rounds, float64(m.read)/1e6)
		if size == s.flows {
			met = ratio("explained-trace-southbound-4MB", float64(m.read)/4e6, "<=", 1) && met
			met = ratio("explained-trace-southbound-rounds", float64(m.rounds), "<=", rounds) && met
			met = ratio("explained-trace-beyond-its-calls-300ms", (m.tool.time-m.calls.time).Seconds()/beyondCalls.Seconds(), "<=", 1) && met
		}
		if m.gaveUp {
			fmt.Println("  ovn-detrace gave no answer: \"Retry Timeout\"; its time until then is not compared")
			met = ratio("explained-trace-vs-ovn-trace"+suffix, m.ovntrace.time.Seconds()/m.tool.time.Seconds(), ">=", vsOVNTrace) && met
			continue
		}
		met = ratio("explain-vs-ovn-detrace"+suffix, m.detrace.time.Seconds()/m.tool.time.Seconds(), ">=", 20) && met
		met = ratio("explain-mem-vs-ovn-detrace"+suffix, float64(m.tool.rss)/float64(m.detrace.rss), "<=", 0.1) && met
		met = ratio("explained-trace-vs-ovn-trace"+suffix, m.ovntrace.time.Seconds()/m.tool.time.Seconds(), ">=", vsOVNTrace) && met
	}
	return met, nil
}

// ratio prints one result and reports whether it meets its limit.
func ratio(name string, x float64, rel string, bar float64) bool {
	fmt.Printf("bench: %s ratio=%.3g bar=%s%g\n", name, x, rel, bar)
	if rel == ">=" {
		return x >= bar
	}
	return x <= bar
}

var began = time.Now()

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}
