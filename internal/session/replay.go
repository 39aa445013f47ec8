package session

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
)

// Difference is where a capture and the prediction differ.
type Difference struct {
	Sent  *driver.Trace // the predicted packet
	Frame int           // that shows the difference
	What  string        // what the capture has: "frame 2 answers it"
	// Predicted is what was predicted instead, in words; empty where End says it.
	Predicted string
	End       *driver.Branch
}

// replay is one call of Replay.
type replay struct {
	run
	frames []Captured
}

// heard is what an alternative has seen so far.
type heard struct {
	last     *driver.Trace  // the packet that the client has sent last; nil: none yet
	got      *driver.Branch // by which that got through; nil: it did not
	end      *driver.Branch // how it ended where it did not get through
	at       *driver.Branch // where the server was reached last; nil: not yet
	answered bool           // a packet for the client was seen
	lost     *Break         // the last packet for the client, if it does not arrive as it should
}

// Replay sends the packets of a captured exchange, each over the entries that those before it left.
// If the capture was taken where the exchange's first packet enters, at start, what that end has
// sent is sent as captured; what it has received is predicted, by a reply from where the packet
// before was delivered, and compared by addresses, ports, ICMP type, code and id, and quoted
// packet. If it was taken where the first packet arrives (Captured.Arrived), the packets that
// arrive there are compared, and those that are sent there are sent as captured.
//
// An undetermined choice is followed to the first alternative that agrees with the whole capture;
// if none does, Shown is the one that agrees longest. Opt.Close is not used.
func Replay(ctx context.Context, s Sender, w driver.World, start driver.Start, exchange []Captured, opt Options) (*Result, error) {
	r := &replay{run: run{Result: Result{Captured: true, Frames: map[*driver.Trace]int{}}, sender: s, opt: opt, start: start}}
	r.frames = r.prepare(exchange)
	r.first = r.frames[0].Packet
	r.Proto = r.first.Proto
	err := r.play(ctx, Alternative{World: w}, 0, heard{})
	return &r.Result, err
}

// play replays frame i and those behind it in an alternative, and goes on with every alternative
// that it makes until one agrees to the end.
func (r *replay) play(ctx context.Context, a Alternative, i int, h heard) error {
	switch {
	case r.agreed():
		return nil
	case i == len(r.frames):
		r.Alternatives = append(r.Alternatives, a)
		return nil
	case r.frames[i].Reply:
		return r.receive(ctx, a, i, h)
	}
	f := r.frames[i]
	if f.Arrived != nil && h.lost != nil && f.Packet.Proto == ctstate.ProtoTCP && f.Packet.TCPFlags&syn == 0 {
		// Only a client that has heard the server goes on.
		return r.differs(a, Difference{Sent: h.lost.Sent, Frame: f.Frame, What: fmt.Sprintf("frame %d goes on after it", f.Frame),
			Predicted: h.lost.Why, End: h.lost.End})
	}
	return r.each(ctx, a, f, r.start, f.Packet, func(next Alternative, o driver.Outcome, sent *driver.Trace) error {
		h := h
		h.last, h.end = sent, nil
		if h.got = r.received(step{}, o, h.at); h.got == nil {
			return r.lost(ctx, next, o, sent, i, h)
		}
		if f.Arrived != nil {
			if what, predicted := compare(h.got.Packet, *f.Arrived); what != "" {
				return r.differs(next, Difference{Sent: sent, Frame: f.Frame, What: "the capture has it " + what, Predicted: predicted})
			}
		}
		if i == 0 {
			next.Verdict = h.got.Verdict
		}
		if !r.byOVN(h) {
			h.at = h.got
		}
		return r.play(ctx, next, i+1, h)
	})
}

// each sends the packet of a frame and calls yield for each of its outcomes, with the alternative
// as the outcome leaves it.
func (r *replay) each(ctx context.Context, a Alternative, f Captured, start driver.Start, p packet.Packet,
	yield func(Alternative, driver.Outcome, *driver.Trace) error) error {
	direction := "original"
	if f.Reply {
		direction = "reply"
	}
	sent, err := r.sender.Send(ctx, a.World, start, p, f.Label, direction)
	if sent != nil {
		r.Events, r.Frames[sent] = append(r.Events, Event{Sent: sent}), f.Frame
		a.Packets = append(a.Packets[:len(a.Packets):len(a.Packets)], sent)
	}
	if err != nil {
		return r.failed(a, step{label: f.Label}, err)
	}
	for _, o := range r.followed(sent, step{label: f.Label}) {
		next := a
		next.World, next.Choices = o.World, append(a.Choices[:len(a.Choices):len(a.Choices)], o.Choices...)
		if r.opt.Settle != nil {
			if next.World, err = r.opt.Settle(ctx, o.World); err != nil {
				next.World = o.World
				return r.failed(next, step{label: f.Label}, err)
			}
		}
		if err := yield(next, o, sent); err != nil {
			return err
		}
	}
	return nil
}

// lost goes on after a packet of the client that did not get through. One whose end is unknown ends
// the alternative: nothing that follows could be held against it.
func (r *replay) lost(ctx context.Context, a Alternative, o driver.Outcome, sent *driver.Trace, i int, h heard) error {
	if ended := r.unknown(a, o, sent); ended {
		return nil
	}
	h.end = worstOf(o)
	if a.Broken == nil {
		a.Broken, a.Verdict = &Break{Label: sent.Label, End: h.end, Sent: sent}, h.end.Verdict
	}
	if f := r.frames[i]; f.Arrived != nil {
		return r.differs(a, Difference{Sent: sent, Frame: f.Frame, What: "the capture has it", End: h.end})
	}
	return r.play(ctx, a, i+1, h)
}

