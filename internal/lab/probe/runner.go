package probe

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/reporttest"
)

// Runner predicts and sends packets in a lab.
type Runner struct {
	Lab    *lab.Lab
	Tool   string        // the built command; "" records only the reality
	Out    io.Writer     // progress
	Settle time.Duration // a packet has ended when no frame was seen for this time
	Reach  []string      // the tool's flags for its nodes; nil: it runs itself on each chassis

	// Archives are from which each question is asked again; with Once, every case is asked of every
	// kind, but not every packet.
	Archives []Archive
	Once     bool

	archived    []Archived // answers from archives about the current case
	lastOfCase  bool
	ownDatapath bool              // Case.OwnDatapath
	unseen      map[string]string // Case.Unseen
	own         bool              // whether the datapath of the lab may not stand for another one now
	asked       int               // partial archives so far

	rec    recorder
	taps   map[string]*tap
	tables []table
	owned  *owners // MACs for which OVN answers
	dirty  bool    // whether the Northbound DB was changed since the last Settle
	serial uint32
	cancel context.CancelFunc
}

// Open opens a tap on every VIF, outside host and physical cable, and a
// conntrack socket in every chassis.
func (r *Runner) Open(ctx context.Context) error {
	ctx, r.cancel = context.WithCancel(ctx)
	r.taps = map[string]*tap{}
	r.serial = uint32(time.Now().UnixNano()>>20) & 0xffffff
	open := func(netns, ifname, name string) error {
		t, err := openTap(netns, ifname, name)
		if err != nil {
			return err
		}
		if _, ok := r.taps[name]; ok { // a second tap with this name: nothing is sent there
			name += "/" + ifname
		}
		r.taps[name] = t
		go t.read(ctx, &r.rec)
		return nil
	}
	topo := r.Lab.Topo
	for _, c := range topo.Cables {
		if leg := c.Leg(); leg != "" {
			if err := open("", leg, c.Sees); err != nil {
				return err
			}
		}
	}
	for _, v := range topo.VIFs {
		if v.Parent == "" {
			if err := open(v.Port, "e0", v.Port); err != nil {
				return err
			}
		}
	}
	for _, h := range topo.Hosts {
		if err := open(h.Name, "e0", h.Name); err != nil {
			return err
		}
	}
	for _, c := range topo.Chassis {
		if err := open("", lab.UnderlayLeg(c.Name), lab.UnderlayTap(c.Name)); err != nil {
			return err
		}
		for _, n := range slices.Sorted(maps.Keys(c.Mappings)) {
			if err := open("", lab.PhysLeg(c.Name, n), lab.PhysLeg(c.Name, n)); err != nil {
				return err
			}
		}
		k, err := openTable(r.Lab, c.Name)
		if err != nil {
			return err
		}
		r.tables = append(r.tables, k)
	}
	return nil
}

// Close closes what Open opened.
func (r *Runner) Close() {
	if r.cancel != nil {
		r.cancel()
	}
	for _, k := range r.tables {
		k.close()
	}
	time.Sleep(250 * time.Millisecond) // until the readers have seen the end of ctx
	for _, t := range r.taps {
		t.close()
	}
}

