package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// result is one line of go test -bench.
type result struct {
	name                       string
	ns, mbs, bytesOp, allocsOp float64
}

// kB returns the number of kB that one operation reads.
func (r result) kB() float64 { return r.mbs * r.ns / 1e6 }

// parseResults parses the lines "BenchmarkX-2 N ns/op ..." in the output of go test.
func parseResults(out string) (list []result) {
	for _, line := range strings.Split(out, "\n") {
		words := strings.Fields(line)
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		r := result{name: strings.TrimPrefix(words[0], "Benchmark")}
		if i := strings.LastIndexByte(r.name, '-'); i > 0 {
			r.name = r.name[:i]
		}
		for i := 2; i+1 < len(words); i += 2 {
			v, err := strconv.ParseFloat(words[i], 64)
			if err != nil {
				continue
			}
			switch words[i+1] {
			case "ns/op":
				r.ns = v
			case "MB/s":
				r.mbs = v
			case "B/op":
				r.bytesOp = v
			case "allocs/op":
				r.allocsOp = v
			}
		}
		if r.ns > 0 {
			list = append(list, r)
		}
	}
	return list
}

// benchmarks runs a package's benchmarks several times and returns the best result of each, because
// other processes may be running.
func benchmarks(ctx context.Context, pkg, pattern string, times int, each string) (map[string]result, error) {
	cmd := exec.CommandContext(ctx, "go", "test", pkg, "-run", "^$", "-bench", pattern, "-benchmem", "-benchtime", each, "-count", strconv.Itoa(times))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", pkg, err, out)
	}
	best := map[string]result{}
	for _, r := range parseResults(string(out)) {
		if old, ok := best[r.name]; !ok || r.ns < old.ns {
			best[r.name] = r
		}
	}
	if len(best) == 0 {
		return nil, fmt.Errorf("%s: no benchmark ran: %s", pkg, out)
	}
	return best, nil
}

// model checks that one ct(nat) of an established connection takes at most a microsecond.
func (b *bench) model(ctx context.Context) error {
	res, err := benchmarks(ctx, "./ctstate", "Classify|Commit", 5, "300ms")
	if err != nil {
		return err
	}
	for _, name := range []string{"Classify", "Commit"} {
		r, ok := res[name]
		if !ok {
			return fmt.Errorf("ctstate has no benchmark %s", name)
		}
		fmt.Fprintf(b.out, "  ctstate %-9s %7.0f ns, %.0f allocations\n", name, r.ns, r.allocsOp)
	}
	r := res["Classify"]
	b.ratio("ct-classify-nat-vs-1us", r.ns/1000, "<=", 1)
	b.ratio("ct-classify-nat-allocs", r.allocsOp, "<=", 0)
	return nil
}
