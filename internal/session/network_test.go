package session_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
)

// network is a Sender: a load balancer before servers on hv2, server N at port "srvN". A test
// changes the outcomes of one step.
type network struct {
	t       *testing.T
	servers int
	change  map[string]func(p packet.Packet, o []driver.Outcome) []driver.Outcome // by label
	fail    map[string]error
	log     []string
	packets []packet.Packet
	choices [][]engine.Choice // that each packet came with
}

// with adds a step to a world, whose overlays stand for the steps before.
func with(w driver.World, label string) driver.World {
	next := driver.World{Overlays: map[string]ctstate.OverlayData{label: {}}}
	for k, v := range w.Overlays {
		next.Overlays[k] = v
	}
	return next
}

func (n *network) Send(_ context.Context, w driver.World, start driver.Start, p packet.Packet, label, direction string) (*driver.Trace, error) {
	n.packets, n.choices = append(n.packets, p), append(n.choices, start.Choices)
	n.log = append(n.log, fmt.Sprintf("%s %s from %s after %d: %v", direction, label, start.Port, len(w.Overlays), p))
	sent := &driver.Trace{Label: label, Direction: direction, Packet: p, Warnings: []string{"seen once"}}
	if err := n.fail[label]; err != nil {
		return sent, err
	}
	if direction == "reply" {
		q := p
		q.Src = vip // un-NATed
		if q.Inner != nil {
			in := *q.Inner
			in.Dst, q.Inner = vip, &in
		}
		sent.Outcomes = []driver.Outcome{{World: with(w, label), Branches: []*driver.Branch{branch(engine.Delivered, "hv1", "sw0-p1", q)}}}
	}
	for i := range n.servers {
		// An entry pins the server that the first packet was given.
		if pinned := fmt.Sprintf("server %d", i); direction == "original" && (len(w.Overlays) == 0 || has(w, pinned)) {
			q := p
			q.Dst, q.TTL, q.EthSrc, q.EthDst = backend[i], 63, packet.MAC{2, 3}, packet.MAC{2, 4, byte(i)}
			o := driver.Outcome{World: with(with(w, label), pinned), Branches: []*driver.Branch{branch(engine.Delivered, "hv2", fmt.Sprintf("srv%d", i), q)}}
			if n.servers > 1 && len(w.Overlays) == 0 {
				o.Choices = []engine.Choice{{Kind: "lb-backend", Chosen: backend[i].String(), Share: 0.5}}
			}
			sent.Outcomes = append(sent.Outcomes, o)
		}
	}
	if f := n.change[label]; f != nil {
		sent.Outcomes = f(p, sent.Outcomes)
	}
	for _, o := range sent.Outcomes {
		sent.Branches = append(sent.Branches, o.Branches...)
	}
	return sent, nil
}

func has(w driver.World, key string) bool { _, ok := w.Overlays[key]; return ok }

func (n *network) ReplyStart(_ context.Context, b *driver.Branch) (driver.Start, error) {
	if err := n.fail["reply start"]; err != nil {
		return driver.Start{}, err
	}
	return driver.Start{Chassis: b.Chassis, Port: b.Port}, nil
}

func branch(v engine.Verdict, chassis, port string, p packet.Packet) *driver.Branch {
	return &driver.Branch{Verdict: v, Packet: p, Chassis: chassis, Port: port}
}

func dropped(chassis, why string) func(packet.Packet, []driver.Outcome) []driver.Outcome {
	return func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		b := branch(engine.Dropped, chassis, "", p)
		b.Cause = &driver.Cause{Why: why}
		return []driver.Outcome{{World: o[0].World, Branches: []*driver.Branch{b}}}
	}
}

// rewrite changes the packet as it arrives.
func rewrite(f func(p *packet.Packet)) func(packet.Packet, []driver.Outcome) []driver.Outcome {
	return func(_ packet.Packet, o []driver.Outcome) []driver.Outcome {
		for i := range o {
			f(&o[i].Branches[0].Packet)
		}
		return o
	}
}