// differs ends an alternative by a difference.
func (r *replay) differs(a Alternative, d Difference) error {
	a.Differs = &d
	r.Alternatives = append(r.Alternatives, a)
	return nil
}

// unknown ends an alternative by a packet whose end is unknown, and reports whether it did.
func (r *replay) unknown(a Alternative, o driver.Outcome, sent *driver.Trace) bool {
	switch {
	case len(o.Branches) == 0:
		a.Broken = &Break{Label: sent.Label, Why: "its end is unknown", Sent: sent}
	case worstOf(o).Verdict == engine.Unknown:
		a.Broken = &Break{Label: sent.Label, End: worstOf(o), Sent: sent}
	default:
		return false
	}
	a.Verdict, a.Undetermined = engine.Unknown, true
	r.Alternatives = append(r.Alternatives, a)
	return true
}

// byOVN reports whether OVN itself has answered the client's last packet.
func (r *replay) byOVN(h heard) bool {
	return h.got != nil && h.got.Port == r.start.Port && h.got.Chassis == r.start.Chassis && isReply(h.got.Packet, h.last.Packet)
}

// receive holds a frame that the client has received against the prediction.
func (r *replay) receive(ctx context.Context, a Alternative, i int, h heard) error {
	f := r.frames[i]
	differs := func(d Difference) error {
		d.Frame = f.Frame
		return r.differs(a, d)
	}
	first := !h.answered
	h.answered = true
	switch {
	case h.last == nil:
		r.remark("frame %d: not compared, the capture has nothing that it could answer", f.Frame)
		h.answered = false
		return r.play(ctx, a, i+1, h)
	case h.got == nil && refusedBy(h.end, f.Packet):
		return r.play(ctx, a, i+1, h)
	case h.got == nil:
		return differs(Difference{Sent: h.last, What: fmt.Sprintf("frame %d %s", f.Frame, does(f.Packet)), End: h.end})
	case r.byOVN(h):
		if what, predicted := compare(h.got.Packet, f.Packet); what != "" {
			return differs(Difference{Sent: h.last, What: fmt.Sprintf("frame %d %s", f.Frame, what), Predicted: "OVN's own answer " + predicted})
		}
		return r.play(ctx, a, i+1, h)
	}
	start, err := r.sender.ReplyStart(ctx, h.at)
	if err != nil {
		return r.failed(a, step{label: f.Label}, err)
	}
	start.Choices = driver.Earlier(h.at.Choices, h.last.Label)
	if r.frames[0].Arrived != nil {
		return r.sendBack(ctx, a, i, h, start)
	}
	return r.each(ctx, a, f, start, answer(h.at.Packet, f.Packet, h.last.Packet.Dst), func(next Alternative, o driver.Outcome, sent *driver.Trace) error {
		a = next
		got := r.received(step{reply: true}, o, h.at)
		switch {
		case got == nil && r.unknown(next, o, sent):
			return nil
		case got == nil:
			a.Broken, a.Verdict = &Break{Label: sent.Label, End: worstOf(o), Sent: sent}, worstOf(o).Verdict
			return differs(Difference{Sent: sent, What: "the capture has it", End: worstOf(o)})
		case !r.atClient(got):
			a.Broken = &Break{Label: sent.Label, Why: r.checkReply(got), Sent: sent}
			return differs(Difference{Sent: sent, What: "the capture has it", Predicted: r.checkReply(got)})
		}
		if what, predicted := compare(got.Packet, f.Packet); what != "" {
			return differs(Difference{Sent: sent, What: "the capture has it " + what, Predicted: predicted})
		}
		if first && refuses(f.Packet) {
			return differs(Difference{Sent: sent, What: "it " + does(f.Packet), Predicted: fmt.Sprintf("%s is delivered, so that its receiver (%s on %s) has refused it",
				h.last.Label, h.at.Port, h.at.Chassis)})
		}
		return r.play(ctx, next, i+1, h)
	})
}

// sendBack sends a packet of the end where the capture was taken. Whether the client has received
// it is only seen by what the client does then.
func (r *replay) sendBack(ctx context.Context, a Alternative, i int, h heard, start driver.Start) error {
	f := r.frames[i]
	return r.each(ctx, a, f, start, f.Packet, func(next Alternative, o driver.Outcome, sent *driver.Trace) error {
		h := h
		got := r.received(step{reply: true}, o, h.at)
		switch {
		case got == nil && r.unknown(next, o, sent):
			return nil
		case got == nil || r.checkReply(got) != "":
			h.lost = &Break{Label: sent.Label, End: worstOf(o), Sent: sent}
			if got != nil {
				h.lost.End, h.lost.Why = nil, r.checkReply(got)
			}
			if next.Broken == nil {
				next.Broken, next.Verdict = h.lost, worstOf(o).Verdict
			}
		default:
			h.lost = nil
		}
		return r.play(ctx, next, i+1, h)
	})
}

// agreed reports whether an alternative agrees with the whole capture.
func (r *replay) agreed() bool {
	for _, a := range r.Alternatives {
		if a.Differs == nil && !a.Undetermined {
			return true
		}
	}
	return false
}
