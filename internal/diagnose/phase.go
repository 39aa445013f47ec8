package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// phases returns what decided on the way of a session's first packet, and how its answer ended.
func (j *judge) phases(ctx context.Context, r *report.Report) []report.Phase {
	w := &phaseWriter{list: []report.Phase{}}
	if len(r.Packets) == 0 {
		return w.list
	}
	p := r.Packets[0]
	w.chassis = p.From.Chassis
	if len(p.Hops) > 0 && p.Hops[0].Via != report.ViaVIF {
		w.add(report.PhaseBinding, nil, "it enters at %s on %s", p.From.Port, p.From.Chassis)
	} else {
		w.add(report.PhaseBinding, nil, "%s is bound to %s", p.From.Port, p.From.Chassis)
		j.portSecurity(ctx, w, p.From.Port)
	}
	if b := j.followed(r, p); b != nil {
		w.follow(p, b)
	}
	w.answer(r)
	return w.list
}

// phaseWriter collects phases, each once.
type phaseWriter struct {
	list    []report.Phase
	chassis string
}

func (w *phaseWriter) add(kind report.PhaseKind, nb *report.NB, format string, args ...any) *report.Phase {
	ph := report.Phase{Phase: kind, Chassis: w.chassis, Text: fmt.Sprintf(format, args...), NB: nb}
	for i, o := range w.list {
		if o.Phase == ph.Phase && o.Chassis == ph.Chassis && o.Text == ph.Text {
			return &w.list[i]
		}
	}
	w.list = append(w.list, ph)
	return &w.list[len(w.list)-1]
}

// portSecurity adds the addresses that the port may use.
func (j *judge) portSecurity(ctx context.Context, w *phaseWriter, port string) {
	pb := j.binding(ctx, port)
	switch {
	case pb == nil:
	case len(pb.PortSecurity) == 0:
		w.add(report.PhasePortSecurity, nil, "%s has none: it may use any address", port)
	default:
		w.add(report.PhasePortSecurity, nil, "%s may use %s", port, strings.Join(pb.PortSecurity, ", "))
	}
}

// follow adds the phases on a branch's way.
func (w *phaseWriter) follow(p *report.Packet, b *report.Branch) {
	hop := 0
	var rule *report.NB // the row that makes the next translation
	for _, v := range segments(p, b) {
		if v.index != hop {
			hop = v.index
			w.arrives(v.Hop)
		}
		w.chassis = v.Chassis
		for i := range v.Tables {
			if nb := w.table(&v.Tables[i]); nb != nil {
				rule = nb
			}
		}
		for i := range v.CT {
			if w.lookup(&v.CT[i], rule); v.CT[i].NAT != nil {
				rule = nil
			}
		}
	}
	w.chassis = b.End.Chassis
	w.ends(b)
}

// arrives adds how a packet reached another chassis.
func (w *phaseWriter) arrives(h *report.Hop) {
	from := w.chassis
	w.chassis = h.Chassis
	switch {
	case h.Tunnel != nil:
		w.add(report.PhaseTunnel, nil, "%s from %s to %s (%s > %s)", h.Tunnel.Type, from, h.Chassis, h.Tunnel.Src, h.Tunnel.Dst)
	default:
		w.add(report.PhaseTunnel, nil, "by %s from %s to %s", h.Via, from, h.Chassis)
	}
}

// table adds the phase of a table hit, and returns the row of a rule that translates.
func (w *phaseWriter) table(t *report.Table) (translates *report.NB) {
	lf := t.LogicalFlow
	if lf == nil {
		return nil
	}
	has := func(part string) bool { return strings.Contains(t.Stage, part) }
	table := ""
	if t.NB != nil {
		table = t.NB.Table
	}
	switch {
	case table == "ACL":
		w.add(report.PhaseACL, t.NB, "%s: %s", lf.Datapath, t.NB.Summary)
	case table == "NAT", table == "Load_Balancer":
		return t.NB
	case table == "Logical_Router_Static_Route", table == "Logical_Router_Policy":
		w.add(report.PhaseRoute, t.NB, "%s: %s", lf.Datapath, t.NB.Summary)
	case has("lr_in_ip_routing") && !has("_ecmp") && !has("_pre") && !drops(lf):
		w.add(report.PhaseRoute, t.NB, "%s: its own network, %s", lf.Datapath, lf.Match)
	case strings.HasPrefix(t.Row, "MAC_Binding") || strings.HasPrefix(t.Row, "Static_MAC_Binding"):
		w.add(report.PhaseNeighbour, nil, "%s: %s", lf.Datapath, t.Row)
	case has("lr_in_arp_resolve") && assigned(lf, "eth.dst") != "":
		w.add(report.PhaseNeighbour, t.NB, "%s: the next hop is %s", lf.Datapath, assigned(lf, "eth.dst"))
	}
	return nil
}

