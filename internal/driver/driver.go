// Package driver stitches nodes: it finds the chassis a packet enters on, and carries the packet through
// tunnels and provider networks from node to node until every branch has ended.
package driver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Nodes reaches chassis; the same chassis gives the same node for a whole run.
type Nodes interface {
	// Node gives the node of a chassis, or an error that says what is missing to reach it.
	Node(ctx context.Context, chassis *ovn.Chassis) (node.Node, error)
}

// Driver carries packets. Its fields are set once.
type Driver struct {
	SB        *ovn.SB
	NB        *ovn.NB // may be nil
	Nodes     Nodes
	Explainer Explainer // may be nil: tables stay unnamed
	Backend   string    // keep only the load balancer's alternative of this IP:PORT
	MaxHops   int       // node visits of one packet; DefaultMaxHops when 0
	MaxDump   int       // node.TraceRequest.MaxDump

	// DialSB opens another zone's Southbound database as a chassis names it; nil: there are none.
	DialSB func(ctx context.Context, chassis, remote string) (*ovn.SB, error)

	chassis map[string]*ovn.Chassis
	infos   map[string]*node.Info
	zones   map[string]*ovn.SB // by chassis
	remotes map[string]*ovn.SB // by ovn-remote, and by chassis where that is a socket
	notes   []string
	fresh   map[string]bool // chassis known to be up to date
	ahead   prefetches
}

// DefaultMaxHops bounds how many node visits one packet may make.
const DefaultMaxHops = 256

// maxPath bounds how many nodes one copy of a packet may pass.
const maxPath = 64

// maxWorlds bounds how many exclusive alternatives of one packet are followed.
const maxWorlds = 256

// maxTries bounds how often a visit is begun anew because a node's tables changed under it.
const maxTries = 3

// World is what the packets before have left: overlay entries by chassis, the flows that they would
// have taught, and what their undetermined choices say of packets to come. The zero World has none.
type World struct {
	Overlays map[string]ctstate.OverlayData `json:"overlays"`
	Lessons  []Lesson                       `json:"lessons,omitempty"`
	Carried  map[string]engine.Carried      `json:"carried,omitempty"`
}

func (w World) with(chassis string, data ctstate.OverlayData) World {
	w.Overlays = maps.Clone(w.Overlays)
	if w.Overlays == nil {
		w.Overlays = map[string]ctstate.OverlayData{}
	}
	w.Overlays[chassis] = data
	return w
}

// Start is where a packet enters.
type Start struct {
	Chassis string
	Port    string // logical port
	Bridge  string // the integration bridge when empty
	OFPort  uint32
	Via     string // vif, physical
	// VLAN tags the packet as it is on the wire where it enters, or on a parent's interface; 0 leaves it as it is.
	VLAN uint16
	// Network is the provider network that it comes by; empty for any other way.
	Network string
	// Resume enters the pipeline by these OpenFlow actions instead of by a port: a router's.
	Resume string
	// Also are further places where a copy enters at the same time: a broadcast from a provider network.
	Also []Start
	// Choices are those of earlier packets that the packet's own headers depend on: it answers one
	// of them.
	Choices []engine.Choice
}

// arrivals are the places where a packet enters.
func (st Start) arrivals(p packet.Packet) []arrival {
	if st.VLAN != 0 && len(p.VLANs) == 0 {
		p.VLANs = []packet.VLAN{{TPID: 0x8100, VID: st.VLAN}}
	}
	out := []arrival{{
		chassis: st.Chassis, inPort: st.Port, via: st.Via, choices: st.Choices,
		req: engine.Request{Bridge: st.Bridge, InPort: st.OFPort, Packet: p, Resume: st.Resume},
	}}
	for _, more := range st.Also {
		out = append(out, more.arrivals(p)...)
	}
	return out
}

// Sent is what became of one packet.
type Sent struct {
	Packet   *report.Packet
	Outcomes []Outcome // exclusive alternatives
	Warnings []string
}

// Outcome is one way the undetermined choices can fall.
type Outcome struct {
	Choices  []engine.Choice
	Branches []Branch
	Asides   []Branch // ends of packets that OVN sends beside the traced one
	World    World
}

// Branch is one end of the packet, with the packet as it is there.
type Branch struct {
	*report.Branch
	Packet  packet.Packet
	Chassis string
	Port    string
	Network string // provider network that it left by
}

// arrival is a packet about to enter a node.
type arrival struct {
	chassis string
	req     engine.Request
	inPort  string
	via     string
	choices []engine.Choice
	hops    []int
	segs    [][2]int // hop and segment, on the way so far
	depth   int
	held    *report.Held   // where a fragment first waited for the others
	tunnel  *report.Tunnel // that it comes by

	// Of a packet that OVN itself made on the way:
	gen    string         // what it is: "tcp_reset", "arp", ...
	reject bool           // it tells the sender that his packet was refused
	aside  bool           // it goes beside the traced packet and does not decide its verdict
	why    *report.Reason // what made OVN send it
	ask    *ask           // the question that it asks, or that it answers; nil: none
}

