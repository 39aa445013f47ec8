package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// ending is one leaf of a visit, on one track, about to become a branch or an arrival on another
// node.
type ending struct {
	*sending
	track *track
	from  arrival
	at    *visit
	leaf  engine.Leaf
}

// dead is an error that ends a packet's way and not the run: the packet is lost, or it is unknown
// how it goes on.
type dead struct {
	// lostOn is the chassis on which the packet is lost; empty where it is unknown how it goes on.
	lostOn string
	why    string
	fault  Fault
}

func (d *dead) Error() string { return d.why }

// unknown returns an error for a packet of which it is unknown how it goes on.
func unknown(format string, args ...any) *dead { return &dead{why: fmt.Sprintf(format, args...)} }

// lost returns an error for a packet that is lost on a chassis.
func lost(chassis, format string, args ...any) *dead {
	return &dead{lostOn: chassis, why: fmt.Sprintf(format, args...)}
}

// noTunnel names the chassis whose end of the tunnel is missing.
func (d *dead) noTunnel(chassis string) *dead {
	d.fault = Fault{Kind: FaultNoTunnel, Chassis: chassis}
	return d
}

// settle turns the leaf into a branch, or into an arrival on the next node.
func (e *ending) settle(ctx context.Context) error {
	leaf := e.leaf
	switch leaf.Kind {
	case engine.LeafUnknown:
		e.end(engine.Unknown, "", leaf.Why)
	case engine.LeafDrop:
		e.end(engine.Dropped, "", leaf.Why)
	case engine.LeafController:
		e.controller()
	case engine.LeafOutput:
		if leaf.Mirror != "" {
			return e.mirrored(ctx)
		}
		switch leaf.Port.Kind {
		case engine.PortVIF:
			return e.delivered(ctx)
		case engine.PortHost:
			e.host()
		case engine.PortTunnel:
			next, err := e.tunnel(ctx)
			if err != nil {
				return e.stop(err, "")
			}
			e.forward(next)
		default:
			return e.physical(ctx)
		}
	}
	return nil
}

// delivered ends a packet that comes out of a VIF.
func (e *ending) delivered(ctx context.Context) error {
	port, err := e.logicalPort(ctx)
	if err != nil {
		return err
	}
	verdict := engine.Delivered
	if e.from.reject {
		verdict = engine.Rejected
	}
	e.end(verdict, port, "")
	return nil
}

// host ends a packet at a bridge's own port.
func (e *ending) host() {
	dst := e.leaf.Packet.EthDst
	why, ignored := "the host's stack takes it", false
	for _, p := range e.at.info.Ports {
		own, err := packet.ParseMAC(p.MAC)
		if p.Name == e.leaf.Port.Name && err == nil && own != dst && dst[0]&1 == 0 {
			why, ignored = fmt.Sprintf("the host's stack ignores a packet for %s there, as the port has %s", dst, own), true
		}
	}
	e.end(engine.Host, e.leaf.Port.Name, cmp.Or(e.leaf.Why, "the bridge's own port: "+why)).Ignored = ignored
}

// branch returns the leaf as an end of the packet; its cause has only the words given.
func (e *ending) branch(v engine.Verdict, port, why string) *Branch {
	b := &Branch{
		Verdict: v, Chassis: e.from.chassis, Port: port, Packet: e.leaf.Packet, Choices: e.choices(),
		Hops: e.from.hops, Way: e.way(), Made: e.from.made, Mirror: e.leaf.Mirror, Held: e.held(),
	}
	if why != "" {
		b.Cause = &Cause{Chassis: b.Chassis, Why: why}
	}
	return b
}

// end ends the packet with a verdict. port is empty where it ends at none, why where the look-up
// that decided is the whole reason. A refusal that leaves OVN is as much one as a refusal that
// arrives at a VIF.
func (e *ending) end(v engine.Verdict, port, why string) *Branch {
	outside := v == engine.External
	if outside && e.from.reject && e.leaf.Mirror == "" {
		v = engine.Rejected
	}
	b := e.branch(v, port, why)
	b.Outside = outside
	switch {
	case v == engine.Rejected && e.from.why != nil:
		b.Cause = e.from.why
	case v != engine.Delivered && e.leaf.Mirror == "":
		b.Cause = e.cause(b)
	}
	if outside && e.leaf.Port != nil {
		b.Network = networkOf(e.at.info, e.leaf.Port.Bridge)
	}
	e.track.keep(e.from, b)
	return b
}

