package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// ToolRun is one run of the built command that has ended by itself.
type ToolRun struct {
	Status int // its exit status
	Out    []byte
	Stderr string
	Took   time.Duration
}

// RunTool runs the built command with the tools of the lab's release. The result is nil if it could
// not be started, and has what was printed if ctx ended first.
func (l *Lab) RunTool(ctx context.Context, tool string, args ...string) (*ToolRun, error) {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = append(os.Environ(), l.Bin.Env()...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 10 * time.Second // on a busy machine what was printed may take long to read
	began := time.Now()
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return nil, err
	}
	r := &ToolRun{Status: cmd.ProcessState.ExitCode(), Out: out.Bytes(), Stderr: strings.TrimSpace(errs.String()), Took: time.Since(began)}
	if ctx.Err() != nil {
		return r, fmt.Errorf("the tool did not answer in time: %w", ctx.Err())
	}
	if r.Status < 0 {
		return r, fmt.Errorf("the tool: %w: %s", err, r.Stderr)
	}
	return r, nil
}

// JSON decodes what the command has printed.
func (r *ToolRun) JSON(into any) error {
	if err := json.Unmarshal(r.Out, into); err != nil {
		return fmt.Errorf("exit status %d, no JSON: %w: %s", r.Status, err, r.Stderr)
	}
	return nil
}

// NodeFlags returns the flags by which the tool runs itself on each chassis.
func (t *Topology) NodeFlags(tool string) []string {
	var out []string
	for _, c := range t.Chassis {
		out = append(out, "--node", fmt.Sprintf("%s=exec:ip netns exec %s env OVS_RUNDIR=%s OVN_RUNDIR=%s %s node stdio",
			c.Name, c.Name, OVSRundir(c.Name), OVNRundir(c.Name), tool))
	}
	return out
}
