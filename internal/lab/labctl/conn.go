package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/cases"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// played is a connection that cmdInsideConn makes, and what conn must say of it.
type played struct {
	from, to, proto string
	sport, dport    int
	nat             string // of one of its legs; empty if nothing is translated
	rule            string // part of the text of the rule
	legs            int    // minimum number
}

// plays are connections through each kind of translation of the lab.
var plays = []played{
	{"sw0-p1", "30.0.0.10", "tcp", 41001, 80, "dnat", `load balancer "lb-one"`, 1},
	{"sw0-p2", "30.0.0.10", "udp", 41002, 53, "dnat", `load balancer "lb-dns"`, 1},
	{"sw3-p3", "ext1", "tcp", 41003, 80, "snat", "NAT snat 172.16.0.1 for 50.0.0.0/24 on router lr1", 1},
	{"ext1", "172.16.0.10", "tcp", 41004, 22, "dnat", "NAT dnat_and_snat 172.16.0.10 for 50.0.0.3 on router lr1", 1},
	{"sw4-p2", "ext3", "udp", 41005, 123, "snat", "router gr0", 1},
	{"sw0-p1", "sw2-p1", "tcp", 41006, 8080, "", "", 1},
}

// cmdInsideConn plays connections in the lab and compares what the tool's conn says of each, and of
// all.
func cmdInsideConn(ctx context.Context, args []string) error {
	p, err := openProbe(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.LearnMACs(ctx); err != nil {
		return err
	}
	if err := p.Flush(); err != nil {
		return err
	}
	defer func() { _ = p.Flush() }()
	arrived := make([]probe.Header, len(plays))
	opened := make([]probe.Packet, len(plays))
	for i := range plays {
		if opened[i], arrived[i], err = plays[i].play(ctx, p); err != nil {
			return err
		}
	}
	tables, err := p.Entries()
	if err != nil {
		return err
	}
	all, err := askConn(ctx, p.Lab)
	if err != nil {
		return err
	}
	if err := everyEntry(all, tables); err != nil {
		return err
	}
	for i, c := range plays {
		if err := c.check(ctx, p.Lab, opened[i], arrived[i]); err != nil {
			return fmt.Errorf("conn: %s > %s %s: %w", c.from, c.to, c.proto, err)
		}
		fmt.Printf("conn: %s > %s %s: as it was sent and as it arrived\n", c.from, c.to, c.proto)
	}
	return nil
}

// playTries is how often a connection is tried: on a busy machine an answer may come too late for
// the probe.
const playTries = 3

// play makes the connection, and returns its first packet as it was sent and as it arrived.
func (c *played) play(ctx context.Context, p *probe.Runner) (sent probe.Packet, arrived probe.Header, err error) {
	for range playTries {
		first := cases.To(p.Lab.Topo, c.from, c.to, false)
		first.Proto, first.Sport, first.Dport = c.proto, c.sport, c.dport
		if c.proto == "tcp" {
			first.Flags = "syn"
		}
		exchanged, whole, err := p.Play(ctx, first)
		if err != nil {
			return sent, nil, err
		}
		if whole {
			return exchanged[0].Packet, exchanged[0].Real.Ends[0].Frame.Header, nil
		}
		c.sport += 100
	}
	return sent, nil, fmt.Errorf("conn: the lab's connection %v does not work", *c)
}

// askConn runs the tool's conn with a filter.
func askConn(ctx context.Context, l *lab.Lab, filter ...string) (*report.ConnectionsReport, error) {
	var answer report.ConnectionsReport
	status, err := ask(ctx, l, &answer, "conn", filter...)
	if err == nil && status != 0 {
		err = fmt.Errorf("conn %q: exit status %d", filter, status)
	}
	return &answer, err
}

// everyEntry compares the legs of all connections with the tables: each entry is one leg.
func everyEntry(all *report.ConnectionsReport, tables map[string][]probe.Entry) error {
	legs := map[string]int{}
	for _, c := range all.Connections {
		for _, l := range c.Legs {
			legs[l.Chassis]++
		}
	}
	for chassis, entries := range tables {
		n := 0
		for _, e := range entries {
			if e.Zone != 0 {
				n++
			}
		}
		if legs[chassis] != n {
			return fmt.Errorf("conn: %d entries of %s, its table has %d", legs[chassis], chassis, n)
		}
		delete(legs, chassis)
	}
	if len(legs) > 0 {
		return fmt.Errorf("conn: entries of chassis that have none: %v", legs)
	}
	fmt.Printf("conn: %d connections have every entry of the tables once\n", len(all.Connections))
	return nil
}

// check asks for the connection by the client's address and port. Its tuples must be the packet as
// it was sent and as it arrived.
func (c played) check(ctx context.Context, l *lab.Lab, sent probe.Packet, arrived probe.Header) error {
	filter := fmt.Sprintf("orig ip4.src == %s && %s.src == %d", sent.Src, c.proto, c.sport)
	answer, err := askConn(ctx, l, filter)
	if err != nil {
		return err
	}
	if len(answer.Connections) != 1 {
		return fmt.Errorf("%d connections match %s", len(answer.Connections), filter)
	}
	got := answer.Connections[0]
	orig := fmt.Sprintf("%s:%d > %s:%d", sent.Src, sent.Sport, sent.Dst, sent.Dport)
	if text := got.Original.Text(); text != orig {
		return fmt.Errorf("the original tuple is %s, the packet sent was %s", text, orig)
	}
	after := fmt.Sprintf("%s:%s > %s:%s", arrived["ip_src"], arrived["l4_src"], arrived["ip_dst"], arrived["l4_dst"])
	if text := got.Translated.Text(); text != after {
		return fmt.Errorf("the translated tuple is %s, the packet that arrived was %s", text, after)
	}
	if len(got.Legs) < c.legs {
		return fmt.Errorf("%d legs", len(got.Legs))
	}
	found := c.nat == ""
	for _, leg := range got.Legs {
		if leg.ZoneName == "" {
			return fmt.Errorf("zone %d of %s has no name", leg.Zone, leg.Chassis)
		}
		found = found || leg.NAT == c.nat && strings.Contains(leg.Rule, c.rule) && leg.NB != nil
	}
	if !found {
		return fmt.Errorf("no leg translates (%s) by %s: %+v", c.nat, c.rule, got.Legs)
	}
	// The same connection by its address after NAT, as the server knows it.
	byServer, err := askConn(ctx, l, "host "+arrived["ip_dst"], "--zone", strconv.Itoa(int(got.Legs[0].Zone)))
	if err != nil {
		return err
	}
	for _, o := range byServer.Connections {
		if o.Original.Text() == orig && len(o.Legs) == len(got.Legs) {
			return nil
		}
	}
	return fmt.Errorf("host %s does not find it with its %d legs", arrived["ip_dst"], len(got.Legs))
}