// Flush empties every chassis' conntrack table.
func (r *Runner) Flush() error {
	for _, k := range r.tables {
		if err := k.flush(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) dumpAll() (map[string][]Entry, error) {
	all := map[string][]Entry{}
	for _, k := range r.tables {
		e, err := k.dump()
		if err != nil {
			return nil, err
		}
		all[k.chassis()] = e
	}
	return all, nil
}

// marker returns a payload that no other packet has.
func (r *Runner) marker() []byte {
	r.serial++
	return fmt.Appendf(nil, "ct-probe-%08x", r.serial)
}

// Stamp sets the packet's marker, which identifies it, and returns it.
func (r *Runner) Stamp(p *Packet) []byte {
	if p.Raw != nil {
		return p.Payload // the maker of the frame has set the marker
	}
	if p.Proto == "arp" || strings.HasPrefix(p.Proto, "nd_") {
		return nil
	}
	if p.Proto == "igmp" {
		return p.Payload // its checksum covers the whole packet
	}
	m := r.marker()
	p.datagram = uint16(r.serial)
	switch p.Proto {
	case "tcp":
		if p.Seq == 0 {
			p.Seq = r.serial << 8
		}
		return nil
	case "sctp":
		// An INIT must be the packet's only chunk: its own fields are the marker.
		if p.Payload == nil {
			p.Payload = SCTPInit(p.Sport, p.Dport, r.serial|0x40000000)
		}
		return p.Payload[16:32]
	default:
		p.Payload = append(p.Payload, m...)
		for len(p.Payload) < p.Size { // so that every fragment contains a marker
			p.Payload = append(p.Payload, m[:min(len(m), p.Size-len(p.Payload))]...)
		}
	}
	return m
}

// origin returns the tap at which a packet enters, and the frame's VLAN tag there.
func (r *Runner) origin(p Packet) (string, int, error) {
	for _, h := range r.Lab.Topo.Hosts {
		if h.Name == p.From {
			return h.Name, p.VLAN, nil
		}
	}
	v, err := r.Lab.Topo.VIF(p.From)
	if err != nil {
		return "", 0, err
	}
	if v.Parent != "" {
		return v.Parent, v.Tag, nil
	}
	return v.Port, p.VLAN, nil
}

const tick = 25 * time.Millisecond

// Send sends the packet and returns what happened to it. It waits longer if fewer frames than
// expected arrive, and on a machine that is short of processor time, which it measures by the
// duration of short sleeps.
func (r *Runner) Send(ctx context.Context, p Packet, marker []byte, expect int) (*Reality, error) {
	before, err := r.dumpAll()
	if err != nil {
		return nil, err
	}
	at, tag, err := r.origin(p)
	if err != nil {
		return nil, err
	}
	if p.Raw == nil {
		p.VLAN = tag
	}
	frames, err := p.Frames()
	if err != nil {
		return nil, err
	}
	r.rec.take()
	sent := time.Now()
	for _, frame := range frames {
		if err := r.taps[at].send(frame); err != nil {
			return nil, err
		}
	}
	var ends, answers []Seen
	for quiet := 0; ; quiet++ {
		time.Sleep(tick)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var last time.Time
		was := len(ends) + len(answers)
		ends, answers, last = r.classify(p, marker)
		if len(ends)+len(answers) > was {
			quiet = 0
		}
		if last.IsZero() {
			last = sent
		}
		settle := r.Settle
		if len(ends)+len(answers) < expect {
			settle *= 8
		}
		if time.Since(last) > settle && quiet > int(settle/tick)/2 {
			break
		}
	}
	after, err := r.dumpAll()
	if err != nil {
		return nil, err
	}
	real := &Reality{Tunnels: tunnels(r.rec.snapshot(), marker), Ends: gather(ends), Answers: answers, After: after, Changed: map[string][]Entry{}}
	for c := range after {
		if d := changed(before[c], after[c]); d != nil {
			real.Changed[c] = d
		}
	}
	return real, nil
}

// classify returns the packet's ends and OVN's answers among the captured frames.
func (r *Runner) classify(p Packet, marker []byte) (ends, answers []Seen, last time.Time) {
	for _, c := range r.rec.snapshot() {
		if strings.HasPrefix(c.at, underlay) {
			continue
		}
		mine, answer := c.frame.is(p, marker), c.frame.answers(p, marker)
		if !mine && !answer {
			continue
		}
		end := r.end(c)
		if end == "" {
			continue
		}
		if c.when.After(last) {
			last = c.when
		}
		if mine {
			ends = append(ends, Seen{end, c.frame})
		} else {
			answers = append(answers, Seen{end, c.frame})
		}
	}
	return ends, answers, last
}

// end returns the end at which a frame was seen, "" if the frame has not ended there: a frame on a
// physical cable to a MAC for which OVN answers on its VLAN is still on its way.
func (r *Runner) end(c capture) string {
	topo := r.Lab.Topo
	for _, h := range topo.Hosts {
		if h.Name == c.at {
			return "" // seen before, on the cable by which it left its chassis
		}
	}
	for _, ch := range topo.Chassis {
		for n := range ch.Mappings {
			if c.at == lab.PhysLeg(ch.Name, n) {
				if r.owned.answers(wire{n, c.frame.Header["vlan"]}, c.frame.Header["eth_dst"]) {
					return ""
				}
				return "external " + ch.Name
			}
		}
	}
	for _, v := range topo.VIFs {
		if v.Parent == c.at && c.frame.Header["vlan"] == fmt.Sprint(v.Tag) {
			return "port " + v.Port
		}
	}
	return "port " + c.at
}

// inport returns the logical port at which a packet enters.
func (r *Runner) inport(p Packet) string {
	for _, h := range r.Lab.Topo.Hosts {
		if h.Name == p.From {
			return h.Port
		}
	}
	return p.From
}

// Prediction is the result of a run of the tool.
type Prediction struct {
	Report Report
	Status int
	Stderr string
	Raw    []byte
	Took   time.Duration
	Args   []string
}

// toolTimeout bounds one run of the tool; it is longer than the tool's default, for a slow guest.
const toolTimeout = 2 * time.Minute

func (r *Runner) reach() []string {
	if r.Reach != nil {
		return r.Reach
	}
	return r.Lab.Topo.NodeFlags(r.Tool)
}

// Predict runs the built command on a packet.
func (r *Runner) Predict(ctx context.Context, command string, p Packet, extra ...string) (*Prediction, error) {
	z := r.Lab.Topo.ZoneOf(p.From)
	reach := append(z.Reach(), r.reach()...)
	var args []string
	if n := len(p.Payload); n > 200 && !p.Hex { // only MTU checks depend on the length
		if frame, err := p.given(); err == nil {
			args = append(args, "--len", fmt.Sprint(len(frame)-14))
		}
	}
	if v, err := r.Lab.Topo.VIF(p.From); err == nil && v.Local { // it is on every chassis
		args = append(args, "--at", v.Chassis)
	}
	args = append(args, extra...)
	packet, err := r.asFlags(p)
	if err != nil {
		return nil, err
	}
	args = append(args, packet...)
	pr, err := r.predict(ctx, append(append([]string{command}, reach...), args...))
	if err == nil {
		r.own = r.ownDatapath || p.ownDatapath()
		err = r.offline(ctx, pr, z.Name, command, args)
	}
	return pr, err
}

// predict runs the built command, whose arguments begin with its name.
func (r *Runner) predict(ctx context.Context, args []string) (*Prediction, error) {
	args = append([]string{args[0], "-o", "json", "--timeout", toolTimeout.String()}, args[1:]...)
	ctx, cancel := context.WithTimeout(ctx, toolTimeout+30*time.Second)
	defer cancel()
	run, err := r.Lab.RunTool(ctx, r.Tool, args...)
	if run == nil {
		return nil, err
	}
	pr := &Prediction{Status: run.Status, Stderr: run.Stderr, Raw: run.Out, Took: run.Took, Args: args}
	if err != nil {
		return pr, err
	}
	if err := run.JSON(&pr.Report); err != nil {
		return pr, err
	}
	if pr.Report.Schema != "ovn-ct-trace/1" {
		return pr, fmt.Errorf("schema %q", pr.Report.Schema)
	}
	if err := reporttest.Check(pr.Raw); err != nil {
		return pr, fmt.Errorf("the output does not match its schema: %w", err)
	}
	if len(pr.Report.Packets) == 0 {
		return pr, fmt.Errorf("no packet in the report")
	}
	return pr, nil
}
