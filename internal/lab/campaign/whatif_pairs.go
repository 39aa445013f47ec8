package campaign

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// newConn is a new connection that is asked as a pair.
type newConn struct {
	flow   Flow
	before string // where its first packet arrives, if its handshake is whole
}

// teach opens connections whose first packets Open vSwitch learns from, which OVN may drop, and
// removes their entries: those of dropped packets would end while the tool is asked.
func (r *Runner) teach(ctx context.Context, flows []Flow) error {
	if len(flows) == 0 {
		return nil
	}
	for _, f := range flows {
		if _, err := r.opens(ctx, f); err != nil {
			return err
		}
	}
	return r.Probe.Flush()
}

// newConns plays new connections before a change, and writes them to a file of pairs (--pairs).
// remove removes the file.
func (r *Runner) newConns(ctx context.Context, flows []Flow) (list []newConn, flags []string, remove func(), err error) {
	remove = func() {}
	if len(flows) == 0 {
		return nil, nil, remove, nil
	}
	var text strings.Builder
	for _, f := range flows {
		at, err := r.opens(ctx, f)
		if err != nil {
			return nil, nil, remove, err
		}
		list = append(list, newConn{f, at})
		fmt.Fprintf(&text, "%s %s:%d/%s\n", f.From, address(r.Lab.Topo, f.To), f.Dport, f.Proto)
	}
	file, err := os.CreateTemp("", "ct-pairs-")
	if err != nil {
		return nil, nil, remove, err
	}
	remove = func() { os.Remove(file.Name()) }
	_, err = file.WriteString(text.String())
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	return list, []string{"--pairs", file.Name()}, remove, err
}

// opens opens a new connection and returns where its first packet arrives; empty if its handshake
// is not whole.
func (r *Runner) opens(ctx context.Context, f Flow) (string, error) {
	for range speakTries { // on a busy machine the probe may miss a packet
		whole, sent, err := r.works(ctx, f)
		if err != nil {
			return "", err
		}
		if whole {
			return endOf(sent), nil
		}
	}
	return "", nil
}

// compareNew opens the connections again with the change made, and compares with the prediction.
func (r *Runner) compareNew(ctx context.Context, list []newConn, a *WhatIfAnswer) (score WhatIfScore, lines []string, err error) {
	if n := len(list) - a.Counts.Pairs.Compared; n > 0 {
		score.Wrong += n
		lines = append(lines, fmt.Sprintf("%d of %d pairs were not compared", n, len(list)))
	}
	for _, n := range list {
		after, err := r.opens(ctx, n.flow)
		if err != nil {
			return score, lines, err
		}
		fate, text := a.pairFate(n.flow.From, address(r.Lab.Topo, n.flow.To))
		died := after != n.before
		if score.judge(fate, text, died) {
			continue
		}
		lines = append(lines, fmt.Sprintf("new connection %s: said %s %s", n.flow, fate, text), fmt.Sprintf("  it arrived at %q, then at %q", n.before, after))
	}
	return score, lines, nil
}

// pairFate returns what the tool says of a pair, as fate does of a live connection.
func (a *WhatIfAnswer) pairFate(from, to string) (fate, text string) {
	for _, p := range a.Pairs {
		if p.From == from && strings.Contains(p.To, to) {
			return p.Fate, fmt.Sprintf("now %s; then %s", p.Before.Text, p.After.Text)
		}
	}
	return "goes-on", ""
}