// track is one alternative on its way.
type track struct {
	world    World
	pending  []arrival
	branches []Branch
	asides   []Branch // ends of packets that OVN sent beside the traced one
	choices  []engine.Choice
	floods   []flood // met on the visit that is under way
}

// ends counts what has become of the track's packet so far; a mirror's copy is nothing of it.
func (t *track) ends() int {
	n := len(t.asides) + len(t.pending)
	for _, b := range t.branches {
		if b.Mirror == "" {
			n++
		}
	}
	return n
}

// keep lists an end of the traced packet, or of one that OVN sent beside it.
func (t *track) keep(a arrival, b Branch) {
	if !a.aside {
		t.branches = append(t.branches, b)
		return
	}
	t.asides = append(t.asides, b)
	a.ask.ends(b.Branch)
}

// last is the end that keep listed last.
func (t *track) last(aside bool) *report.Branch {
	list := t.branches
	if aside {
		list = t.asides
	}
	return list[len(list)-1].Branch
}

// outcome is what has become of the track, of a packet that is labelled so.
func (t *track) outcome(label string) Outcome {
	return Outcome{Choices: t.choices, Branches: t.branches, Asides: t.asides, World: t.world.Ended(label)}
}

// sending is one call of Send.
type sending struct {
	*Driver
	pkt      *report.Packet
	orig     packet.Packet
	start    Start
	hops     []*hop
	visits   map[string]*hop
	tracks   []*track
	decided  map[*report.Reason]decision
	asked    []*ask
	warnings []string
}

// hop is a visit to a node.
type hop struct {
	index  int
	rep    *report.Hop
	chs    string
	info   *node.Info
	result *engine.Result
}

// Send follows one packet from where it enters, over world's entries. On error what was found before is
// returned with it.
func (d *Driver) Send(ctx context.Context, world World, start Start, p packet.Packet, label, direction string) (*Sent, error) {
	s := &sending{
		Driver: d, orig: p, start: start, visits: map[string]*hop{}, decided: map[*report.Reason]decision{},
		pkt: &report.Packet{
			Label: label, Direction: report.Direction(direction), Header: p.Header(),
			From: report.Place{Chassis: start.Chassis, Port: start.Port},
		},
	}
	s.tracks = []*track{{world: world, pending: start.arrivals(p)}}
	sent := &Sent{Packet: s.pkt}
	err := s.run(ctx, sent)
	s.finish(ctx, sent)
	sent.Warnings = append(s.warnings, d.notes...)
	d.notes = nil
	return sent, err
}

func (s *sending) run(ctx context.Context, sent *Sent) error {
	for len(s.tracks) > 0 {
		t := s.tracks[0]
		s.tracks = s.tracks[1:]
		if len(t.pending) == 0 {
			sent.Outcomes = append(sent.Outcomes, t.outcome(s.pkt.Label))
			continue
		}
		if err := s.visit(ctx, t); err != nil {
			sent.Outcomes = append(sent.Outcomes, t.outcome(s.pkt.Label))
			return err
		}
	}
	return nil
}

// visit runs a track's next arrival; alternatives found there make further tracks.
func (s *sending) visit(ctx context.Context, t *track) error {
	a := t.pending[0]
	t.pending = t.pending[1:]
	if len(a.hops) >= maxPath || len(s.hops) >= cmp.Or(s.MaxHops, DefaultMaxHops) {
		t.branches = append(t.branches, s.branch(a, nil, engine.Unknown, report.End{Kind: "unknown", Chassis: a.chassis}, "the packet passes more nodes than are followed: a loop?"))
		s.tracks = append([]*track{t}, s.tracks...)
		return nil
	}
	h, err := s.trace(ctx, a, t.world)
	if err != nil {
		return err
	}
	a.hops = append(a.hops[:len(a.hops):len(a.hops)], h.index)
	var next []*track
	known := t.world.Carried[a.chassis]
	for _, o := range s.wanted(h.result.Outcomes) {
		alt := &track{
			world:    t.world.After(a.chassis, o, a.choices).taught(a.chassis, o.Lessons, s.pkt.Label),
			pending:  append([]arrival(nil), t.pending...),
			branches: append([]Branch(nil), t.branches...),
			asides:   append([]Branch(nil), t.asides...),
			choices:  append(t.choices[:len(t.choices):len(t.choices)], o.Choices...),
		}
		before := alt.ends()
		for _, leaf := range o.Leaves {
			leaf.Choices = unlisted(leaf.Choices, a.choices, known)
			if err := s.end(ctx, alt, a, h, leaf); err != nil {
				return err
			}
		}
		if alt.ends() == before && len(o.Leaves) > 0 {
			// Nothing but copies for ovn-controller (a log, an address learned): the packet itself ends here.
			last := o.Leaves[len(o.Leaves)-1]
			last.Mirror = ""
			b := s.branch(a, &last, engine.Dropped, report.End{Kind: "drop", Chassis: a.chassis}, "")
			s.reason(&b, h, last)
			alt.keep(a, b)
		}
		next = append(next, alt.parted()...)
	}
	if len(next)+len(s.tracks) > maxWorlds {
		t.branches = append(t.branches, s.branch(a, nil, engine.Unknown, report.End{Kind: "unknown", Chassis: a.chassis}, fmt.Sprintf("more than %d alternatives", maxWorlds)))
		next = []*track{t}
	}
	s.expectAll(ctx, next)
	s.tracks = append(next, s.tracks...)
	return nil
}

