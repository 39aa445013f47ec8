package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/bench/replay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
)

// callsBar is the maximum number of ofproto/trace calls for each segment.
const callsBar = 1.3

// traceBar is the maximum ratio between the time of a trace and that of its ofproto/trace calls.
const traceBar = 1.5

// cmdInsideBench measures the trace of the demo's packet, and its ofproto/trace calls made in
// sequence with ovs-appctl. The two alternate, so that load on the machine affects both.
func cmdInsideBench(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("inside-bench", flag.ContinueOnError)
	rounds := fs.Int("rounds", 3, "repetitions, of which the fastest counts")
	tool := fs.String("tool", builtTool, "the command to measure")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	l, err := lab.Attach(base(), os.Stderr)
	if err != nil {
		return err
	}
	b := &traceBench{lab: l, tool: *tool}
	if b.appctl, err = l.Bin.Tool("ovs-appctl"); err != nil {
		return err
	}
	// What a person would have to ask for by hand: every value of a hash. The tool asks for less.
	steps, _, err := b.record(ctx, false)
	if err != nil {
		return err
	}
	_, made, err := b.record(ctx, true)
	if err != nil {
		return err
	}
	var whole, bare, socket time.Duration
	// If the ratio is too high, repeat once more, because other processes may load the machine longer
	// than one round.
	for i := 0; i < *rounds || i < 2**rounds && whole.Seconds() > traceBar*bare.Seconds(); i++ {
		fmt.Fprintf(os.Stderr, "bench: round %d\n", i+1)
		w, _, err := b.trace(ctx, lab.Dir)
		if err != nil {
			return err
		}
		p, err := sumOf(&replay.Runner{Steps: steps, Timed: b.byHand, Quick: b.direct}, ctx)
		if err != nil {
			return err
		}
		d, err := sumOf(&replay.Runner{Steps: steps, Timed: b.direct, Quick: b.direct}, ctx)
		if err != nil {
			return err
		}
		fmt.Printf("  round %d: the whole trace %.2f s; its calls by ovs-appctl %.2f s, straight to the sockets %.2f s\n", i+1, w.Seconds(), p.Seconds(), d.Seconds())
		if i == 0 || w < whole {
			whole = w
		}
		if i == 0 || p < bare {
			bare = p
		}
		if i == 0 || d < socket {
			socket = d
		}
	}
	fmt.Printf("  %d calls of ofproto/trace by hand for %d segments on %d hops; %.0f ms a call by ovs-appctl, %.0f ms of it in ovs-vswitchd\n",
		len(steps), b.segments, b.hops, bare.Seconds()*1e3/float64(len(steps)), socket.Seconds()*1e3/float64(len(steps)))
	one := float64(b.segments) / float64(len(steps)) // the share of one call a segment
	fmt.Printf("  the whole cold trace against one call a segment by ovs-appctl: %.3g\n", whole.Seconds()/(bare.Seconds()*one))
	warm, err := b.warm(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("  a trace over open connections %.1f ms; one call a segment by ovs-appctl %.1f ms, straight to the sockets %.1f ms\n",
		warm.Seconds()*1e3, bare.Seconds()*one*1e3, socket.Seconds()*one*1e3)
	y := warm.Seconds() / (bare.Seconds() * one)
	fmt.Printf("bench: warm-trace-vs-one-call-a-segment ratio=%.3g bar=<=%g\n", y, warmBar)
	calls := float64(made) / float64(b.segments)
	fmt.Printf("bench: ofproto-trace-calls-a-segment ratio=%.3g bar=<=%g\n", calls, callsBar)
	x := whole.Seconds() / bare.Seconds()
	fmt.Printf("bench: trace-vs-ofproto-trace ratio=%.3g bar=<=%g\n", x, traceBar)
	met, err := benchMatrix(ctx, l, *tool)
	if err == nil && (x > traceBar || y > warmBar || calls > callsBar || !met) {
		err = &guest.ExitError{Code: 1}
	}
	return err
}

// sumOf runs a plan and returns the sum of its times.
func sumOf(r *replay.Runner, ctx context.Context) (sum time.Duration, err error) {
	took, err := r.Run(ctx)
	for _, t := range took {
		sum += t
	}
	return sum, err
}

type traceBench struct {
	lab            *lab.Lab
	tool, appctl   string
	segments, hops int
}

// record runs the trace once with a recorder in front of every control socket, and returns the
// calls of ofproto/trace as a plan, and how many there were, repeated ones too. groups says whether
// the tool can read groups by OpenFlow.
func (b *traceBench) record(ctx context.Context, groups bool) (steps []replay.Step, made int, err error) {
	dir, err := os.MkdirTemp("/run", "ctbench")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(dir)
	rec := replay.Recorder{Groups: groups}
	for _, c := range b.lab.Topo.Chassis {
		if err := rec.Stand(ctx, c.Name, lab.OVSRundir(c.Name), filepath.Join(dir, c.Name, "ovs")); err != nil {
			return nil, 0, err
		}
	}
	_, out, err := b.trace(ctx, dir)
	calls := rec.Close()
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		Verdict string `json:"verdict"`
		Packets []struct {
			Hops []struct {
				Segments []struct {
					Tables []struct {
						LogicalFlow any `json:"logical_flow"`
					} `json:"tables"`
				} `json:"segments"`
			} `json:"hops"`
		} `json:"packets"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, 0, err
	}
	explained := 0
	b.segments, b.hops = 0, 0
	for _, p := range answer.Packets {
		b.hops += len(p.Hops)
		for _, h := range p.Hops {
			b.segments += len(h.Segments)
			for _, s := range h.Segments {
				for _, t := range s.Tables {
					if t.LogicalFlow != nil {
						explained++
					}
				}
			}
		}
	}
	if answer.Verdict != "delivered" || explained == 0 {
		return nil, 0, fmt.Errorf("the trace to measure ends %s, with %d tables explained", answer.Verdict, explained)
	}
	for _, c := range calls {
		if strings.HasPrefix(c.Method, "ofproto/trace") {
			made++
		}
	}
	steps, err = replay.Plan(calls)
	if err == nil && len(steps) < b.segments {
		// Hops shared by alternatives are traced once and listed once.
		err = fmt.Errorf("%d calls were seen for %d segments", len(steps), b.segments)
	}
	return steps, made, err
}

// trace runs the command with the OVS run folders of the chassis below root.
func (b *traceBench) trace(ctx context.Context, root string) (time.Duration, []byte, error) {
	node := fmt.Sprintf("ip netns exec {chassis} env OVS_RUNDIR=%s/{chassis}/ovs OVN_RUNDIR=%s/{chassis}/ovn %s node stdio", root, lab.Dir, b.tool)
	cmd := exec.CommandContext(ctx, b.tool, "trace", "--sb", lab.SBRemote, "--nb", lab.NBRemote, "--node-cmd", node,
		"--from", "sw0-p1", "--to", "30.0.0.11:80/tcp", "--timeout", "5m", "-o", "json")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	begin := time.Now()
	err := cmd.Run()
	took := time.Since(begin)
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return took, out.Bytes(), err
}

// byHand makes a call with ovs-appctl, as at a shell.
func (b *traceBench) byHand(ctx context.Context, c replay.Call, args []string) (string, error) {
	cmd := exec.CommandContext(ctx, b.appctl, append([]string{c.Method}, args...)...)
	cmd.Env = slices.Concat(os.Environ(), b.lab.ChassisEnv(c.Chassis))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("ovs-appctl %s: %w: %s", c.Method, err, bytes.TrimSpace(errs.Bytes()))
	}
	return string(out), err
}

// direct makes a call over the control socket, without a process.
func (b *traceBench) direct(ctx context.Context, c replay.Call, args []string) (string, error) {
	socket, err := replay.Socket(lab.OVSRundir(c.Chassis))
	if err != nil {
		return "", err
	}
	return replay.Ask(ctx, socket, c.Method, args...)
}
