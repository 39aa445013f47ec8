package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
)

// step runs an item's actions up to the first with nested or recirculated actions, and pushes those
// above the rest of the list, because the kernel runs them inline
// (net/openvswitch/actions.c:do_execute_actions).
func (r *run) step(ctx context.Context, w *world, it item) error {
	for len(it.actions) > 0 {
		a := it.actions[0]
		it.actions = it.actions[1:]
		switch a := a.(type) {
		case odp.Output:
			if mirror := r.output(w, it, a.Port); mirror == "" {
				it.produced = true
			}
		case odp.LbOutput:
			it.produced = true
			r.lbOutput(w, it, a.Bond)
		case odp.Drop:
			it.produced = true
			r.leaf(w, it, Leaf{Kind: LeafDrop, Why: "explicit drop action"})
		case odp.Userspace:
			it.produced = it.produced || !sampled(a)
			r.userspace(w, &it, a)
		case odp.TnlPush:
			if r.tunnelPush(w, &it, a) {
				return nil
			}
		case odp.Set, odp.PushEth, odp.PopEth, odp.PushVLAN, odp.PopVLAN, odp.PushMPLS, odp.PopMPLS:
			before := trackView(it.pkt.pkt).Tuple
			if err := it.pkt.apply(a); err != nil {
				r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: err.Error()})
				return nil
			}
			if after := trackView(it.pkt.pkt).Tuple; after.Src != before.Src || after.Dst != before.Dst {
				it.pkt.conn = r.engine.Tracker.Rewritten(it.pkt.conn)
				it.pkt.rehash()
			}
		case odp.CT:
			if in := it.pkt.inside; in != nil && in.hashed {
				if r.outerCT(w, &it, a) {
					return nil
				}
				continue
			}
			done, err := r.ct(ctx, w, &it, a)
			if done || err != nil {
				return err
			}
		case odp.CTClear:
			it.pkt.conn = r.engine.Tracker.Clear(it.pkt.conn)
		case odp.Hash:
			it.pkt.hash = r.hashOf(it.pkt, a)
		case odp.Recirc:
			it.produced = true
			return r.recirc(ctx, w, it, a.ID)
		case odp.Clone:
			r.nested(w, it, a.Actions)
			return nil
		case odp.Sample:
			if !it.seg.produces(r.engine.Ports, a.Actions) {
				// The sampled copy goes to a collector; the packet itself goes on unchanged.
				it.seg.note("a sample of %s%% of such packets goes to a collector", a.Percent)
				continue
			}
			if a.Percent != everyPacket {
				r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: fmt.Sprintf("%s%% of such packets, chosen by chance, also go through %s", a.Percent, a.Actions)})
				continue
			}
			r.nested(w, it, a.Actions)
			return nil
		case odp.PSample:
			it.seg.note("copies go to the kernel's packet sampler, group %d", a.Group)
		case odp.CheckPktLen:
			r.checkLen(w, it, a)
			return nil
		case odp.DecTTL:
			r.decTTL(w, it, a)
			return nil
		case odp.Meter:
			it.seg.note("meter %d may drop the packet when its rate is exceeded; taken as passed", a.ID)
		case odp.Trunc:
			it.seg.note("the next output is cut to %d bytes", a.MaxLen)
		case odp.TnlPop:
			it.produced = true
			if it.pkt.inside != nil {
				r.tunnelled(w, it) // the tunnel's far end is on this node
				continue
			}
			r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: "tnl_pop(" + a.Port + "): the packet is itself a tunnel packet; trace the packet inside it from the tunnel port"})
		default:
			r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: "datapath action not understood: " + a.String()})
			return nil
		}
	}
	if it.pushed && !it.produced {
		r.unsent(w, it)
		return nil
	}
	if it.root && !it.produced {
		if c := it.seg.paused(); c != nil {
			r.punt(it.seg, c)
			r.leaf(w, it, Leaf{Kind: LeafController, Controller: c})
			return nil
		}
		r.leaf(w, it, Leaf{Kind: LeafDrop})
	}
	return nil
}

// everyPacket is the share of a sample that is unconditional: Open vSwitch wraps copy-only actions
// in it, such as a metered punt (ofproto/ofproto-dpif-xlate.c: put_controller_user_action).
const everyPacket = "100.0"

// nested queues the rest of it, and above it a copy of the packet that runs actions.
func (r *run) nested(w *world, it item, actions odp.Actions) {
	inner := it
	inner.actions, inner.root, inner.pushed, inner.level = actions, false, false, it.level+1
	it.produced = it.produced || it.seg.produces(r.engine.Ports, actions)
	w.push(it)
	w.push(inner)
}

