package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// cmdInsideDoctor runs doctor for the whole lab. The result must contain the counters of every
// chassis of the zone.
func cmdInsideDoctor(ctx context.Context, args []string) error {
	l, err := lab.Attach(base(), os.Stderr)
	if err != nil {
		return err
	}
	var answer report.FindingsReport
	status, err := ask(ctx, l, &answer, "doctor")
	if err != nil {
		return err
	}
	counters := []string{"connections", "lost upcalls"}
	if l.Topo.Datapath == lab.Userspace {
		counters = counters[:1] // the userspace datapath has no upcalls
	}
	if err := healthy(answer.Findings, l.Topo.Chassis, counters); err != nil {
		return err
	}
	if status != 0 {
		return fmt.Errorf("doctor: exit status %d without an error or a warning", status)
	}
	return zonesDiffer(ctx, l)
}

// zonesDiffer names a zone on a chassis' bridge that its ovn-controller does not know, which doctor
// must find there and nowhere else, and no more once it is gone.
func zonesDiffer(ctx context.Context, l *lab.Lab) error {
	hv := l.Topo.Chassis[0].Name
	const key = "ct-zone-nobody"
	if _, err := l.On(ctx, hv, "ovs-vsctl", "set", "bridge", "br-int", "external_ids:"+key+"=60001"); err != nil {
		return err
	}
	for _, want := range []bool{true, false} {
		if !want {
			if _, err := l.On(ctx, hv, "ovs-vsctl", "remove", "bridge", "br-int", "external_ids", key); err != nil {
				return err
			}
		}
		var answer report.FindingsReport
		status, err := ask(ctx, l, &answer, "doctor", "--chassis", hv)
		if err != nil {
			return err
		}
		found := false
		for _, f := range answer.Findings {
			fmt.Printf("doctor: %s %s %s: %s\n", f.Severity, f.Code, f.Where["chassis"], f.Text)
			if at := f.Where["chassis"]; at != "" && at != hv {
				return fmt.Errorf("doctor --chassis %s: a finding about %s", hv, at)
			}
			found = found || f.Code == report.CodeZonesDiffer
		}
		if found != want || (status == 1) != want {
			return fmt.Errorf("doctor: a zone that only the bridge has: set is %v, found is %v, exit status %d", want, found, status)
		}
	}
	return nil
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
