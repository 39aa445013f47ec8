package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// cmdInsideZones asks the tool's other commands about a connection from one zone to another, in a
// lab of one zone a node: conn, nat, doctor and why must use the databases of each.
func cmdInsideZones(ctx context.Context, _ []string) error {
	p, err := openProbe(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	if p.Lab.Topo.On == "" {
		return errors.New("zones: the lab is not of one zone a node (" + topologyVar + "=" + kube + ")")
	}
	if err := errors.Join(p.LearnMACs(ctx), p.Flush()); err != nil {
		return err
	}
	defer func() { _ = p.Flush() }()
	c := played{from: "default_web2", to: lab.KubeDBVIP, proto: "tcp", sport: 41001, dport: 5432}
	sent, _, err := c.play(ctx, p)
	if err != nil {
		return err
	}
	for _, check := range []func(context.Context, *lab.Lab, probe.Packet) error{zonesConn, zonesQuiet, zonesWhy} {
		if err := check(ctx, p.Lab, sent); err != nil {
			return fmt.Errorf("zones: %w", err)
		}
	}
	return nil
}

// zonesConn: the connection is one, with the entries of both zones, the rule of the first, and the
// owners that each knows.
func zonesConn(ctx context.Context, l *lab.Lab, sent probe.Packet) error {
	answer, err := askConn(ctx, l, fmt.Sprintf("orig ip4.src == %s && tcp.src == %d", sent.Src, sent.Sport))
	if err != nil {
		return err
	}
	if len(answer.Connections) != 1 || len(answer.Connections[0].Legs) != 2 {
		return fmt.Errorf("conn: not one connection of two legs: %+v", answer.Connections)
	}
	got := answer.Connections[0]
	if first, last := got.Legs[0], got.Legs[1]; first.Chassis != "hv2" || last.Chassis != "hv3" || first.NB == nil ||
		!strings.Contains(first.Rule, "Service_default/db_TCP_cluster") || last.ZoneName != "default_db3" {
		return fmt.Errorf("conn: legs %+v", got.Legs)
	}
	if !strings.Contains(got.Client, "default_web2") || !strings.Contains(got.Server, "default_db3") || len(got.Findings) > 0 {
		return fmt.Errorf("conn: from %q to %q, findings %+v", got.Client, got.Server, got.Findings)
	}
	fmt.Println("zones: conn joins the entries of two zones, and names rule and owners by each")
	return nil
}

// zonesQuiet: nat and doctor have read all zones, and find nothing wrong.
func zonesQuiet(ctx context.Context, l *lab.Lab, _ probe.Packet) error {
	var answer report.FindingsReport
	status, err := ask(ctx, l, &answer, "nat")
	if err != nil || status != 0 || len(answer.Findings) > 0 {
		return fmt.Errorf("nat: exit status %d, %v: %+v", status, err, answer.Findings)
	}
	answer = report.FindingsReport{}
	if status, err = ask(ctx, l, &answer, "doctor"); err != nil || status != 0 {
		return fmt.Errorf("doctor: exit status %d, %v: %+v", status, err, answer.Findings)
	}
	read := map[report.Code]int{}
	for _, f := range answer.Findings {
		read[f.Code]++
	}
	for _, code := range []report.Code{report.CodeChassis, report.CodeSouthbound, report.CodeNorthbound} {
		if read[code] != len(l.Topo.Chassis) {
			return fmt.Errorf("doctor: %d times %s: %+v", read[code], code, answer.Findings)
		}
	}
	fmt.Println("zones: nat finds nothing, and doctor both databases of each zone")
	return nil
}

// zonesWhy: the ACL of the last zone decides, and the command that mends it says whose it is.
func zonesWhy(ctx context.Context, l *lab.Lab, _ probe.Packet) error {
	var answer report.WhyReport
	status, err := ask(ctx, l, &answer, "why", "--from", "default_cli2", "--to", "default_db3:5432/tcp")
	if err != nil || status != 1 || len(answer.Causes) == 0 {
		return fmt.Errorf("why: exit status %d, %v", status, err)
	}
	c := answer.Causes[0]
	if c.Code != report.CodeACLDrop || c.NB == nil || c.NB.Name != lab.KubeDenyACL || len(c.Mend) == 0 ||
		!strings.Contains(c.Mend[0], "hv3's zone") || len(answer.Causes) > 1 || len(answer.Warnings) > 0 {
		return fmt.Errorf("why: %+v, warnings %q", answer.Causes, answer.Warnings)
	}
	fmt.Println("zones: why names the ACL of the zone where the packet ends")
	return nil
}
