package verify

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/watch"
)

// Injection is the packet as ovn-controller is asked to send it.
type Injection struct {
	Chassis   string
	Microflow string
}

// Prepare sets how the packet is sent, which enters at start. The error is an *Error if
// ovn-controller cannot make it.
func (p *Plan) Prepare(start driver.Start) error {
	q := p.Sent
	switch {
	case start.Via != "vif":
		return &Error{"ovn-controller sends packets at the interfaces of logical ports only, and " + start.Port + " has none"}
	case start.VLAN != 0:
		return &Error{"ovn-controller cannot send a packet of a nested container: inject-pkt loses the tag by which " + start.Port + " is known"}
	case len(q.VLANs) > 0:
		return &Error{"ovn-controller cannot send a tagged packet: inject-pkt loses the tag"}
	case q.Frag != packet.FragNo:
		return &Error{"a fragment is not sent: it would wait for the others of its datagram"}
	}
	if q.IsQuery() && q.ICMPID == 0 {
		q.HasID = false // as inject-pkt makes it
	}
	text, lost := microflow.Expression(start.Port, q)
	if len(lost) > 0 {
		return &Error{"ovn-controller cannot make the packet: its expressions have no " + lost[0]}
	}
	p.Injection = Injection{Chassis: start.Chassis, Microflow: text}
	return nil
}

// Send lets ovn-controller send the packet.
func (i Injection) Send(ctx context.Context, n watch.Nodes) error {
	nd, err := reach(ctx, n, i.Chassis)
	if err != nil {
		return err
	}
	sender, ok := nd.(node.Injector)
	if !ok {
		return &node.Error{Node: i.Chassis, Op: "inject", Err: errors.ErrUnsupported}
	}
	if err := sender.Inject(ctx, node.InjectRequest{Microflow: i.Microflow}); err != nil {
		var ne *node.Error
		if errors.As(err, &ne) {
			return err
		}
		return &node.Error{Node: i.Chassis, Op: "inject the packet", Err: err}
	}
	return nil
}

func reach(ctx context.Context, n watch.Nodes, chassis string) (node.Node, error) {
	row, err := n.SB.ChassisByName(ctx, chassis)
	if err != nil {
		return nil, err
	}
	return n.Nodes.Node(ctx, row)
}

// Watching are the running captures at the places of a plan.
type Watching struct {
	plan *Plan
	at   []Place // of each recording
	recs []*watch.Recording
}

// Begin begins to record at every place of the plan. The captures end by themselves after lifetime.
func (p *Plan) Begin(ctx context.Context, n watch.Nodes, lifetime time.Duration) (*Watching, error) {
	w := &Watching{plan: p}
	opt := watch.Options{Filter: p.Filter(), Direction: node.CaptureOut, Lifetime: lifetime}
	for _, place := range p.Watch {
		rec, err := begin(ctx, n, place, opt)
		if err != nil {
			w.End(ctx)
			return nil, err
		}
		w.at, w.recs = append(w.at, place), append(w.recs, rec)
	}
	return w, nil
}

func begin(ctx context.Context, n watch.Nodes, place Place, opt watch.Options) (*watch.Recording, error) {
	if place.Physical {
		point, err := n.OnBridge(ctx, place.Chassis, place.Port)
		if err != nil {
			return nil, err
		}
		return point.Begin(ctx, opt)
	}
	pb, err := n.SB.PortByName(ctx, place.Port)
	if err != nil {
		return nil, err
	}
	point, err := n.Find(ctx, pb, place.Chassis)
	if err != nil {
		return nil, err
	}
	return point.Begin(ctx, opt)
}

// How long frames are waited for at one place, and after all predicted ones have come.
const (
	pollTime = 50 * time.Millisecond
	linger   = 300 * time.Millisecond
)

// Collect returns the frames that may be the packet: until all predicted ones have come, and a
// little longer, or until the wait is over. lost is the number of frames that were not recorded.
func (w *Watching) Collect(ctx context.Context, wait time.Duration) (seen []Seen, lost int, err error) {
	end := time.Now().Add(wait)
	for complete := false; ; {
		for i, rec := range w.recs {
			frames, err := rec.Next(ctx, 16, pollTime)
			if err != nil {
				return seen, lost, err
			}
			for _, f := range frames {
				// A frame whose headers cannot be read is not the packet: that has been read.
				if q, _, err := packet.Decode(f.Data, f.Wire); err == nil && w.plan.Ours(q) {
					seen = append(seen, Seen{Place: w.at[i], Time: f.Time, Packet: q})
				}
			}
		}
		if !complete && w.plan.Complete(seen) {
			complete = true
			if until := time.Now().Add(linger); until.Before(end) {
				end = until
			}
		}
		if !time.Now().Before(end) {
			break
		}
	}
	for _, rec := range w.recs {
		lost += int(rec.Lost)
	}
	return seen, lost, nil
}

// End ends the captures.
func (w *Watching) End(ctx context.Context) {
	for _, rec := range w.recs {
		rec.End(ctx)
	}
}

// Why a node is not asked for entries. On the userspace datapath Find answers from what the trace
// has dumped, which is from before the packet.
const (
	tooOld    = "the tool there is too old to look entries up"
	onlyDumps = "the userspace datapath has no look-up of a single entry"
)

// LookUp looks for the entries of an outcome in the tables of the chassis, each by one GET. unasked
// lists the chassis that were not asked, each with the reason: "hv1, hv2: REASON".
func (o *Outcome) LookUp(ctx context.Context, n watch.Nodes) (found []Looked, unasked []string, err error) {
	reasons := map[string][]string{}
	for _, chassis := range slices.Sorted(maps.Keys(o.Entries)) {
		list, why, err := lookUp(ctx, n, chassis, o.Entries[chassis])
		if err != nil {
			return nil, nil, err
		}
		if why != "" {
			reasons[why] = append(reasons[why], chassis)
		}
		found = append(found, list...)
	}
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		unasked = append(unasked, strings.Join(reasons[why], ", ")+": "+why)
	}
	return found, unasked, nil
}

// lookUp looks for entries in the table of one chassis; unasked is why it was not asked.
func lookUp(ctx context.Context, n watch.Nodes, chassis string, entries []ctstate.Entry) (found []Looked, unasked string, err error) {
	if len(entries) == 0 {
		return nil, "", nil
	}
	nd, err := reach(ctx, n, chassis)
	if err != nil {
		return nil, "", err
	}
	info, err := nd.Info(ctx)
	if err != nil {
		return nil, "", err
	}
	finder, ok := nd.(node.Finder)
	switch {
	case !ok:
		return nil, tooOld, nil
	case info.Datapath != "system":
		return nil, onlyDumps, nil
	}
	for _, e := range entries {
		res, err := finder.Find(ctx, node.FindRequest{Tuple: e.Orig, Zones: []uint16{e.Zone}})
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return found, tooOld, nil
		case err != nil:
			return nil, "", err
		case res.Unasked != "":
			return found, res.Unasked, nil
		}
		l := Looked{Chassis: chassis, Predicted: e}
		if len(res.Entries) > 0 {
			l.Found = &res.Entries[0]
		}
		found = append(found, l)
	}
	return found, "", nil
}
