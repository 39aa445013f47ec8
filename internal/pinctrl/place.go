package pinctrl

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Place is a point of a trace where the packet is handed over: a controller action, a ct action that recirculates, or a group
// that first has the datapath make a hash.
type Place struct {
	Node   *oftrace.Node
	Packet packet.Packet // as it was there
	Flow   openflow.Flow // registers and metadata as they were there
	Lost   string        // why Packet and Flow are not to be relied on; empty: they are
	InPort string        // the port that the packet was taken to come from there; "" unknown
}

// Places finds each controller(...), ct(...table=N...) and hashed group of a section, with the packet and the registers at that
// point. A section's final flow does not tell them: what a clone, a bucket or a peer bridge did (all of OVN's
// patch ports between datapaths are clones) is undone there. start replaces the registers of the section's own flow;
// a resumed section needs it, as its flow is printed before they are restored.
func Places(sec oftrace.Section, start *openflow.Flow) ([]Place, error) {
	places, _, err := Follow(sec, start)
	return places, err
}

// Lookups are the packets that a section's tables were asked about, as flows: registers, conntrack state and headers. A look-up
// whose packet could not be followed is not in it.
type Lookups map[*oftrace.Node]openflow.Flow

// Follow finds the places of a section, and what each of its table look-ups was about.
func Follow(sec oftrace.Section, start *openflow.Flow) ([]Place, Lookups, error) {
	w, err := newWalker(sec, start)
	if err != nil {
		return nil, nil, err
	}
	w.list(sec.Nodes, true)
	return w.places, w.lookups, nil
}

func newWalker(sec oftrace.Section, start *openflow.Flow) (*walker, error) {
	f, err := openflow.Parse(sec.Flow)
	if err != nil {
		return nil, err
	}
	m, err := machineOf(f)
	if err != nil {
		return nil, err
	}
	w := &walker{m: *m, lookups: Lookups{}}
	for _, fd := range f.Fields {
		if fd.Name == "ct_state" || fd.Name == "ct_mark" {
			w.ct = append(w.ct, fd)
		}
	}
	if start != nil {
		w.m.regs = registersOf(*start)
		if in, ok := start.Get("in_port"); ok {
			w.m.other["in_port"] = inPort(in)
		}
	} else if thawed(sec.Nodes) && w.m.regs == (registers{}) {
		w.m.lost = "the registers that this section was resumed with are not known"
	}
	return w, nil
}

// inPort reads a port as portText prints it; nil where it is a name of the switch's own.
func inPort(s string) []byte {
	if s == "ANY" {
		return []byte{0xff, 0xff}
	}
	return parseInteger(s, 2)
}

// thawed says whether a section was resumed.
func thawed(nodes []*oftrace.Node) bool {
	for _, n := range nodes {
		if n.Kind == oftrace.Thaw || n.Kind == oftrace.Bridge && thawed(n.Children) {
			return true
		}
	}
	return false
}

// otherOf takes the fields out of a flow that are neither registers nor the packet's.
func otherOf(f openflow.Flow) map[string][]byte {
	out := map[string][]byte{}
	for _, fd := range f.Fields {
		if fl := fieldByName(fd.Name); fl != nil && isOther(fd.Name) {
			if v := fl.parse(fd.Value); v != nil {
				out[fd.Name] = v
			}
		}
	}
	return out
}

// walker executes the action lines of a section in order.
type walker struct {
	m       machine
	places  []Place
	lookups Lookups
	ct      []openflow.Field // the conntrack state that the section began with
	wrong   []string         // details of the trace that contradict the machine
	moved   Action           // the last line, if it was a move or pop
}

// save and restore keep what ends with a clone, a bucket or a bridge.
func (w *walker) save() machine {
	m := w.m
	m.other, m.stack = maps.Clone(m.other), slices.Clone(m.stack)
	m.pkt.VLANs, m.pkt.MPLS = slices.Clone(m.pkt.VLANs), slices.Clone(m.pkt.MPLS)
	return m
}