// inline returns an item that runs actions on the packet itself before the rest of its list.
func inline(it item, actions odp.Actions) item {
	it.actions = append(append(odp.Actions(nil), actions...), it.actions...)
	return it
}

// checkLen runs the branch of check_pkt_len that the frame's length selects
// (net/openvswitch/actions.c: execute_check_pkt_len; the length counts the Ethernet header).
func (r *run) checkLen(w *world, it item, a odp.CheckPktLen) {
	length, assumed := it.pkt.frameLen()
	if assumed {
		it.seg.assume("the packet's length is not given: taken as %d bytes where %d decide; --len says otherwise", length, a.Size)
	}
	if length > int(a.Size) {
		w.push(inline(it, a.GT))
	} else {
		w.push(inline(it, a.LE))
	}
}

// decTTL is dec_ttl(le_1(...)) (net/openvswitch/actions.c: execute_dec_ttl).
func (r *run) decTTL(w *world, it item, a odp.DecTTL) {
	if it.pkt.pkt.TTL <= 1 {
		it.produced = it.produced || it.seg.produces(r.engine.Ports, a.LE1)
		it.actions = a.LE1
		w.push(it)
		return
	}
	it.pkt.pkt.TTL--
	w.push(it)
}

// lbOutput ends a branch at a bond: an unknown hash chooses the member, and all members lead to the
// same place.
func (r *run) lbOutput(w *world, it item, bond uint32) {
	var members []Port
	if r.engine.Bonds != nil {
		members = r.engine.Bonds.Members(bond)
	}
	if len(members) == 0 {
		r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: fmt.Sprintf("lb_output(%d): which bond that is could not be asked", bond)})
		return
	}
	it.seg.note("which member of the bond takes the packet, %s, is a hash's choice that cannot be known", portNames(members))
	r.output(w, it, members[0].Datapath)
}

func portNames(ports []Port) string {
	var names []string
	for _, p := range ports {
		names = append(names, p.Name)
	}
	return strings.Join(names, " or ")
}

// output ends a branch at a port. It returns the mirror whose copy this is; empty for no copy.
func (r *run) output(w *world, it item, name string) (mirror string) {
	port, ok := r.engine.Ports.ByDatapath(name)
	if !ok {
		r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: "output to datapath port " + name + ", which is not among the node's ports"})
		return ""
	}
	if it.pkt.inside != nil {
		return r.outerOutput(w, it, port)
	}
	if port.Kind != PortTunnel {
		it.pkt.tun = nil
	}
	mirror = it.seg.mirrored(port)
	r.leaf(w, it, Leaf{Kind: LeafOutput, Port: &port, Mirror: mirror})
	w.leaves = it.seg.copyBefore(w.leaves, port)
	return mirror
}

// userspace ends a copy of the packet at an upcall.
func (r *run) userspace(w *world, it *item, a odp.Userspace) {
	switch {
	case a.Controller != nil:
		c := &ControllerLeaf{Reason: a.Controller.Reason, Cookie: a.Controller.RuleCookie, Paused: a.Controller.Continuation, RecircID: a.Controller.RecircID, Table: -1}
		r.punt(it.seg, c)
		r.leaf(w, *it, Leaf{Kind: LeafController, Controller: c})
	case len(a.SlowPath) > 0:
		if slowAction(a.SlowPath) {
			// slow_path(action): ovs-vswitchd runs the whole translation itself; its actions are in
			// the section's lines, not in its datapath actions.
			r.leaf(w, *it, Leaf{Kind: LeafUnknown, Why: "ovs-vswitchd handles the packet in its slow path: " + it.seg.slowText()})
			return
		}
		r.leaf(w, *it, Leaf{Kind: LeafController, Why: "ovs-vswitchd consumes the packet: " + it.seg.slowText()})
	case sampled(a):
		it.seg.note("a copy goes to %s", a.Kind)
	default:
		r.leaf(w, *it, Leaf{Kind: LeafUnknown, Why: "upcall not understood: " + a.String()})
	}
}

// sampled reports whether an upcall only copies the packet to a collector: dropped packets are
// sampled too.
func sampled(a odp.Userspace) bool {
	return a.Kind == "sFlow" || a.Kind == "flow_sample" || a.Kind == "ipfix"
}

func slowAction(reasons []string) bool {
	for _, s := range reasons {
		if s == "action" || s == "match" {
			return true
		}
	}
	return false
}
