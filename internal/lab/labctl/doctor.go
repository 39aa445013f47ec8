package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// cmdDoctor runs the tool's doctor in the lab, and fails if doctor reports an error or a warning.
func cmdDoctor(ctx context.Context, args []string) error {
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	return s.run(ctx, nil, remoteBin+"/labctl", "inside-doctor")
}

// cmdInsideDoctor runs doctor for the whole lab. The result must contain the counters of every
// chassis of the zone.
func cmdInsideDoctor(ctx context.Context, args []string) error {
	l, err := lab.Attach(base(), os.Stderr)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, remoteBin+"/ovn-ct-trace", "doctor", "-o", "json", "--sb", lab.SBRemote, "--nb", lab.NBRemote, "--node-cmd", nodeCmd())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("doctor: %w\n%s", err, out)
	}
	var answer report.FindingsReport
	if err := json.Unmarshal(out, &answer); err != nil {
		return err
	}
	counters := []string{"connections", "lost upcalls"}
	if l.Topo.Datapath == lab.Userspace {
		counters = counters[:1] // the userspace datapath has no upcalls
	}
	return healthy(answer.Findings, l.Topo.Chassis, counters)
}

// healthy returns an error unless the findings are those of a healthy lab, with these counters of
// every chassis.
func healthy(found []report.Finding, chassis []lab.Chassis, counters []string) error {
	line := map[string]string{}
	for _, f := range found {
		fmt.Printf("doctor: %s %s %s: %s\n", f.Severity, f.Code, f.Where["chassis"], f.Text)
		if f.Severity != report.SeverityInfo {
			return fmt.Errorf("doctor: the lab is healthy, but doctor reports %s: %s", f.Code, f.Text)
		}
		if f.Code == "chassis" || f.Code == "chassis-elsewhere" {
			line[f.Where["chassis"]] = f.Text
		}
	}
	for _, c := range chassis {
		text, ok := line[c.Name]
		if !ok {
			return fmt.Errorf("doctor: nothing about chassis %s", c.Name)
		}
		for _, word := range counters {
			if !strings.Contains(text, word) && c.Zone == "" {
				return fmt.Errorf("doctor: chassis %s: no %q in %q", c.Name, word, text)
			}
		}
	}
	return nil
}