// stop ends the packet by a dead error, whose text follows before. It returns any other error,
// which is the run's.
func (e *ending) stop(err error, before string) error {
	var d *dead
	switch {
	case !errors.As(err, &d):
		return err
	case d.lostOn != "":
		b := e.branch(engine.Dropped, "", before+d.why)
		b.Chassis, b.Cause.Chassis, b.Cause.Fault = d.lostOn, d.lostOn, d.fault
		e.track.keep(e.from, b)
	default:
		if c := e.end(engine.Unknown, e.leaf.Port.Name, before+d.why).Cause; c != nil {
			c.Fault = d.fault
		}
	}
	return nil
}

// cause returns the cause of a branch, completed by the look-up that decided.
func (e *ending) cause(b *Branch) *Cause {
	c := b.Cause
	if c == nil {
		c = &Cause{Chassis: e.at.Chassis}
	}
	hits := e.at.Segments[e.leaf.Segment].Tables
	i, ok := deciding(hits, e.leaf)
	if !ok {
		return c
	}
	c.Punted = e.leaf.Kind == engine.LeafController && b.Verdict != engine.Dropped
	c.Lookup = &Lookup{Step: Step{e.at.index, e.leaf.Segment}, Index: i, Hit: hits[i]}
	return c
}

// forward sends the packet on to another node.
func (e *ending) forward(next arrival) { e.track.pending = append(e.track.pending, e.onward(next)) }

// onward returns an arrival with what the packet has passed so far.
func (e *ending) onward(next arrival) arrival {
	a := e.from
	next.hops, next.depth, next.way, next.held = a.hops, a.depth+1, e.way(), e.held()
	next.choices = slices.Concat(e.choices(), next.choices)
	if next.made == "" {
		next.made, next.reject, next.aside, next.why = a.made, a.reject, a.aside, a.why
	}
	if next.ask == nil {
		next.ask = a.ask
	}
	return next
}

// choices returns the choices on the way to the leaf.
func (e *ending) choices() []engine.Choice {
	return append(e.from.choices[:len(e.from.choices):len(e.from.choices)], e.leaf.Choices...)
}

// held returns where a fragment first waits for the others of its datagram, nil where it does not
// wait.
func (e *ending) held() *Held {
	if e.from.held != nil || e.leaf.Held == nil {
		return e.from.held
	}
	return &Held{Chassis: e.from.chassis, Zone: e.leaf.Held.Zone}
}

// way lists the segments on the way to the leaf.
func (e *ending) way() []Step {
	way := e.from.way[:len(e.from.way):len(e.from.way)]
	for _, seg := range e.leaf.Path {
		way = append(way, Step{e.at.index, seg})
	}
	return way
}

// mirrored ends a mirror's copy where it leaves the bridge.
func (e *ending) mirrored(ctx context.Context) error {
	leaf := e.leaf
	why := "a copy that mirror " + leaf.Mirror + " makes"
	switch leaf.Port.Kind {
	case engine.PortVIF:
		port, err := e.logicalPort(ctx)
		if err != nil {
			return err
		}
		e.end(engine.Delivered, port, why)
	case engine.PortHost:
		e.end(engine.Host, leaf.Port.Name, why)
	default:
		if leaf.Tunnel != nil && leaf.Tunnel.Dst.IsValid() {
			why += ", to " + leaf.Tunnel.Dst.String()
		}
		e.end(engine.External, leaf.Port.Name, why)
	}
	return nil
}

// logicalPort names the port that a VIF's frame belongs to: a nested container's by its tag, else
// the interface's own.
func (e *ending) logicalPort(ctx context.Context) (string, error) {
	leaf := e.leaf
	if len(leaf.Packet.VLANs) == 0 {
		return leaf.Port.IfaceID, nil
	}
	sb, err := e.Southbound(ctx, e.from.chassis)
	if err != nil {
		return "", err
	}
	kids, err := sb.ChildPorts(ctx, leaf.Port.IfaceID, int64(leaf.Packet.VLANs[0].VID))
	if err != nil {
		return "", err
	}
	if len(kids) == 1 {
		return kids[0].LogicalPort, nil
	}
	return leaf.Port.IfaceID, nil
}
