// Package watch finds where the frames of a port pass, and records them there.
package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// Point is a place where the frames of one port pass: an interface of a chassis.
type Point struct {
	Chassis string
	Port    string // logical port, or a port of a bridge

	node    node.Capturer
	iface   string   // iface-id of the interface; empty for a port of a bridge
	tag     uint16   // VLAN tag of the port's frames; 0 is none
	foreign []uint16 // tags of the other ports on the same interface
}

// Error reports a port that has no interface whose frames could be recorded.
type Error struct{ Port, Why string }

func (e *Error) Error() string { return "port " + e.Port + ": " + e.Why }

// Failure classifies the error as wrong input: another port can be given.
func (e *Error) Failure() (failure.Kind, string) { return failure.Input, "" }

// Nodes are the part of a run that finds chassis and reaches them.
type Nodes struct {
	SB    *ovn.SB
	Nodes driver.Nodes
}

// Of returns what a run needs to watch.
func Of(r *deployment.Run) Nodes { return Nodes{SB: r.SB, Nodes: r.Nodes} }

// Find finds where the frames of a logical port pass. at names the chassis of a port that is on
// several; it may be empty.
func (n Nodes) Find(ctx context.Context, pb *ovn.PortBinding, at string) (*Point, error) {
	fail := func(format string, args ...any) (*Point, error) {
		return nil, &Error{pb.LogicalPort, fmt.Sprintf(format, args...)}
	}
	switch pb.Type {
	case "localnet":
		return fail("it connects to provider network %s and has no interface: its packets pass the physical ports of every chassis",
			pb.Options["network_name"])
	case "patch", "l3gateway", "chassisredirect", "l2gateway", "vtep", "external", "remote":
		return fail("it is of type %s and has no interface: no frame passes there alone", pb.Type)
	case "virtual":
		if pb.VirtualParent == "" {
			return fail("no port has claimed this virtual port yet")
		}
		parent, err := n.SB.PortByName(ctx, pb.VirtualParent)
		if err != nil {
			return nil, err
		}
		return n.Find(ctx, parent, at)
	}
	if !pb.IsVIF() {
		return fail("it is of type %s, which has no interface", pb.Type)
	}
	p := &Point{Port: pb.LogicalPort, iface: pb.LogicalPort}
	if err := n.nested(ctx, p, pb); err != nil {
		return nil, err
	}
	row, err := n.chassis(ctx, pb, at)
	if err != nil {
		return nil, err
	}
	return p, n.reach(ctx, p, row)
}

// OnBridge returns the point of a port of a bridge, such as a physical one.
func (n Nodes) OnBridge(ctx context.Context, chassis, port string) (*Point, error) {
	row, err := n.SB.ChassisByName(ctx, chassis)
	if err != nil {
		return nil, err
	}
	p := &Point{Port: port}
	return p, n.reach(ctx, p, row)
}

// nested sets the interface and the tags of a port that shares its interface with others: a nested
// container's is its parent's, with a tag.
func (n Nodes) nested(ctx context.Context, p *Point, pb *ovn.PortBinding) error {
	if pb.ParentPort != "" {
		p.iface, p.tag = pb.ParentPort, uint16(pb.Tag)
		return nil
	}
	children, err := n.SB.ChildPorts(ctx, pb.LogicalPort, -1)
	for _, c := range children {
		p.foreign = append(p.foreign, uint16(c.Tag))
	}
	return err
}

// chassis returns where a port is bound: at, if that is one of several, or if the port is bound
// nowhere.
func (n Nodes) chassis(ctx context.Context, pb *ovn.PortBinding, at string) (*ovn.Chassis, error) {
	switch {
	case at != "" && (pb.Type == "localport" || pb.Chassis.IsZero()):
		return n.SB.ChassisByName(ctx, at) // its node says if it has no interface for the port
	case pb.Type == "localport":
		return nil, &Error{pb.LogicalPort, "a localport is on every chassis; --at CHASSIS says on which"}
	case pb.Chassis.IsZero():
		return nil, &driver.UnboundError{Port: pb.LogicalPort, Type: pb.Type}
	}
	row, err := n.SB.ChassisByUUID(ctx, pb.Chassis)
	if err != nil || at == "" || at == row.Name {
		return row, err
	}
	if also, err := n.SB.AlsoOn(ctx, pb, at); err != nil || also != nil {
		return also, err
	}
	return nil, &Error{pb.LogicalPort, "it is bound on " + row.Name + ", not on " + at}
}

