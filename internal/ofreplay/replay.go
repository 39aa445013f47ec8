package ofreplay

import (
	"encoding/binary"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Replay is the result of executing a section's action lines. The section's final flow does not
// show it: changes by a clone, a bucket or a peer bridge are undone there (all of OVN's patch ports
// between datapaths are clones).
type Replay struct {
	Places  []Place // in execution order
	Lookups Lookups
	Lessons []Lesson // in execution order
}

// Place is a point at which the packet leaves the translation: a controller action, a ct action
// that recirculates, or a group whose hash the datapath must compute first.
type Place struct {
	Node   *oftrace.Node
	Bridge string
	Packet packet.Packet // as it was there
	Flow   openflow.Flow // registers and metadata as they were there, and in_port if it is known
	Lost   string        // why Packet and Flow are unknown; empty: they are known
}

// Lookups contains the packet of each table look-up of a section, as a flow: registers, conntrack
// state and headers. It does not contain look-ups whose packet is unknown.
type Lookups map[*oftrace.Node]openflow.Flow

// Start is what is known of the registers at the start of a section. With the zero Start they are
// in the section's own flow, which is so for a section that was not resumed.
type Start struct {
	// Flow contains the registers, metadata and in_port at the start of a resumed section: its own
	// flow is printed before they are restored.
	Flow *openflow.Flow
	Lost string // why they are unknown; empty: they are known
}

// Follow executes the action lines of a section.
func Follow(sec oftrace.Section, start Start) Replay {
	w := newWalker(sec, start)
	w.list(sec.Nodes, true)
	return w.Replay
}

func newWalker(sec oftrace.Section, start Start) *walker {
	w := &walker{sec: &sec, Replay: Replay{Lookups: Lookups{}}}
	f, err := openflow.Parse(sec.Flow)
	if err == nil {
		w.m, err = machineOf(f)
	}
	if err != nil {
		w.m = machine{other: map[string][]byte{}, lost: err.Error()}
		return w
	}
	for _, fd := range f.Fields {
		if fd.Name == "ct_state" || fd.Name == "ct_mark" {
			w.ct = append(w.ct, fd)
		}
	}
	switch {
	case start.Lost != "":
		w.m.lost = start.Lost
	case start.Flow != nil:
		w.m.regs = RegistersOf(*start.Flow)
		if in, ok := start.Flow.Get("in_port"); ok {
			w.m.other["in_port"] = inPort(in)
		}
	case thawed(sec.Nodes) && w.m.regs == (Registers{}):
		w.m.lost = "the registers that this section was resumed with are unknown"
	}
	return w
}

// inPort reads a port as portText prints it; it returns nil for a port name of the switch.
func inPort(s string) []byte {
	if s == "ANY" {
		return []byte{0xff, 0xff}
	}
	return parseInteger(s, 2)
}

// thawed reports whether a section was resumed.
func thawed(nodes []*oftrace.Node) bool {
	for _, n := range nodes {
		if n.Kind == oftrace.Thaw || n.Kind == oftrace.Bridge && thawed(n.Children) {
			return true
		}
	}
	return false
}

// otherOf returns the fields of a flow that are neither registers nor headers.
func otherOf(f openflow.Flow) map[string][]byte {
	out := map[string][]byte{}
	for _, fd := range f.Fields {
		if fl := FieldNamed(fd.Name); fl != nil && isOther(fd.Name) {
			if v := fl.parse(fd.Value); v != nil {
				out[fd.Name] = v
			}
		}
	}
	return out
}

// walker executes the action lines of a section in order.
type walker struct {
	Replay
	sec   *oftrace.Section
	m     machine
	ct    []openflow.Field // the conntrack state that the section began with
	wrong []string         // details of the trace that contradict the machine
	moved Action           // the last line, if it was a move or pop
	last  headers
}

// headers are the fields of a packet's headers, as they were printed last: most tables change none.
type headers struct {
	of     packet.Packet
	tags   bool
	fields []openflow.Field
}

// headers returns the fields of the packet's headers. The caller must not change them.
func (w *walker) headers() []openflow.Field {
	if m := &w.m; w.last.fields == nil || w.last.tags != m.tags || !reflect.DeepEqual(w.last.of, m.pkt) {
		own := w.save()
		w.last = headers{own.pkt, m.tags, m.fields()}
	}
	return w.last.fields
}

// save returns a copy of the machine: changes by a clone, a bucket or a bridge are undone at its
// end.
func (w *walker) save() machine {
	m := w.m
	m.other, m.stack = maps.Clone(m.other), slices.Clone(m.stack)
	m.pkt.VLANs, m.pkt.MPLS = slices.Clone(m.pkt.VLANs), slices.Clone(m.pkt.MPLS)
	return m
}

// list executes sibling nodes.
func (w *walker) list(nodes []*oftrace.Node, top bool) {
	tunnel := false // the action before sent the packet to a native tunnel
	for i := 0; i < len(nodes); i++ {
		n := nodes[i]
		switch n.Kind {
		case oftrace.ActionLine:
			tunnel = false
			rest := nodes[i+1:]
			if inner, ok := inside(n.Text, "clone("); ok {
				cut := actionIndex(rest, lines(inner))
				old := w.save()
				w.list(rest[:cut], false)
				w.m = old
				i += cut
				continue
			}
			if strings.HasPrefix(n.Text, "check_pkt_larger(") {
				w.list(n.Children, false)
				w.fork(n.Text, rest)
				return
			}
			w.action(n, rest[:actionIndex(rest, 0)])
			w.list(n.Children, false)
		case oftrace.Bridge:
			if top {
				w.list(n.Children, false)
				continue
			}
			old := w.save()
			w.m.regs, w.m.other, w.m.untracked = Registers{}, map[string][]byte{}, true // patch_port_output
			if tunnel && w.m.lost == "" {
				w.m.lost = "behind a tunnel's header another packet goes on"
			}
			w.list(n.Children, false)
			w.m = old
		case oftrace.Bucket:
			old := w.save()
			w.list(n.Children, false)
			w.m = old
		case oftrace.Table:
			w.matches(n.Table)
			w.lookup(n)
			w.list(n.Children, false)
		case oftrace.Detail:
			tunnel = tunnel || n.Text == "output to native tunnel"
			w.check(n.Text)
			w.list(n.Children, false)
		default:
			w.list(n.Children, false)
		}
	}
}

// fork executes the lines after check_pkt_larger: xlate_check_pkt_larger translates the rest once
// for a larger packet and once for a smaller one, and the trace prints both.
func (w *walker) fork(text string, rest []*oftrace.Node) {
	_, to, _ := strings.Cut(text, "->")
	dst, ok := ParseSubfield(to)
	n := actionIndex(rest, -1)
	if !ok || n%2 != 0 {
		w.m.lost = "both ways of check_pkt_larger cannot be told apart"
		w.list(rest, false)
		return
	}
	cut := actionIndex(rest, n/2)
	old := w.save()
	w.m.writeBits(dst, []byte{1})
	w.list(rest[:cut], false)
	w.m = old
	w.m.writeBits(dst, []byte{0})
	w.list(rest[cut:], false)
}

// action executes one line; led contains the lines that it led to other than its own children: a
// group's buckets are printed after it.
func (w *walker) action(n *oftrace.Node, led []*oftrace.Node) {
	switch t := n.Text; {
	case handsOver(n, led):
		w.place(n)
	case strings.HasPrefix(t, "learn("):
		w.lesson(n)
	}
	w.moved = nil
	if a := parseLine(n.Text); a != nil {
		w.moved = a
		w.m.step(a)
		return
	}
	if why := w.m.follow(n.Text); why != "" && w.m.lost == "" {
		w.m.lost = why
	}
}

// handsOver reports whether an action line is a Place.
func handsOver(n *oftrace.Node, led []*oftrace.Node) bool {
	t := n.Text
	return strings.HasPrefix(t, "controller(") || strings.HasPrefix(t, "CONTROLLER:") ||
		strings.HasPrefix(t, "ct(") && strings.Contains(t, "table=") ||
		strings.HasPrefix(t, "group:") && firstBucket(n.Children) == nil && firstBucket(led) == nil
}

// place records the packet and the registers at a Place.
func (w *walker) place(n *oftrace.Node) {
	m := w.save()
	p := Place{Node: n, Bridge: w.sec.BridgeOf(n), Packet: m.pkt, Flow: openflow.Flow{Fields: m.regs.Fields()}, Lost: m.lost}
	if in := m.other["in_port"]; in != nil {
		p.Flow.Set("in_port", portText(uint32(binary.BigEndian.Uint16(in))))
	}
	w.Places = append(w.Places, p)
}

// lookup records the packet of a table look-up.
func (w *walker) lookup(n *oftrace.Node) {
	if f, ok := w.now(); ok {
		w.Lookups[n] = f
	}
}

// now returns the packet with its registers and conntrack state; ok is false if it is unknown.
func (w *walker) now() (f openflow.Flow, ok bool) {
	if w.m.lost != "" {
		return f, false
	}
	regs, own := w.m.regs.Fields(), w.headers()
	f.Fields = append(make([]openflow.Field, 0, len(regs)+len(w.ct)+len(own)), regs...)
	if !w.m.untracked {
		f.Fields = append(f.Fields, w.ct...)
	}
	f.Fields = append(f.Fields, own...)
	return f, true
}
