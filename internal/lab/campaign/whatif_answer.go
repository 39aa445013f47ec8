package campaign

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// WhatIfAnswer is what the tool says of a change.
type WhatIfAnswer struct {
	Counts struct {
		Connections struct{ Compared, Dies, Revives, Moves, Unknown, Broken int } `json:"connections"`
		Pairs       struct{ Compared, Dies, Revives, Moves, Unknown, Broken int } `json:"pairs"`
		Closing     int                                                           `json:"closing"`
	} `json:"counts"`
	Connections []struct {
		Fate     string `json:"fate"`
		Proto    string `json:"proto"`
		Original struct {
			Src, Dst string
			Sport    int
			Dport    int
		} `json:"original"`
		Direction string `json:"direction"`
		After     struct {
			Text string `json:"text"`
		} `json:"after"`
		Before struct {
			Text string `json:"text"`
		} `json:"before"`
	} `json:"connections"`
	Pairs []struct {
		Fate, From, To string
		Before, After  struct{ Text string }
	} `json:"pairs"`
	Gateways []struct{ Port, Before, After string } `json:"gateways"`
	Warnings []string                               `json:"warnings"`

	offline string // how the answer from archives differs; empty if it does not
}

// askWhatIf lets the tool predict the change that flags name.
func (r *Runner) askWhatIf(ctx context.Context, flags []string) (*WhatIfAnswer, error) {
	z := r.Lab.Topo.Zone("")
	live, err := r.whatIf(ctx, append([]string{"--sb", z.SB(), "--nb", z.NB()}, r.Lab.Topo.NodeFlags(r.Tool)...), flags)
	if err != nil || r.Archive == nil {
		return live, err
	}
	paths, err := r.Archive(ctx, "")
	if err != nil {
		return nil, err
	}
	var of []string
	for _, p := range paths {
		of = append(of, "--bundle", p)
	}
	kept, err := r.whatIf(ctx, of, flags)
	if err != nil {
		return nil, fmt.Errorf("from archives: %w", err)
	}
	live.offline = live.differs(kept)
	return live, nil
}

// whatIf asks one deployment.
func (r *Runner) whatIf(ctx context.Context, deployment, change []string) (*WhatIfAnswer, error) {
	argv := slices.Concat([]string{"what-if", "-o", "json", "--timeout", toolTimeout.String()}, deployment, change)
	ctx, cancel := context.WithTimeout(ctx, toolTimeout+30*time.Second)
	defer cancel()
	run, err := r.Lab.RunTool(ctx, r.Tool, argv...)
	a := &WhatIfAnswer{}
	if err == nil {
		err = run.JSON(a)
	}
	if err != nil {
		return nil, fmt.Errorf("what-if: %w", err)
	}
	return a, nil
}

// differs returns how another answer about the same differs: in the number of connections compared,
// or in the fate of one; empty if it does not.
func (a *WhatIfAnswer) differs(other *WhatIfAnswer) string {
	if a.Counts != other.Counts {
		return fmt.Sprintf("%+v, live %+v", other.Counts, a.Counts)
	}
	for i, c := range a.Connections {
		o := other.Connections[i]
		if o.Fate != c.Fate || o.Original != c.Original || withoutMACs(o.After.Text) != withoutMACs(c.After.Text) {
			return fmt.Sprintf("%+v, live %+v", o, c)
		}
	}
	return ""
}

var macRE = regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}`)

// withoutMACs replaces MAC addresses: each copy of a bridge has one of its own.
func withoutMACs(text string) string { return macRE.ReplaceAllString(text, "MAC") }

// fate returns what the tool says of a connection: dies, moves, unknown, or goes-on if it lists no
// difference; and why.
func (a *WhatIfAnswer) fate(t *talk) (fate, text string) {
	p := t.next[0]
	for _, c := range a.Connections {
		o := c.Original
		if strings.TrimSuffix(c.Proto, "6") == strings.TrimSuffix(p.Proto, "6") && o.Src == p.Src && o.Dst == p.Dst && o.Sport == p.Sport && o.Dport == p.Dport {
			return c.Fate, fmt.Sprintf("%s: now %s; then %s", c.Direction, c.Before.Text, c.After.Text)
		}
	}
	return "goes-on", ""
}

// unseen returns how many of the connections that live the tool has not compared: of these it said
// nothing, whatever became of them.
func (a *WhatIfAnswer) unseen(live int) int { return max(0, live-a.Counts.Connections.Compared) }
