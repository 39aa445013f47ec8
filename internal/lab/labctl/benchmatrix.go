package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// matrixBar is the minimum number of matrix' traces a minute on two processors that have nothing
// else to do.
const matrixBar = 3000

// benchMatrix measures matrix over every pair of the lab: the tool, its nodes and every
// ovs-vswitchd, by the processor time that they took. Other load on the machine makes the run
// longer, and that time no more than a little.
func benchMatrix(ctx context.Context, l *lab.Lab, tool string) (met bool, err error) {
	args := append([]string{"matrix", "--all", "--service", "80/tcp", "-o", "json"}, reach(tool)...)
	before, err := vswitchdTime(l)
	if err != nil {
		return false, err
	}
	own, err := childTime()
	if err != nil {
		return false, err
	}
	run, err := l.RunTool(ctx, tool, args...)
	if err != nil {
		return false, err
	}
	after, err := vswitchdTime(l)
	if err != nil {
		return false, err
	}
	ours, err := childTime()
	if err != nil {
		return false, err
	}
	sum, err := matrixSummary(run)
	if err != nil {
		return false, err
	}
	n := sum.Questions
	if n == 0 || sum.Failed > 0 {
		return false, fmt.Errorf("matrix: %+v", sum)
	}
	used := ours - own + after - before
	rate := 120 * float64(n) / used.Seconds()
	fmt.Printf("  matrix: %d traces in %.1f s, %.0f a minute; processor time of a trace: the tool and its nodes %.1f ms, the ovs-vswitchds %.1f ms\n",
		n, sum.Seconds, float64(n)*60/sum.Seconds, float64((ours-own).Microseconds())/1e3/float64(n), float64((after-before).Microseconds())/1e3/float64(n))
	fmt.Printf("bench: matrix-traces-a-minute-vs-%d ratio=%.3g bar=>=1\n", matrixBar, rate/matrixBar)
	return rate >= matrixBar, nil
}

// matrixSummary returns the counts at the end of a run of matrix with -o json.
func matrixSummary(run *lab.ToolRun) (report.MatrixSummary, error) {
	lines := bytes.Split(bytes.TrimSpace(run.Out), []byte("\n"))
	var end report.MatrixEndReport
	err := json.Unmarshal(lines[len(lines)-1], &end)
	return end.Summary, err
}

// vswitchdTime returns the processor time that all ovs-vswitchds of the lab have taken.
func vswitchdTime(l *lab.Lab) (sum time.Duration, err error) {
	for _, c := range l.Topo.Chassis {
		pid, err := os.ReadFile(filepath.Join(lab.OVSRundir(c.Name), "ovs-vswitchd.pid"))
		if err != nil {
			return 0, err
		}
		t, err := procTime(strings.TrimSpace(string(pid)), 13) // utime and stime of proc(5)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// childTime returns the processor time of this process' children that have ended, and of theirs.
func childTime() (time.Duration, error) { return procTime("self", 15) } // cutime and cstime

// procTime returns the sum of two neighbouring times of /proc/PID/stat; first is the number of the
// first field, counted from 0.
func procTime(pid string, first int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, err
	}
	// The name may contain blanks.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int64
	for i := first - 2; i <= first-1; i++ {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100, nil // USER_HZ
}
