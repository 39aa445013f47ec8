package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// whatIfTimes is how many times as long as ovn-northd and ovn-controller alone a what-if may take.
const whatIfTimes = 1.5

// whatIf measures a what-if about one chassis against what it cannot do without: databases,
// ovn-northd, Open vSwitch and ovn-controller that start on a copy of the Northbound database.
func (d *deployment) whatIf(ctx context.Context, s settings) (met bool, err error) {
	var alone, all cost
	for i := range s.runs {
		say("what-if run %d of %d", i+1, s.runs)
		c, err := d.again(ctx)
		if err != nil {
			return false, err
		}
		alone.keep(c)
		c, out, err := measured(ctx, s.tool, "what-if", "--sb", d.SB, "--nb", d.NB, "--ovs-rundir", d.Dir, "--timeout", "10m", "-o", "json",
			"--nb-run", "acl-add sw0-1 to-lport 2000 tcp.dst==80 drop", "--no-connections", "--from", from, "--to", to+":80/tcp")
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 1 { // there is a difference
			err = nil
		}
		if err := check("ovn-ct-trace what-if", out, err, `"fate": "dies"`); err != nil {
			return false, err
		}
		all.keep(c)
	}
	fmt.Printf("what-if: %.1f s, %.0f MB of our own; ovn-northd and ovn-controller alone: %.1f s\n", all.time.Seconds(), float64(all.rss)/1e6, alone.time.Seconds())
	return ratio("what-if-vs-its-daemons", all.time.Seconds()/alone.time.Seconds(), "<=", whatIfTimes), nil
}

// again returns how long the daemons take to compute the chassis from the Northbound database, once
// from nothing and once more after the change.
func (d *deployment) again(ctx context.Context) (c cost, err error) {
	dir, err := os.MkdirTemp("", "eb")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(dir)
	nb, err := os.ReadFile(filepath.Join(d.Dir, "nb.db"))
	if err != nil {
		return c, err
	}
	if err := os.WriteFile(filepath.Join(dir, "nb.db"), nb, 0o600); err != nil {
		return c, err
	}
	start := time.Now()
	e, err := bringUp(ctx, dir)
	if err != nil {
		return c, err
	}
	defer e.Stop()
	if err := e.plug(ctx); err != nil {
		return c, err
	}
	for _, change := range [][]string{{"sync"}, {"acl-add", "sw0-1", "to-lport", "2000", "tcp.dst==80", "drop"}} {
		argv := append([]string{"--db=" + e.NB, "--no-leader-only", "--wait=hv", "--timeout=600"}, change...)
		if _, err := e.Run(ctx, "", "ovn-nbctl", argv...); err != nil {
			return c, err
		}
	}
	c.time = time.Since(start)
	return c, nil
}
