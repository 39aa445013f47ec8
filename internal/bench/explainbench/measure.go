package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/bench/dbcount"
)

// cost is the cost of one way to get an explained trace.
type cost struct {
	time time.Duration
	rss  int64 // bytes, of the largest process
}

type measurement struct {
	tool, detrace, ovntrace cost
	calls                   cost // ofproto/trace alone: all segments in one call
	hits                    int
	requests, rounds, read  int64 // to the Southbound database, sent without waiting for each other, and bytes of its answers
	gaveUp                  bool  // ovn-detrace could not copy the database in its time
}

// The packet: from one switch of the first island to another, through its router.
const (
	from   = "sw0-0-p0"
	to     = "10.0.1.10"
	router = "0a:00:00:00:00:01"
)

// logicalFlow returns the packet as an OVN expression.
func logicalFlow() string {
	return fmt.Sprintf(`inport == "%s" && eth.src == %s && eth.dst == %s && ip4.src == 10.0.0.10 && ip4.dst == %s && ip.ttl == 64 && tcp.src == 40000 && tcp.dst == 80 && tcp.flags == 2`,
		from, mac(0, 0, 0), router, to)
}

// measure returns the best of several runs of each program. The programs run in turn, so that load
// on the machine affects all of them.
func (d *deployment) measure(ctx context.Context, s settings) (m measurement, err error) {
	in, err := d.ofport(ctx, from)
	if err != nil {
		return m, err
	}
	flow := fmt.Sprintf("in_port=%s,tcp,dl_src=%s,dl_dst=%s,nw_src=10.0.0.10,nw_dst=%s,nw_ttl=64,tp_src=40000,tp_dst=80,tcp_flags=syn", in, mac(0, 0, 0), router, to)
	logical := logicalFlow()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sb, err := dbcount.Listen(ctx, d.Dir, fmt.Sprintf("sb-%d", time.Now().UnixNano()), d.SB)
	if err != nil {
		return m, err
	}
	_, out, err := d.timed(ctx, "", s.tool, "trace", "--sb", sb.Remote, "--nb", d.NB, "--ovs-rundir", d.Dir, "--timeout", "10m", "-o", "json", logical)
	if err := check("ovn-ct-trace", out, err, `"stage":`); err != nil {
		return m, err
	}
	m.requests, m.rounds, m.read = sb.Requests.Load(), sb.Rounds.Load(), sb.Read.Load()
	for i := range s.runs {
		say("run %d of %d", i+1, s.runs)
		c, out, err := d.timed(ctx, "", s.tool, "trace", "--sb", d.SB, "--nb", d.NB, "--ovs-rundir", d.Dir, "--timeout", "10m", "-o", "json", logical)
		if err := check("ovn-ct-trace", out, err, `"stage":`, `outport == \"sw0-1-p0\" && tcp.dst == 80 (on switch sw0-1)`); err != nil {
			return m, err
		}
		m.tool.keep(c)

		// The same through ovn-detrace: the time of the pipeline is the sum of its parts, because
		// ovn-detrace starts when the trace is complete.
		first, trace, err := d.timed(ctx, "", "ovs-appctl", "-t", d.ctl(), "ofproto/trace", "br-int", flow, "--ct-next", "trk,new", "--ct-next", "trk,new", "--ct-next", "trk,new")
		if err := check("ofproto/trace", trace, err, "Datapath actions:"); err != nil {
			return m, err
		}
		m.calls.keep(first)
		m.hits = strings.Count(trace, ", priority ")
		second, out, err := d.timed(ctx, trace, "ovn-detrace", "--ovnsb="+d.SB, "--ovnnb="+d.NB)
		if err != nil && strings.Contains(err.Error(), "Retry Timeout") {
			// It waits at most ten seconds for its copy of a database.
			m.gaveUp, err, out = true, nil, "Logical flow: ACL: to-lport"
		}
		if err := check("ovn-detrace", out, err, "Logical flow:", "ACL: to-lport"); err != nil {
			return m, err
		}
		m.detrace.keep(cost{first.time + second.time, max(first.rss, second.rss)})

		c, out, err = d.timed(ctx, "", "ovn-trace", "--db="+d.SB, "--no-leader-only", "--ct", "new", "--ct", "new", "--ct", "new", "sw0-0", logical)
		if err := check("ovn-trace", out, err, `output to "sw0-1-p0"`); err != nil {
			return m, err
		}
		m.ovntrace.keep(c)
	}
	return m, nil
}

// check checks that a program has printed the expected result.
func check(name, out string, err error, want ...string) error {
	for _, w := range want {
		if err == nil && !strings.Contains(out, w) {
			err = fmt.Errorf("its answer lacks %q", w)
		}
	}
	if err != nil {
		if len(out) > 2000 {
			out = out[:2000] + "..."
		}
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// keep updates c to the shorter time and the larger memory.
func (c *cost) keep(now cost) {
	if c.time == 0 || now.time < c.time {
		c.time = now.time
	}
	c.rss = max(c.rss, now.rss)
}

// timed runs a program and returns its cost and output.
func (d *deployment) timed(ctx context.Context, stdin, tool string, args ...string) (cost, string, error) {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = d.Env()
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := lowerPeak(); err != nil {
		return cost{}, "", err
	}
	start := time.Now()
	err := cmd.Run()
	c := cost{time: time.Since(start)}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.rss = u.Maxrss * 1024
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	return c, out.String(), err
}

// lowerPeak frees memory of this process and resets its peak. A child starts with its parent's
// memory, and the kernel counts the parent's peak for the child (fs/exec.c: exec_mmap), so a
// measured peak is never lower.
func lowerPeak() error {
	debug.FreeOSMemory()
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // proc(5): reset the peak
}
