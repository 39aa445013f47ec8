package main

import (
	"context"
	"fmt"
	"os"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// inside returns a command of the host that runs inside-NAME, with its arguments, in an instance.
func inside(name string) func(ctx context.Context, args []string) error {
	return func(ctx context.Context, args []string) error {
		s, err := open(ctx)
		if err != nil {
			return err
		}
		defer s.close()
		return s.result(ctx, append([]string{remoteBin + "/labctl", "inside-" + name}, args...)...)
	}
}

// builtTool is the built command in the instance.
const builtTool = remoteBin + "/ovn-ct-trace"

// reach returns the flags by which a command of the tool reaches the lab: where its databases are
// sockets of a chassis, it begins with those of one.
func reach(tool string) []string {
	if z := base().Zone(""); z.On != "" {
		return []string{"--sb", "node:" + z.On, "--node-cmd", nodeCmdOf(tool)}
	}
	return []string{"--sb", lab.SBRemote, "--nb", lab.NBRemote, "--node-cmd", nodeCmdOf(tool)}
}

// ask runs a command of the built tool in the lab, with -o json, decodes its answer and returns its
// exit status. What it prints to standard error goes there.
func ask(ctx context.Context, l *lab.Lab, into any, command string, args ...string) (status int, err error) {
	run, err := l.RunTool(ctx, builtTool, append(append([]string{command, "-o", "json"}, reach(builtTool)...), args...)...)
	if run == nil {
		return 0, err
	}
	if run.Stderr != "" {
		fmt.Fprintln(os.Stderr, run.Stderr)
	}
	if err == nil && into != nil {
		err = run.JSON(into)
	}
	if err != nil {
		err = fmt.Errorf("%s %q: %w", command, args, err)
	}
	return run.Status, err
}

// openProbe returns a runner of packets in the lab of this instance; the caller closes it.
func openProbe(ctx context.Context) (*probe.Runner, error) {
	l, err := lab.Attach(base(), os.Stderr)
	if err != nil {
		return nil, err
	}
	r := &probe.Runner{Lab: l, Out: os.Stdout, Settle: settleTime(l.Topo)}
	return r, r.Open(ctx)
}