// list executes sibling nodes.
func (w *walker) list(nodes []*oftrace.Node, top bool) {
	tunnel := false // the action before put the packet into a tunnel that Open vSwitch makes itself
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
			w.m.regs, w.m.other, w.m.untracked = registers{}, map[string][]byte{}, true // patch_port_output
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

// fork executes what follows check_pkt_larger: xlate_check_pkt_larger translates the rest once for a larger packet and
// once for another, and the trace prints both.
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

// actionIndex is the index behind the first n action lines and what belongs to them; with n < 0 it counts the action lines.
func actionIndex(nodes []*oftrace.Node, n int) int {
	seen := 0
	for i, x := range nodes {
		if x.Kind != oftrace.ActionLine {
			continue
		}
		if seen == n {
			return i
		}
		seen++
	}
	if n < 0 {
		return seen
	}
	return len(nodes)
}

// action executes one line; led is what it led to beside its own children: a group's buckets are printed behind it.
func (w *walker) action(n *oftrace.Node, led []*oftrace.Node) {
	t := n.Text
	if strings.HasPrefix(t, "controller(") || strings.HasPrefix(t, "CONTROLLER:") || strings.HasPrefix(t, "ct(") && strings.Contains(t, "table=") ||
		strings.HasPrefix(t, "group:") && firstBucket(n.Children) == nil && firstBucket(led) == nil {
		old := w.save()
		p := Place{Node: n, Packet: old.pkt, Flow: openflow.Flow{Fields: old.regs.fields()}, Lost: old.lost}
		if in := old.other["in_port"]; in != nil {
			p.InPort = portText(uint32(binary.BigEndian.Uint16(in)))
		}
		w.places = append(w.places, p)
	}
	w.moved = nil
	if a := parseLine(t); a != nil {
		w.moved = a
		w.m.step(a)
		return
	}
	if why := w.m.follow(t); why != "" && w.m.lost == "" {
		w.m.lost = why
	}
}

// check compares a detail FIELD is now VALUE with the machine. The trace is right about what the section's flow does not
// print, such as the tun_id of a flow without tun_flags.
func (w *walker) check(text string) {
	_, now, ok := strings.Cut(text, " is now ")
	var dst Subfield
	unprinted := false
	switch a := w.moved.(type) {
	case Move:
		dst = a.Dst
		unprinted = isOther(a.Src.Field.Name) && w.m.other[a.Src.Field.Name] == nil
	case Pop:
		dst = a.Dst
	default:
		return
	}
	if !ok || w.m.lost != "" || isOther(dst.Field.Name) {
		return
	}
	want := parseInteger(now, (dst.Bits+7)/8)
	if dst.Bits == dst.Field.Bits && dst.Field.format != fmtHex && dst.Field.format != fmtDecimal {
		want = dst.Field.parse(now)
	}
	switch {
	case want == nil:
	case unprinted:
		w.m.writeBits(dst, toBits(want, dst.Bits))
	case !slices.Equal(w.m.readBits(dst), toBits(want, dst.Bits)):
		w.wrong = append(w.wrong, text)
		w.m.lost = "the trace says " + text + ", which is not what its actions give"
	}
}

// lookup notes what a table is asked about.
func (w *walker) lookup(n *oftrace.Node) {
	if w.m.lost != "" {
		return
	}
	f := openflow.Flow{Fields: w.m.regs.fields()}
	if !w.m.untracked {
		f.Fields = append(f.Fields, w.ct...)
	}
	f.Fields = append(f.Fields, w.m.fields()...)
	w.lookups[n] = f
}

// matches compares the registers that a table's match names with the machine.
func (w *walker) matches(hit oftrace.TableHit) {
	match := hit.Match
	f, err := openflow.Parse(match)
	if err != nil || w.m.lost != "" {
		return
	}
	if hit.Priority == 0 && hit.Cookie == 0 && len(f.Fields) == 1 && f.Fields[0].Name == "reg0" {
		return // one of ofproto-dpif's own rules for a miss (add_internal_miss_flow), printed under the wrong table
	}
	for _, fd := range f.Fields {
		fl := fieldByName(fd.Name)
		if fl == nil {
			continue
		}
		if _, _, ok := regRange(fd.Name); !ok && fd.Name != "metadata" {
			continue
		}
		v, _ := w.m.get(fl)
		want, mask := fl.parse(fd.Value), fl.parse(fd.Mask)
		for i := range want {
			m := byte(0xff)
			if mask != nil {
				m = mask[i]
			}
			if v[i]&m != want[i]&m {
				w.wrong = append(w.wrong, match)
				w.m.lost = "the trace matched " + match + ", which is not what its actions give"
				return
			}
		}
	}
}

// inside gives what stands between prefix and the closing parenthesis at the end.
func inside(text, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(text, prefix)
	rest, end := strings.CutSuffix(rest, ")")
	return rest, ok && end
}

// lines is the number of lines that an action list in a clone or ct is printed as: each action is one, and a ct
// is followed by its own nested actions, or by drop where there are none.
func lines(list string) int {
	n := 0
	for _, a := range splitTop(list) {
		n++
		if inner, ok := inside(a, "clone("); ok {
			n += lines(inner)
		}
		if inner, ok := inside(a, "ct("); ok {
			n += ctLines(inner)
		}
	}
	return n
}

func ctLines(inner string) int {
	n := 0
	for _, item := range splitTop(inner) {
		if item == "nat" || strings.HasPrefix(item, "nat(") {
			n++
		}
		if exec, ok := inside(item, "exec("); ok {
			n += len(splitTop(exec))
		}
	}
	return max(n, 1)
}

// splitTop splits at the commas outside parentheses.
func splitTop(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	if from < len(s) {
		out = append(out, s[from:])
	}
	return out
}
