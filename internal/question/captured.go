package question

import (
	"context"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/capture"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/session"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// readCapture reads the packet of Question.Capture; for a session, all of its connection, of which
// the packet is the first.
func (j *Judged) readCapture() error {
	if !j.session {
		var err error
		j.given, err = microflow.FromPcap(j.q.Capture)
		return err
	}
	read, err := capture.ReadExchange(j.q.Capture)
	if err != nil {
		return err
	}
	frames := read.Frames
	j.captured = frames
	if read.Rest > 0 {
		j.notes = append(j.notes, fmt.Sprintf("%d more frames of the connection are not used", read.Rest))
	}
	if read.Unreadable > 0 {
		j.notes = append(j.notes, fmt.Sprintf("%d frames of %s could not be read and are not used; the first is %v", read.Unreadable, frames[0].File, read.Unread))
	}
	if read.End != nil {
		j.notes = append(j.notes, fmt.Sprintf("%s: %v: later frames of the connection may be missing", frames[0].File, read.End))
	}
	j.given = microflow.FromFrame(frames[0].Frame)
	j.given.Text = j.q.Capture
	if !j.answered() {
		j.notes = append(j.notes, fmt.Sprintf("%s has no answer to %s: nothing is compared, and the handshake is played as without a capture",
			frames[0].File, frames[0].Name()))
	}
	return nil
}

// answered reports whether the captured connection has packets of both directions.
func (j *Judged) answered() bool {
	return slices.ContainsFunc(j.captured, func(f capture.Exchanged) bool { return f.Reply })
}

// receiver returns the port at which a session's capture was taken, if that is where the connection
// arrives; nil if it is the port that the connection comes from, pb. The first packet is then
// changed back to what pb must have sent: its own addresses, the destination of Question.To, and
// what the network has changed on the way.
func (j *Judged) receiver(ctx context.Context, r *deployment.Run, mf *microflow.Microflow, pb *ovn.PortBinding) (*ovn.PortBinding, error) {
	if len(j.captured) == 0 {
		return nil, nil
	}
	f, own := j.captured[0].Frame, pb.Addrs()
	if f.NoSrc || f.NoDst || len(own) == 0 || hasMAC(own, f.Packet.EthSrc) {
		return nil, nil
	}
	if hasMAC(own, f.Packet.EthDst) {
		return nil, usage.Errorf(fmt.Sprintf("name the port of %v by --from", f.Packet.Src),
			"%s, the first of the connection, was received by %s and not sent by it", f.Name(), pb.LogicalPort)
	}
	ports, err := r.SB.PortsByMAC(ctx, f.Packet.EthDst.String())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(ports, (*ovn.PortBinding).IsVIF)
	if i < 0 {
		return nil, nil
	}
	p := &mf.Packet
	mf.Given &^= microflow.HasEthSrc | microflow.HasEthDst
	p.EthSrc, p.EthDst, p.VLANs, p.TTL = packet.MAC{}, packet.MAC{}, nil, microflow.DefaultTTL
	if !pb.HasIP(p.Src) {
		from, err := endpointOf(pb)
		if err != nil {
			return nil, err
		}
		if a := from.Addr(p.Src.Is6()); a.IsValid() {
			p.Src = a
		}
	}
	if j.dest.Kind == microflow.TargetIP && j.dest.Addr.Is6() == p.Dst.Is6() && j.dest.Addr.IsValid() {
		p.Dst = j.dest.Addr
		if j.dest.HasPort {
			p.DstPort = j.dest.Port
		}
	}
	return ports[i], nil
}

func hasMAC(addrs []ovn.Addr, mac packet.MAC) bool {
	return slices.ContainsFunc(addrs, func(a ovn.Addr) bool {
		own, err := packet.ParseMAC(a.MAC)
		return err == nil && own == mac
	})
}

// replays sets the packets to replay, and says what is compared. far is where the capture was
// taken, nil for the port that the connection comes from.
func (j *Judged) replays(e *entry, pb, far *ovn.PortBinding) {
	if len(j.captured) == 0 {
		return
	}
	first := j.captured[0]
	e.warnings = append(e.warnings, j.notes...)
	if far != nil {
		e.warnings = append(e.warnings, fmt.Sprintf("%s was captured where it arrives, at %s: %s is taken to have sent it as %v; compared is what arrives at %s",
			first.Name(), far.LogicalPort, pb.LogicalPort, e.packet, far.LogicalPort))
	}
	if !j.answered() {
		return
	}
	e.captured = "what " + pb.LogicalPort + " has received, as captured"
	if far != nil {
		e.captured = "what " + far.LogicalPort + " has received, as captured"
	}
	for _, f := range j.captured {
		c := session.Captured{Frame: f.Number, Packet: f.Packet, Reply: f.Reply}
		p := &c.Packet
		switch {
		case f.Reply:
		case far != nil:
			arrived := f.Packet
			c.Arrived = &arrived
			p.EthSrc, p.EthDst, p.VLANs, p.TTL = e.packet.EthSrc, e.packet.EthDst, nil, e.packet.TTL
			p.Src, p.Dst, p.DstPort = e.packet.Src, e.packet.Dst, e.packet.DstPort
			if f.Packet.IsICMPError() {
				p.DstPort = 0
			}
		default:
			if f.NoSrc {
				p.EthSrc = e.packet.EthSrc
			}
			if f.NoDst {
				p.EthDst = e.packet.EthDst
			}
		}
		e.exchange = append(e.exchange, c)
	}
}
