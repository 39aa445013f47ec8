package question

import (
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/capture"
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
	frames, rest, err := capture.ReadExchange(j.q.Capture)
	if err != nil {
		return err
	}
	j.captured = frames
	if rest > 0 {
		j.notes = append(j.notes, fmt.Sprintf("%d more frames of the connection are not used", rest))
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

// replays sets the packets to replay. What the port has sent gets the Ethernet addresses of the
// first packet where the frames have none.
func (j *Judged) replays(e *entry, pb *ovn.PortBinding) error {
	if len(j.captured) == 0 {
		return nil
	}
	first := j.captured[0]
	if err := sentBy(first.Frame, pb); err != nil {
		return err
	}
	e.warnings = append(e.warnings, j.notes...)
	if !j.answered() {
		return nil
	}
	for _, f := range j.captured {
		p := f.Packet
		if !f.Reply && f.NoSrc {
			p.EthSrc = e.packet.EthSrc
		}
		if !f.Reply && f.NoDst {
			p.EthDst = e.packet.EthDst
		}
		e.exchange = append(e.exchange, session.Captured{Frame: f.Number, Packet: p, Reply: f.Reply})
	}
	return nil
}

// sentBy refuses a first frame that the port has received.
func sentBy(f capture.Frame, pb *ovn.PortBinding) error {
	has := func(mac packet.MAC) bool {
		return slices.ContainsFunc(pb.Addrs(), func(a ovn.Addr) bool {
			own, err := packet.ParseMAC(a.MAC)
			return err == nil && own == mac
		})
	}
	if f.NoSrc || f.NoDst || has(f.Packet.EthSrc) || !has(f.Packet.EthDst) {
		return nil
	}
	return usage.Errorf(fmt.Sprintf("capture at the port of %v, or name it by --from", f.Packet.Src),
		"%s, the first of the connection, was received by %s and not sent by it", f.Name(), pb.LogicalPort)
}
