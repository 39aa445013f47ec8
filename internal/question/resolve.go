package question

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/session"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// entry is a packet ready to be traced.
type entry struct {
	start    driver.Start
	packet   packet.Packet
	label    string
	expect   expectation
	warnings []string           // about parts of the question that are ignored
	anyPort  bool               // the question names no source port: one was chosen
	exchange []session.Captured // the captured packets of a session, from the first on; nil: none to replay
	captured string             // what of them is compared, in words
}

// resolve finds ports and fills in what was left out.
func (j *Judged) resolve(ctx context.Context, r *deployment.Run) (*entry, error) {
	mf, wrapped, pb, err := j.sender(ctx, r)
	if err != nil {
		return nil, err
	}
	dest, expect, err := j.destination(ctx, r)
	if err != nil {
		return nil, err
	}
	expect.verdict = j.q.Expect
	byAddr := j.q.To != "" && dest.Kind == microflow.TargetIP
	if err := j.ahead(ctx, r, &mf, pb, &expect, byAddr); err != nil {
		return nil, err
	}
	far, err := j.receiver(ctx, r, &mf, pb)
	if err != nil {
		return nil, err
	}
	portGiven, anyPort := mf.Given.Has(microflow.HasSrcPort), mf.Open(microflow.HasSrcPort)
	if err := j.fill(ctx, r, &mf, pb, dest); err != nil {
		return nil, err
	}
	j.inject.prepare(&mf.Packet, portGiven)
	e := &entry{packet: mf.Packet, label: label(mf.Packet), expect: expect, anyPort: anyPort, warnings: append(ignored(&mf), wrapped.notes...)}
	if j.q.Length > 0 {
		e.packet.Length = j.q.Length
	}
	if j.inner != nil {
		e.packet.Inner = j.inner
	}
	j.replays(e, pb, far)
	if byAddr && e.packet.Dst != j.dest.Addr { // the expression has an address of its own
		if err := e.expect.owner(ctx, r, e.packet.Dst); err != nil {
			return nil, err
		}
		e.expect.prepare(ctx, r)
	}
	if wrapped.chassis != "" && wrapped.port == pb.LogicalPort {
		e.start, err = r.Driver.EnterSeen(ctx, pb, wrapped.chassis, e.packet)
	} else {
		e.start, err = r.Driver.Enter(ctx, pb, j.q.Chassis, e.packet)
	}
	return e, err
}

// sender returns the packet as it was written, the tunnel that it was captured in, and the port that
// it enters by, which is the packet's InPort too.
func (j *Judged) sender(ctx context.Context, r *deployment.Run) (mf microflow.Microflow, wrapped unwrapped, pb *ovn.PortBinding, err error) {
	if mf, err = j.microflow(ctx, r); err != nil {
		return
	}
	if wrapped, err = j.unwrap(ctx, r, &mf); err != nil {
		return
	}
	begun := r.SB
	if pb, err = j.onePort(ctx, r, "--from", cmp.Or(j.q.From, mf.InPort)); err != nil {
		return
	}
	if r.SB != begun { // another zone's address sets and port groups
		if mf, err = j.microflow(ctx, r); err != nil {
			return
		}
	}
	if err = j.checkDatapath(ctx, r, pb); err != nil {
		return
	}
	// --from may name the port by address; the microflow's inport must be the same port.
	if mf.InPort != "" && mf.InPort != pb.LogicalPort && j.q.From != "" {
		err = usage.Errorf("say the port once", "inport is %q and --from is %q", mf.InPort, pb.LogicalPort)
	}
	mf.InPort = pb.LogicalPort
	return
}

// ahead names what the next requests to the databases and nodes will need, so that it goes with
// them. byAddr says that the destination is an address, whose owner is then expected.
func (j *Judged) ahead(ctx context.Context, r *deployment.Run, mf *microflow.Microflow, pb *ovn.PortBinding, expect *expectation, byAddr bool) error {
	if mf.Open(microflow.HasEthDst) {
		r.SB.WantNextHop(ctx, pb)
	}
	if byAddr { // what the next hop needs goes with it
		if err := expect.owner(ctx, r, j.dest.Addr); err != nil {
			return err
		}
	}
	r.Driver.WantChassis(ctx, expect.on)
	if j.q.Chassis == "" {
		r.Driver.Expect(ctx, pb.Chassis)
	}
	expect.prepare(ctx, r)
	return nil
}

// ignored returns the warnings about parts of the packet that are not traced as given.
func ignored(mf *microflow.Microflow) (warnings []string) {
	if unused := mf.Unused(); len(unused) > 0 {
		warnings = append(warnings, fmt.Sprintf("ignored: %s (registers and conntrack state are computed, not given)", strings.Join(unused, ", ")))
	}
	if unsaid := mf.Unsaid(); len(unsaid) > 0 {
		warnings = append(warnings, "ofproto/trace cannot be given these parts of the packet, which is traced without them: "+strings.Join(unsaid, ", "))
	}
	return append(warnings, mf.Notes()...)
}

