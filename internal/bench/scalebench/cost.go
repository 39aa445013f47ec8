package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/bench/dbcount"
)

// cost is what one run of the tool took.
type cost struct {
	status    int
	wall      time.Duration
	cpu       time.Duration // of the tool and of the commands that reach nodes
	peak      int64         // resident memory of the tool, in bytes
	files     int           // open at once
	processes int           // commands that reach nodes, at once
	questions [2]int64      // transactions: Southbound, Northbound
	read      [2]int64      // bytes of the databases' answers
	links     int           // connections to nodes at once
	calls     int           // of nodes
	out, err  string
}

const heading = "| question | chassis | status | clock | processor | memory | files | processes | links | calls | SB: questions, MB | NB: questions, MB |"

func (c cost) row(name string, chassis int) string {
	return fmt.Sprintf("| %s | %d | %d | %.2f s | %.2f s | %.1f MB | %d | %d | %d | %d | %d, %.3f | %d, %.3f |", name, chassis, c.status, c.wall.Seconds(), c.cpu.Seconds(),
		float64(c.peak)/1e6, c.files, c.processes, c.links, c.calls, c.questions[0], float64(c.read[0])/1e6, c.questions[1], float64(c.read[1])/1e6)
}

// spend runs the tool and measures it.
func spend(ctx context.Context, tool string, args []string, dbs [2]*dbcount.Counter) (cost, error) {
	var c cost
	for i, db := range dbs {
		c.questions[i], c.read[i] = -db.Questions.Load(), -db.Read.Load()
	}
	cmd := exec.CommandContext(ctx, tool, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return c, err
	}
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			c.look(cmd.Process.Pid)
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	_ = cmd.Wait() // its status is part of the result
	c.wall = time.Since(begin)
	close(done)
	<-watched
	c.status, c.out, c.err = cmd.ProcessState.ExitCode(), out.String(), errs.String()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for i, db := range dbs {
		c.questions[i] += db.Questions.Load()
		c.read[i] += db.Read.Load()
	}
	return c, ctx.Err()
}

// look reads what a process has now.
func (c *cost) look(pid int) {
	if files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		c.files = max(c.files, len(files))
	}
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	n := 0
	for _, t := range tasks {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, t.Name()))
		n += len(bytes.Fields(children))
	}
	c.processes = max(c.processes, n)
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		var kB int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kB); err == nil {
			c.peak = max(c.peak, kB<<10)
		}
	}
}
