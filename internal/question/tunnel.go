package question

import (
	"context"
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/capture"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// unwrapped is what the frame of a tunnel between chassis says of the packet inside.
type unwrapped struct {
	chassis string // that sent it; empty: the frame is of no such tunnel
	port    string // logical ingress port; empty where the tunnel does not carry it
	notes   []string
}

// unwrap replaces the packet of OVN's tunnel by the packet inside, and takes its logical ingress
// port from the tunnel where Question.From names none. A tunnel is OVN's if its source is a tunnel
// address of a chassis; the packet of any other tunnel is traced as it is, with a remark.
func (j *Judged) unwrap(ctx context.Context, r *deployment.Run, mf *microflow.Microflow) (unwrapped, error) {
	if mf.Frame == nil || mf.Frame.Tunnel == nil {
		return unwrapped{}, nil
	}
	f, t := mf.Frame, mf.Frame.Tunnel
	chassis, err := r.SB.ChassisByEncapIP(ctx, t.Src)
	var missing *ovn.NotFoundError
	switch {
	case errors.As(err, &missing) && (j.q.From != "" || mf.InPort != ""):
		return unwrapped{notes: []string{t.Remark()}}, nil
	case errors.As(err, &missing):
		return unwrapped{}, usage.Errorf("--from PORT", "%s is of a %s from %v, which is no tunnel address of a chassis: no port is given", f.Name(), t, t.Src)
	case err != nil:
		return unwrapped{}, err
	}
	out := unwrapped{chassis: chassis.Name}
	if t.Inner == nil {
		return out, usage.Errorf("", "%s is of the %s from chassis %s, and the packet inside cannot be read: %v", f.Name(), t, chassis.Name, t.InnerErr)
	}
	if j.session {
		return out, usage.Errorf("capture at the port that sends the first packet", "%s is of the %s from chassis %s: no session begins between chassis", f.Name(), t, chassis.Name)
	}
	via, err := j.ingress(ctx, r, t, &out)
	if err != nil {
		return out, err
	}
	if j.q.From == "" && out.port == "" {
		return out, usage.Errorf("--from PORT", "%s is of the %s from chassis %s, which does not say at which port the packet inside entered", f.Name(), t, chassis.Name)
	}
	if j.q.From == "" {
		mf.InPort = out.port
	}
	inner := microflow.FromFrame(capture.Frame{File: f.File, Number: f.Number, Interface: f.Interface, Link: f.Link, Comments: f.Comments,
		Packet: *t.Inner, NoSrc: t.Inner.EthSrc.IsZero(), NoDst: t.Inner.EthDst.IsZero(), Cut: t.InnerCut})
	inner.InPort, inner.Text = mf.InPort, mf.Text
	*mf = inner
	out.notes = append([]string{fmt.Sprintf("%s is of the %s from chassis %s (%v) to %v%s: traced is the packet inside, from its entry on, with the headers that it has in the tunnel",
		f.Name(), t, chassis.Name, t.Src, t.Dst, via)}, out.notes...)
	return out, nil
}

// ingress looks up the logical datapath and ports of a tunnel's keys, and returns them in words.
func (j *Judged) ingress(ctx context.Context, r *deployment.Run, t *capture.Tunnel, out *unwrapped) (string, error) {
	dp, err := r.SB.DatapathByKey(ctx, t.DatapathKey())
	var missing *ovn.NotFoundError
	if errors.As(err, &missing) {
		return fmt.Sprintf(", for a datapath that the Southbound database does not have (key %d)", t.DatapathKey()), nil
	} else if err != nil {
		return "", err
	}
	text := ", for " + dp.Name
	for _, end := range []struct {
		word string
		key  int64
	}{{"from", t.IngressKey()}, {"to", t.EgressKey()}} {
		if end.key == 0 {
			continue
		}
		pb, err := r.SB.PortByKey(ctx, dp.UUID, end.key)
		switch {
		case errors.As(err, &missing):
			text += fmt.Sprintf(" %s key %d", end.word, end.key) // a multicast group, or a port that is gone
			continue
		case err != nil:
			return "", err
		}
		text += fmt.Sprintf(" %s %s", end.word, pb.LogicalPort)
		if end.word == "from" {
			out.port = pb.LogicalPort
			continue
		}
		if err := j.misplaced(ctx, r, t, pb, out); err != nil {
			return "", err
		}
	}
	return text, nil
}

// misplaced adds a note if a tunnel does not go to the chassis of the port that it names: its keys
// were then given to other ports since the capture, or the port has moved.
func (j *Judged) misplaced(ctx context.Context, r *deployment.Run, t *capture.Tunnel, to *ovn.PortBinding, out *unwrapped) error {
	if !to.IsVIF() || to.Chassis.IsZero() {
		return nil
	}
	far, err := r.SB.ChassisByEncapIP(ctx, t.Dst)
	var missing *ovn.NotFoundError
	if err != nil && !errors.As(err, &missing) {
		return err
	}
	if err == nil && far.UUID == to.Chassis {
		return nil
	}
	out.notes = append(out.notes, fmt.Sprintf("port %s, which the tunnel names, is not on the chassis of %v: the capture may be of another configuration", to.LogicalPort, t.Dst))
	return nil
}
