// Usbench measures the cost of one trace on a node with the userspace datapath, whose conntrack
// table can only be dumped: time and memory of the trace, and how long forwarding stops.
//
// It prints each result as a line for scripts:
//
//	bench: NAME ratio=X bar=<=Y
//
// The exit status is 1 if a ratio misses its limit. It needs root, for a network namespace of its
// own, and Open vSwitch; without them it says so, and fails only under CT_TRACE_LIVE=1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	missed, err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errSkip) && os.Getenv("CT_TRACE_LIVE") != "1":
		fmt.Println(err)
	case err != nil:
		fmt.Fprintf(os.Stderr, "usbench: %v\n", err)
		os.Exit(3)
	case missed:
		os.Exit(1)
	}
}

// errSkip reports a measurement that is impossible on this machine.
var errSkip = errors.New("left out")

// The limits.
const (
	timeBar   = 1.3 // relative to one dump of each zone, plain or as detailed as the trace's
	memoryBar = 32  // MB more than a run that dumps nothing
	stopBar   = 1.1 // relative to the stop by the longer of the same dumps
)

func run(ctx context.Context, args []string) (missed bool, err error) {
	fs := flag.NewFlagSet("usbench", flag.ContinueOnError)
	entries := fs.Int("entries", 400_000, "connections, in two zones")
	rounds := fs.Int("rounds", 5, "repetitions, of which the best counts")
	tool := fs.String("tool", "bin/ovn-ct-trace", "the command to measure")
	if err := fs.Parse(args); err != nil {
		return false, err
	}
	if os.Geteuid() != 0 {
		return false, fmt.Errorf("%w: needs root", errSkip)
	}
	for _, name := range []string{"ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl", "ovs-appctl", "ip"} {
		if _, err := exec.LookPath(name); err != nil {
			return false, fmt.Errorf("%w: %v", errSkip, err)
		}
	}
	n, err := newNode(ctx, *tool)
	if err != nil {
		return false, err
	}
	defer n.stop()
	have, err := n.fill(ctx, *entries/2)
	if err != nil {
		return false, err
	}
	fmt.Printf("%d connections in two zones\n", have)
	best, err := n.measure(ctx, *rounds, have)
	if err != nil {
		return false, err
	}
	fmt.Printf("a trace takes %v, a plain dump of each zone %v; forwarding stops for %v and %v\n",
		best.trace.Round(time.Millisecond), best.plain.Round(time.Millisecond), best.traceStop.Round(time.Millisecond), best.dumpStop.Round(time.Millisecond))
	ratio := func(name string, x, bar float64) {
		missed = missed || x > bar
		fmt.Printf("bench: %s ratio=%.4g bar=<=%g\n", name, x, bar)
	}
	ratio("userspace-trace-vs-dumps", best.trace.Seconds()/best.plain.Seconds(), timeBar)
	ratio("userspace-trace-vs-own-dumps", best.trace.Seconds()/best.same.Seconds(), timeBar)
	ratio("userspace-trace-memory-MB", best.memory, memoryBar)
	ratio("userspace-forwarding-stop", best.traceStop.Seconds()/best.dumpStop.Seconds(), stopBar)
	return missed, nil
}