// checkDatapath refuses a Question.Datapath that the port is not on.
func (j *Judged) checkDatapath(ctx context.Context, r *deployment.Run, pb *ovn.PortBinding) error {
	if j.q.Datapath == "" {
		return nil
	}
	dp, err := r.SB.DatapathByName(ctx, j.q.Datapath)
	var missing *ovn.NotFoundError
	if errors.As(err, &missing) {
		return &usage.Error{Msg: err.Error(), Hint: "a MICROFLOW is one argument, in quotes; the datapath may precede it, as with ovn-trace", Err: err}
	}
	if err == nil && dp.UUID != pb.Datapath {
		err = usage.Errorf("leave it out: the port determines it", "port %s is not on %s", pb.LogicalPort, j.q.Datapath)
	}
	return err
}

// microflow parses the expression with the database's address sets and port groups.
func (j *Judged) microflow(ctx context.Context, r *deployment.Run) (microflow.Microflow, error) {
	if j.ready {
		return j.given, nil
	}
	mf := microflow.Microflow{}
	if j.q.Microflow != "" {
		var err error
		names := &symbols{ctx: ctx, r: r}
		opt := microflow.Options{Symbols: names}
		if j.q.To != "" {
			if opt.Family, err = j.family(ctx, r); err != nil {
				return mf, err
			}
		}
		mf, err = microflow.Parse(j.q.Microflow, opt)
		if names.err != nil {
			return mf, names.err // the database failed; the name may exist
		}
		if err != nil {
			return mf, microflowUsage("microflow", err)
		}
	}
	return mf, nil
}

// family returns the address family, 4 or 6, where --from and --to decide it, else 0.
func (j *Judged) family(ctx context.Context, r *deployment.Run) (int, error) {
	dest, _, err := j.destination(ctx, r)
	if err != nil {
		return 0, err
	}
	var from microflow.Endpoint
	if j.q.From != "" {
		pb, err := j.onePort(ctx, r, "--from", j.q.From)
		if err != nil {
			return 0, err
		}
		if from, err = endpointOf(pb); err != nil {
			return 0, err
		}
	}
	return microflow.Family(from, dest), nil
}

// destination looks Question.To up: it returns the address, given or the port's, and where a packet
// for it should end.
func (j *Judged) destination(ctx context.Context, r *deployment.Run) (microflow.Destination, expectation, error) {
	dest := microflow.Destination{Target: j.dest}
	if j.q.To == "" || j.dest.Kind == microflow.TargetIP {
		return dest, expectation{}, nil
	}
	pb, zone, err := j.portAnywhere(ctx, r, "--to", j.dest.Name)
	if err != nil {
		return dest, expectation{}, err
	}
	place := placeOf(pb)
	if zone.SB != r.SB {
		place.on = ovsdb.UUID{}
	}
	if pb.Type == "patch" || pb.Type == "l3gateway" {
		if pb, err = facing(ctx, zone.SB, pb); err != nil {
			return dest, expectation{}, err
		}
	}
	dest.Endpoint, err = endpointOf(pb)
	return dest, place, err
}

// facing returns the router's port that a switch's port is joined to, where that has no address of
// its own.
func facing(ctx context.Context, sb *ovn.SB, pb *ovn.PortBinding) (*ovn.PortBinding, error) {
	if len(pb.Addrs()) > 0 || pb.Peer() == "" {
		return pb, nil
	}
	return sb.PortByName(ctx, pb.Peer())
}

// label names a packet by its role in a connection.
func label(p packet.Packet) string {
	const syn, ack, rst, fin = packet.FlagSYN, packet.FlagACK, packet.FlagRST, packet.FlagFIN
	switch {
	case p.IsIP() && p.Proto == packet.ProtoTCP:
		switch f := p.TCPFlags; {
		case f&rst != 0:
			return "RST"
		case f&(syn|ack) == syn|ack:
			return "SYN-ACK"
		case f&syn != 0:
			return "SYN"
		case f&fin != 0:
			return "FIN"
		case f == ack:
			return "ACK"
		}
	case p.IsEcho():
		return "echo " + map[bool]string{true: "reply", false: "request"}[p.ICMPType == 0 || p.ICMPType == 129]
	case p.IsARP():
		return strings.ToUpper(openflowARP(p.ARPOp))
	}
	return "packet"
}

func openflowARP(op uint16) string {
	if op == 2 {
		return "arp reply"
	}
	return "arp request"
}
