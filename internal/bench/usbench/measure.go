package main

import (
	"context"
	"fmt"
	"math"
	"time"
)

// result has the best values of several rounds.
type result struct {
	trace, plain, same  time.Duration // a trace; a plain dump of each zone; the trace's dumps alone
	memory              float64       // MB that a trace takes above one that dumps nothing
	traceStop, dumpStop time.Duration // longest stop of forwarding: by a trace; by its dumps alone
}

// The exit statuses of the traces: delivered, and unknown because the table is too large to dump.
const (
	delivered = 0
	refused   = 4
)

// dumpOptions are the options with which a trace dumps a zone (ctdpif.Table).
var dumpOptions = []string{"-m", "-s"}

// measure alternates trace and dumps, so that load on the machine affects both. have is the number
// of connections, which must still be there after each round: a round on a smaller table would be
// the best one.
func (n *node) measure(ctx context.Context, rounds, have int) (result, error) {
	const never = time.Duration(math.MaxInt64)
	best := result{trace: never, plain: never, same: never, traceStop: never, dumpStop: never, memory: math.MaxFloat64}
	zones := func(options ...string) error {
		for zone := 1; zone <= 2; zone++ {
			if err := n.dump(ctx, zone, options...); err != nil {
				return err
			}
		}
		return nil
	}
	trace := func() error {
		_, _, err := n.traceOnce(ctx, 0, delivered)
		return err
	}
	for i := range rounds {
		if ctx.Err() != nil {
			return best, ctx.Err()
		}
		took, mb, err := n.traceOnce(ctx, 0, delivered)
		if err != nil {
			return best, err
		}
		_, idle, err := n.traceOnce(ctx, 1, refused)
		if err != nil {
			return best, err
		}
		begin := time.Now()
		if err := zones(); err != nil {
			return best, err
		}
		plain := time.Since(begin)
		begin = time.Now()
		if err := zones(dumpOptions...); err != nil {
			return best, err
		}
		same := time.Since(begin)
		dumpStop, err := n.longestStop(func() error { return zones(dumpOptions...) })
		if err != nil {
			return best, err
		}
		traceStop, err := n.longestStop(trace)
		if err != nil {
			return best, err
		}
		switch left, err := n.connections(ctx); {
		case err != nil:
			return best, err
		case left < have:
			return best, fmt.Errorf("round %d: %d of %d connections have expired", i+1, have-left, have)
		}
		fmt.Printf("  round %d: trace %.2f s, %.1f MB (%.1f MB without a dump); dumps %.2f s, as detailed as its own %.2f s; forwarding stops for %.2f s by the trace, %.2f s by its dumps alone\n",
			i+1, took.Seconds(), mb, idle, plain.Seconds(), same.Seconds(), traceStop.Seconds(), dumpStop.Seconds())
		best.trace, best.plain, best.same = min(best.trace, took), min(best.plain, plain), min(best.same, same)
		best.memory = min(best.memory, mb-idle)
		best.traceStop, best.dumpStop = min(best.traceStop, traceStop), min(best.dumpStop, dumpStop)
	}
	return best, nil
}