func drops(lf *report.LogicalFlow) bool {
	return strings.HasPrefix(strings.TrimSpace(lf.Actions), "drop;")
}

// assigned returns what a logical flow assigns to a field, empty where it assigns nothing.
func assigned(lf *report.LogicalFlow, field string) string {
	_, rest, ok := strings.Cut(lf.Actions, field+" = ")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, ";")
	return value
}

// lookup adds the phases of a ct() action: what was found, and how the packet was translated.
func (w *phaseWriter) lookup(c *report.CT, rule *report.NB) {
	name := zoneTitle(c.Zone, c.ZoneName)
	if !c.Cached {
		switch {
		case c.Entry == nil && (c.State == "" || c.State == "0") && c.Certainty == report.CertaintyUndetermined:
			w.add(report.PhaseLookup, nil, "%s: unknown", name)
		case c.Entry == nil:
			w.add(report.PhaseLookup, nil, "%s: no entry", name)
		default:
			w.add(report.PhaseLookup, nil, "%s: %s", name, entryText(c.Entry))
		}
	}
	if c.NAT == nil {
		return
	}
	by := ""
	if rule != nil && c.Entry == nil {
		by = ", by " + rowTitle(rule)
	} else if c.Entry != nil {
		by, rule = ", by the entry in "+name, nil
	}
	from, to := c.NAT.From, c.NAT.To
	if a, b := endpoint(from.IPSrc, from.L4Src), endpoint(to.IPSrc, to.L4Src); a != b {
		w.add(report.PhaseTranslation, rule, "source %s => %s%s", a, b, by)
	}
	if a, b := endpoint(from.IPDst, from.L4Dst), endpoint(to.IPDst, to.L4Dst); a != b {
		w.add(report.PhaseTranslation, rule, "destination %s => %s%s", a, b, by)
	}
}

// rowTitle names a Northbound row by its name, else by its content.
func rowTitle(nb *report.NB) string {
	table := strings.ToLower(strings.ReplaceAll(nb.Table, "_", " "))
	switch {
	case nb.Name != "":
		return fmt.Sprintf("%s %q", table, nb.Name)
	case nb.Summary != "":
		return table + " " + nb.Summary
	}
	return table + " " + nb.UUID
}

// ends adds where a branch ends.
func (w *phaseWriter) ends(b *report.Branch) {
	var ph *report.Phase
	switch b.Verdict {
	case engine.Delivered:
		ph = w.add(report.PhaseEgress, nil, "delivered at %s as %s", b.End.Port, describe(b.Header))
	case engine.External, engine.Host:
		ph = w.add(report.PhaseEgress, nil, "%s by %s as %s", b.Verdict, b.End.Port, describe(b.Header))
	default:
		text, nb := "the reason is unknown", (*report.NB)(nil)
		if b.Reason != nil {
			text, nb = b.Reason.Text, b.Reason.NB
		}
		ph = w.add(report.PhaseEgress, nb, "%s: %s", b.Verdict, text)
	}
	ph.Ends = true
}

// answer adds how the answer to the first packet ended.
func (w *phaseWriter) answer(r *report.Report) {
	i := slices.IndexFunc(r.Packets, func(p *report.Packet) bool { return p.Direction == report.DirectionReply })
	if i < 0 {
		return
	}
	p := r.Packets[i]
	w.chassis = p.From.Chassis
	for _, b := range ownBranches(p) {
		switch b.Verdict {
		case engine.Delivered, engine.External, engine.Host:
			w.add(report.PhaseAnswer, nil, "%s comes back to %s as %s", p.Label, b.End.Port, describe(b.Header))
		default:
			if b.Reason != nil {
				w.add(report.PhaseAnswer, b.Reason.NB, "%s %s: %s", p.Label, b.Verdict, b.Reason.Text)
			}
		}
	}
}

// entryText describes a conntrack entry.
func entryText(e *report.Entry) string {
	text := tupleText(e.Original)
	if e.Protoinfo != "" {
		text += " " + e.Protoinfo
	}
	return text + expires(", expires in %d s", e)
}

// expires formats the time that an entry has left; empty if it is not known, as of a table without
// timeouts in an archive.
func expires(format string, e *report.Entry) string {
	if e.Timeout == 0 {
		return ""
	}
	return fmt.Sprintf(format, e.Timeout)
}

func tupleText(t report.Tuple) string {
	return t.Proto + " " + addrOf(t.Src, t.Sport) + " > " + addrOf(t.Dst, t.Dport)
}