// reach sets the node of a point.
func (n Nodes) reach(ctx context.Context, p *Point, row *ovn.Chassis) error {
	p.Chassis = row.Name
	nd, err := n.Nodes.Node(ctx, row)
	if err != nil {
		return err
	}
	var ok bool
	if p.node, ok = nd.(node.Capturer); !ok {
		return tooOld(row.Name, errors.ErrUnsupported)
	}
	return nil
}

// tooOld is the error of a node that cannot record.
func tooOld(chassis string, err error) error {
	return &node.Error{Node: chassis, Op: "capture", Err: err, Hint: "the tool there is too old to capture: install this version of it"}
}

// Options say what is recorded.
type Options struct {
	// Filter is a filter of package pcapfilter; for a port with a tag, of the packet behind it.
	Filter    string
	Direction node.CaptureDirection
	SnapLen   int           // bytes of a frame; 0 is the node's default
	Lifetime  time.Duration // after which the node ends the recording by itself
}

// Recording is a recording at a point.
type Recording struct {
	*Point
	Device string
	MTU    int    // of the device, in bytes
	Lost   uint32 // number of frames that were not recorded, so far

	id int
}

// Frame is a recorded frame.
type Frame struct {
	node.CapturedFrame
	// Untagged is the frame without the tag of the port itself: as the workload sees it. WireUntagged
	// is its length in bytes.
	Untagged     []byte
	WireUntagged int
}

// Begin begins to record: every frame from its return on. The caller ends the recording.
func (p *Point) Begin(ctx context.Context, o Options) (*Recording, error) {
	req := node.CaptureRequest{IfaceID: p.iface, Direction: o.Direction, Filter: o.Filter, VLAN: p.tag, SnapLen: o.SnapLen, LifetimeMS: o.Lifetime.Milliseconds()}
	if p.iface == "" {
		req.Port = p.Port
	}
	c, err := p.node.Capture(ctx, req)
	if err != nil {
		return nil, p.failed(err)
	}
	return &Recording{Point: p, Device: c.Device, MTU: c.MTU, id: c.ID}, nil
}

// failed names the chassis in a node's error, which is then one of a chassis that does not answer.
func (p *Point) failed(err error) error {
	var named *node.Error
	var remote *node.RemoteError
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return tooOld(p.Chassis, err)
	case errors.As(err, &named):
		return err
	case errors.As(err, &remote): // it names the chassis too
		err = remote
	}
	return &node.Error{Node: p.Chassis, Op: "capture", Err: err}
}

// pollTime bounds one call to a node: a wait may be longer than a connection is idle.
const pollTime = 20 * time.Second

// Next returns the next frames, at most most, and waits for the first one. It returns none when the
// wait is over.
func (r *Recording) Next(ctx context.Context, most int, wait time.Duration) ([]Frame, error) {
	end := time.Now().Add(wait)
	for {
		left := min(max(0, time.Until(end)), pollTime)
		res, err := r.node.Captured(ctx, node.CapturedRequest{ID: r.id, Max: most, WaitMS: left.Milliseconds()})
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, r.failed(err)
		}
		r.Lost += res.Lost
		var out []Frame
		for _, f := range res.Frames {
			if own, ok := r.own(f); ok {
				out = append(out, own)
			}
		}
		if len(out) > 0 || !time.Now().Before(end) {
			return out, nil
		}
	}
}

// own returns a frame as the port's, or reports that it is another's on the same interface.
func (p *Point) own(f node.CapturedFrame) (Frame, bool) {
	out := Frame{CapturedFrame: f, Untagged: f.Data, WireUntagged: f.Wire}
	const macs, head = 12, 16
	if len(f.Data) < head || f.Data[macs] != 0x81 || f.Data[macs+1] != 0 {
		return out, true
	}
	id := uint16(f.Data[head-2]&0xf)<<8 | uint16(f.Data[head-1])
	if p.tag != 0 {
		out.Untagged = append(append([]byte(nil), f.Data[:macs]...), f.Data[head:]...)
		out.WireUntagged -= head - macs
		return out, id == p.tag
	}
	return out, !slices.Contains(p.foreign, id)
}

// End ends the recording; it may have ended by itself.
func (r *Recording) End(ctx context.Context) {
	_, _ = r.node.Captured(ctx, node.CapturedRequest{ID: r.id, End: true})
}