// wanted keeps the alternative of the backend that was asked for, if this choice has it.
func (s *sending) wanted(in []*engine.Outcome) []*engine.Outcome {
	if s.Backend == "" {
		return in
	}
	var chosen []*engine.Outcome
	balanced := false
	for _, o := range in {
		for _, c := range o.Choices {
			balanced = balanced || c.Kind == engine.ChoiceBackend
			if c.Kind == engine.ChoiceBackend && c.Chosen == s.Backend {
				chosen = append(chosen, o)
				break
			}
		}
	}
	if len(chosen) > 0 {
		return chosen
	}
	if balanced {
		s.warn("no alternative here has the backend %s: all are followed", s.Backend)
	}
	return in
}

// trace visits a node, or remembers the same visit: alternatives that have not parted yet share it.
func (s *sending) trace(ctx context.Context, a arrival, w World) (*hop, error) {
	n, info, err := s.node(ctx, a.chassis)
	if err != nil {
		return nil, err
	}
	req := node.TraceRequest{Request: a.req, Overlay: w.Overlays[a.chassis], MaxDump: s.MaxDump}
	if req.Bridge == "" {
		req.Bridge = info.Bridge
	}
	req.Lessons, req.Carried = w.lessons(a.chassis), w.Carried[a.chassis]
	key, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	id := a.chassis + string(key)
	if h := s.visits[id]; h != nil {
		return h, nil
	}
	res, err := n.Trace(ctx, req)
	for try := 1; errors.Is(err, engine.ErrChanged) && try < maxTries; try++ {
		res, err = n.Trace(ctx, req) // the tables have changed under the trace: the new ones count
	}
	if err != nil {
		if _, ok := err.(*node.Error); ok {
			return nil, err
		}
		return nil, fmt.Errorf("chassis %s: %w", a.chassis, err)
	}
	h := &hop{index: len(s.hops), chs: a.chassis, info: info, result: res,
		rep: &report.Hop{Chassis: a.chassis, Bridge: req.Bridge, InPort: a.inPort, Via: report.Via(a.via), Tunnel: a.tunnel, Integration: info.Bridge}}
	s.hops = append(s.hops, h)
	s.visits[id] = h
	return h, nil
}

// node reaches a chassis and reads what it is, once.
func (d *Driver) node(ctx context.Context, name string) (node.Node, *node.Info, error) {
	c, err := d.chassisRow(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	n, err := d.Nodes.Node(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if d.infos == nil {
		d.infos = map[string]*node.Info{}
	}
	info := d.infos[name]
	if info == nil {
		d.await(ctx, name)
		if info, err = n.Info(ctx); err != nil {
			return nil, nil, at(name, "read the node", err)
		}
		if info.SystemID != "" && info.SystemID != name {
			return nil, nil, &node.Error{Node: name, Op: "read the node", Err: fmt.Errorf("the node reached is %s (external_ids:system-id)", info.SystemID)}
		}
		d.infos[name] = info
		for _, w := range info.Warnings {
			d.note(name + ": " + w)
		}
	}
	return n, info, nil
}

// at names the chassis in an error that does not name one yet.
func at(chassis, op string, err error) error {
	if _, ok := err.(*node.Error); ok {
		return err
	}
	return &node.Error{Node: chassis, Op: op, Err: err}
}

// chassisRow reads a chassis, once.
func (d *Driver) chassisRow(ctx context.Context, name string) (*ovn.Chassis, error) {
	if c := d.chassis[name]; c != nil {
		return c, nil
	}
	c, err := d.SB.ChassisByName(ctx, name)
	if err != nil {
		return nil, err
	}
	if d.chassis == nil {
		d.chassis = map[string]*ovn.Chassis{}
	}
	d.chassis[name] = c
	return c, nil
}

// Infos are the nodes that were asked, by chassis.
func (d *Driver) Infos() map[string]*node.Info { return d.infos }
