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

// Underlay is asked about a datapath on which Open vSwitch encapsulates by itself, with routes and
// a cache of MAC addresses of its own. A trace that reaches a tunnel whose next hop is not in that
// cache sends an ARP request or neighbour solicitation, and its answer fills the cache
// (ofproto/ofproto-dpif-xlate.c: tnl_send_arp_request): such a trace must not be made. An error of
// any method ends the trace.
type Underlay interface {
	// Resolved reports whether the MAC addresses of all next hops that a trace could ask for are
	// known.
	Resolved(ctx context.Context) (bool, error)
	// Way returns how Open vSwitch would reach the far end of a tunnel port; set is the destination
	// that the flow has set, for a port that leaves it to the flow (remote_ip=flow), else the zero
	// Addr.
	Way(ctx context.Context, bridge string, ofport uint32, set netip.Addr) (Way, error)
	// Unrouted returns a packet mark for which Open vSwitch has no route at all: routes are looked
	// up by pkt_mark (lib/ovs-router.c: ovs_router_lookup), so a packet with it reaches no tunnel.
	Unrouted(ctx context.Context) (uint32, error)
}

// Way is how a tunnel's packets go.
type Way struct {
	Dst    netip.Addr // the far end; the zero Addr where it is not known
	Hop    netip.Addr // the next hop; the zero Addr where there is no route
	Bridge string     // where the next hop is looked for
	Known  bool       // Hop's MAC address is known
	Why    string     // why there is no route
}

// ask runs a request so that Open vSwitch sends nothing. Where a next hop's MAC address is not
// known the packet is first traced with a mark that has no routes, which shows what tunnels it
// comes to; only if it comes to none of the unknown ones it is traced as it is. ofproto/trace goes
// on behind a ct() by itself, with a guess: what it would reach there counts too.
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

// unresolved reports whether a guarded section comes to a tunnel whose next hop would have to be
// asked for.
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

// mark is a packet's own pkt_mark, "" for none, and the one that stands for it in a guarded trace.
type mark struct{ own, guard string }

// marked is a request with another packet mark.
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

// restore takes the guard out of a section's flows again.
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

// tunnelCause says what becomes of an output to a tunnel that no header was put around, and why.
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
			return LeafUnknown, "which tunnel the packet goes to is not known, and tracing it on could make Open vSwitch ask for a MAC address"
		case way.Hop.IsValid() && !way.Known:
			return LeafDrop, fmt.Sprintf("the MAC address of %s, the next hop to tunnel endpoint %v, is not known on %s (tnl/neigh/show): "+
				"the packet is lost while Open vSwitch asks for it; later ones pass once it is answered", way.Hop, way.Dst, way.Bridge)
		case way.Hop.IsValid():
			return LeafUnknown, fmt.Sprintf("the way to tunnel endpoint %v is known, but is not traced: that would make Open vSwitch ask for the next hop of another copy", way.Dst)
		}
		return LeafDrop, text + cmp.Or(way.Why, o.report.Text)
	}
}
