package engine

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Underlay describes a datapath on which Open vSwitch encapsulates by itself, with routes and a
// cache of MAC addresses of its own. A trace that reaches a tunnel whose next hop is not in that
// cache sends an ARP request or neighbour solicitation, and its answer fills the cache
// (ofproto/ofproto-dpif-xlate.c: tnl_send_arp_request): the Engine must not make such a trace. An
// error of any method ends the trace.
type Underlay interface {
	// Resolved reports whether the MAC address of every next hop that a trace could ask for is
	// known.
	Resolved(ctx context.Context) (bool, error)
	// Way returns how Open vSwitch would reach the far end of a tunnel port. For a port with
	// remote_ip=flow, set is the destination that the flow has set; otherwise it is the zero Addr.
	Way(ctx context.Context, bridge string, ofport uint32, set netip.Addr) (Way, error)
	// Unrouted returns a packet mark for which Open vSwitch has no route: it looks routes up by
	// pkt_mark (lib/ovs-router.c: ovs_router_lookup), so a packet with this mark reaches no tunnel.
	Unrouted(ctx context.Context) (uint32, error)
}

// Way is how the packets of a tunnel reach its far end.
type Way struct {
	Dst    netip.Addr // the far end; the zero Addr if it is unknown
	Hop    netip.Addr // the next hop; the zero Addr if there is no route
	Bridge string     // the bridge on which the next hop is
	Known  bool       // Hop's MAC address is known
	Why    string     // why there is no route; empty if there is one
}

// ask runs a request so that Open vSwitch sends nothing. If a next hop's MAC address is unknown, it
// first traces the packet with a mark that has no routes, which shows the tunnels that the packet
// reaches. Only if none of them needs an unknown address, and no table matches pkt_mark, does it
// trace the packet as it is. ofproto/trace continues behind a ct() with a guess: tunnels that it
// reaches there count too.
func (r *run) ask(ctx context.Context, f flowText) (oftrace.Section, error) {
	u := r.engine.Underlay
	if u == nil {
		return r.probe(ctx, f)
	}
	ok, err := u.Resolved(ctx)
	if err != nil {
		return oftrace.Section{}, err
	}
	if ok {
		return r.probe(ctx, f)
	}
	mark, err := u.Unrouted(ctx)
	if err != nil {
		return oftrace.Section{}, err
	}
	guarded, own := f.marked(mark)
	all, err := r.sections(ctx, guarded)
	if err != nil || lost(all[0]) {
		return all[0], err
	}
	safe := true
	for i := range all {
		unknown, err := r.unresolved(ctx, &all[i])
		if err != nil {
			return all[0], err
		}
		safe = safe && !unknown && !asked(all[i], "pkt_mark")
	}
	if safe {
		return r.probe(ctx, f)
	}
	sec := all[0]
	if asked(sec, "pkt_mark") {
		sec.Complete = false
		sec.Failed = "tables look at pkt_mark, and a trace that reaches a tunnel would make Open vSwitch ask for a MAC address, so the packet is not traced"
	}
	own.restore(&sec)
	return sec, nil
}

// unresolved reports whether a guarded section reaches a tunnel whose next hop's MAC address is
// unknown.
func (r *run) unresolved(ctx context.Context, sec *oftrace.Section) (bool, error) {
	for _, o := range tunnelOutputs(sec) {
		if o.report == nil || o.report.Text != noRouteText {
			continue
		}
		way, err := r.engine.Underlay.Way(ctx, o.bridge, o.port, o.set)
		if err != nil || !way.Dst.IsValid() || way.Hop.IsValid() && !way.Known {
			return true, err
		}
	}
	return false, nil
}

// asked reports whether a translation depends on a field.
func asked(sec oftrace.Section, field string) bool {
	f, err := openflow.Parse(sec.Megaflow)
	_, ok := f.Get(field)
	return err != nil || ok
}

// mark is a packet's own pkt_mark, "" for none, and the mark that replaces it in a guarded trace.
type mark struct{ own, guard string }

// marked returns the request with another packet mark.
func (f flowText) marked(guard uint32) (flowText, mark) {
	m := mark{guard: fmt.Sprintf("0x%x", guard)}
	if f.bridge == "" { // the datapath's own syntax
		head, rest, _ := strings.Cut(f.flow, ",ct_state(")
		if before, own, ok := strings.Cut(head, ",skb_mark("); ok {
			head, m.own = before, strings.TrimSuffix(own, ")")
		}
		f.flow = head + ",skb_mark(" + m.guard + "),ct_state(" + rest
		return f, m
	}
	flow, err := openflow.Parse(f.flow)
	if err != nil {
		return f, m // ofproto/trace refuses it too
	}
	m.own, _ = flow.Get("pkt_mark")
	flow.Set("pkt_mark", m.guard)
	f.flow = flow.String()
	return f, m
}

// restore replaces the guard in a section's flows by the packet's own mark.
func (m mark) restore(sec *oftrace.Section) {
	for _, text := range []*string{&sec.Flow, &sec.FinalFlow} {
		head, rest, ok := strings.Cut(*text, "pkt_mark="+m.guard)
		if !ok {
			continue
		}
		if m.own != "" {
			*text = head + "pkt_mark=" + m.own + rest
		} else {
			*text = head + strings.TrimPrefix(rest, ",")
		}
	}
}

// tunnelCause returns how an output to a tunnel ends if no header was added, and why.
func (r *run) tunnelCause(ctx context.Context) func(*tunnelOutput) (LeafKind, string) {
	return func(o *tunnelOutput) (LeafKind, string) {
		text := "the packet is not put into the tunnel: "
		if said := o.report.Text; r.engine.Underlay == nil || said != noRouteText && !strings.HasPrefix(said, missText) {
			return LeafDrop, text + said
		}
		way, err := r.engine.Underlay.Way(ctx, o.bridge, o.port, o.set)
		switch {
		case err != nil:
			return LeafUnknown, fmt.Sprintf("%s%s (%v)", text, o.report.Text, err)
		case !way.Dst.IsValid():
			return LeafUnknown, "which tunnel the packet goes to is unknown, and tracing it on could make Open vSwitch ask for a MAC address"
		case way.Hop.IsValid() && !way.Known:
			return LeafDrop, fmt.Sprintf("the MAC address of %s, the next hop to tunnel endpoint %v, is unknown on %s (tnl/neigh/show): "+
				"the packet is lost while Open vSwitch asks for it; later ones pass once it is answered", way.Hop, way.Dst, way.Bridge)
		case way.Hop.IsValid():
			return LeafUnknown, fmt.Sprintf("the way to tunnel endpoint %v is known, but is not traced: that would make Open vSwitch ask for the next hop of another copy", way.Dst)
		}
		return LeafDrop, text + cmp.Or(way.Why, o.report.Text)
	}
}
