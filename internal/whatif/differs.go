package whatif

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// differs is the report of a connection to which the change makes a difference.
func (t *task) differs(ctx context.Context, run *deployment.Run, l *live, after *both, fate report.Fate, direction report.Direction, f flushes) report.WhatIfConnection {
	of := func(b *both) *passage {
		if direction == report.DirectionReply && b.original.passes() {
			return &b.reply
		}
		return &b.original
	}
	first := l.conn.Orig()
	out := report.WhatIfConnection{Fate: fate, Proto: packet.ProtoName(first.Proto), Original: *publish.Tuple(first), Translated: *publish.Tuple(l.conn.Translated()),
		Client: l.client, Server: l.server, Direction: direction, After: t.end(ctx, run, l, of(after)), Flushed: f.of(&l.conn)}
	if l.was != nil {
		out.Before = *l.was
	} else {
		out.Before = t.end(ctx, nil, l, of(&l.before))
	}
	return out
}

// end is the report of a packet's end. Without a run its reason is left out.
func (t *task) end(ctx context.Context, run *deployment.Run, l *live, p *passage) report.WhatIfEnd {
	out := report.WhatIfEnd{Verdict: p.verdict, Text: p.why}
	if p.passes() {
		out.Chassis, out.Port = p.at.Chassis, p.at.Port
		out.Text = placeOf(p.at).text(l.packet.Proto)
		if len(p.ways) > 1 {
			out.Text = choiceText + fmt.Sprintf("between %d ends: one ", len(p.ways)) + out.Text
		}
		out.Tuple = publish.Tuple(tupleOf(p.at.Packet))
		return out
	}
	if p.trace == nil || run == nil {
		return out
	}
	if made, ok := t.ends[p.trace]; ok {
		return made
	}
	rep := publish.New(nil)
	run.Publisher.Trace(ctx, rep, p.trace)
	for _, b := range rep.Packets[0].Branches {
		if b.Verdict != p.trace.Verdict || b.Mirror != "" {
			continue
		}
		out.Chassis, out.Port, out.Reason = b.End.Chassis, b.End.Port, b.Reason
		if b.Reason != nil && out.Text == "" {
			out.Text = b.Reason.Text
		}
		break
	}
	t.ends[p.trace] = out
	return out
}

// tupleOf returns a packet's tuple.
func tupleOf(p packet.Packet) ctstate.Tuple {
	t := ctstate.Tuple{Proto: p.Proto, Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort)}
	if p.IsICMP() || p.IsICMPv6() {
		t.ICMPType, t.ICMPCode, t.ICMPID = p.ICMPType, p.ICMPCode, p.ICMPID
	}
	return t
}

// failing returns the packet that does not arrive, or of which that is not determined.
func (b *both) failing() (*passage, bool) {
	switch {
	case b.original.unknown() || !b.original.passes():
		return &b.original, true
	case !b.oneWay && (b.reply.unknown() || !b.reply.passes()):
		return &b.reply, true
	}
	return nil, false
}
