package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// warmBar is the maximum ratio between the time of a trace over open connections and that of one
// ofproto/trace call for each of its segments.
const warmBar = 1.3

// warmTraces is how many such traces are made in a run.
const warmTraces = 40

// warm returns the time of the demo's trace as matrix makes it, one after the other: the nodes run,
// and rows and names that do not change are known from an earlier trace.
func (b *traceBench) warm(ctx context.Context) (time.Duration, error) {
	one, err := b.matrix(ctx, 1)
	if err != nil {
		return 0, err
	}
	all, err := b.matrix(ctx, 1+warmTraces)
	if err != nil {
		return 0, err
	}
	return (all - one) / warmTraces, nil
}

// matrix returns the time of a run of matrix that asks the demo's question n times.
func (b *traceBench) matrix(ctx context.Context, n int) (time.Duration, error) {
	list, err := os.CreateTemp("", "ctbench")
	if err != nil {
		return 0, err
	}
	defer os.Remove(list.Name())
	defer list.Close()
	if _, err := list.WriteString(strings.Repeat("sw0-p1 30.0.0.11:80/tcp expect=delivered\n", n)); err != nil {
		return 0, err
	}
	run, err := b.lab.RunTool(ctx, b.tool, append([]string{"matrix", list.Name(), "--in-flight", "1", "-o", "json"}, reach(b.tool)...)...)
	if err != nil {
		return 0, err
	}
	sum, err := matrixSummary(run)
	if err != nil {
		return 0, err
	}
	if sum.Questions != n || sum.Verdicts["delivered"] != n {
		return 0, fmt.Errorf("matrix: %+v", sum)
	}
	return time.Duration(sum.Seconds * float64(time.Second)), nil
}
