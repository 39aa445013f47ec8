// Package session plays a handshake: packet after packet, each over the entries that those
// before it left, replies built from what was delivered.
package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
)

// Sender carries one packet; *driver.Driver is one.
type Sender interface {
	Send(ctx context.Context, w driver.World, start driver.Start, p packet.Packet, label, direction string) (*driver.Trace, error)
	// ReplyStart finds where a reply to a delivered branch enters.
	ReplyStart(ctx context.Context, b *driver.Branch) (driver.Start, error)
}

// Options are how to play a handshake.
type Options struct {
	Close string // fin, rst or none
	// Settle writes the entries that a packet left to the kernel before the next one is sent
	// (--commit=kernel); nil leaves them in the overlay.
	Settle func(ctx context.Context, w driver.World) (driver.World, error)
}

// step is one packet of a handshake.
type step struct {
	label string
	reply bool
	flags packet.TCPFlags
}

// The TCP flags of a handshake's packets.
const fin, syn, rst, ack = packet.FlagFIN, packet.FlagSYN, packet.FlagRST, packet.FlagACK

// steps lists the packets of the handshake that p begins, in order.
func steps(p packet.Packet, closing string) ([]step, error) {
	_, asks := echoReply[[2]uint8{p.Proto, p.ICMPType}]
	switch {
	case !p.IsIP():
		return nil, fmt.Errorf("no handshake is known for %s", etherName(p))
	case p.Frag == packet.FragLater:
		return nil, errors.New("a later fragment begins no handshake")
	case (p.IsICMP() || p.IsICMPv6()) && !asks:
		return nil, fmt.Errorf("nobody answers %s of type %d: a session begins with a request", packet.ProtoName(p.Proto), p.ICMPType)
	}
	switch p.Proto {
	case ctstate.ProtoTCP:
		s := []step{{"SYN", false, syn}, {"SYN-ACK", true, syn | ack}, {"ACK", false, ack}}
		switch closing {
		case "fin":
			s = append(s, step{"FIN", false, fin | ack}, step{"FIN-ACK", true, fin | ack}, step{"last ACK", false, ack})
		case "rst":
			s = append(s, step{"RST", false, rst | ack})
		}
		return s, nil
	case ctstate.ProtoUDP, ctstate.ProtoUDPLite:
		return []step{{"request", false, 0}, {"response", true, 0}}, nil
	case ctstate.ProtoICMP, ctstate.ProtoICMPv6:
		return []step{{"echo request", false, 0}, {"echo reply", true, 0}}, nil
	case ctstate.ProtoSCTP:
		return []step{{"INIT", false, 0}, {"INIT ACK", true, 0}, {"COOKIE ECHO", false, 0}, {"COOKIE ACK", true, 0}}, nil
	}
	return nil, fmt.Errorf("no handshake is known for protocol %s", packet.ProtoName(p.Proto))
}

// etherName names what is not IP: arp, or its Ethernet type.
func etherName(p packet.Packet) string {
	if p.IsARP() {
		return "arp"
	}
	return fmt.Sprintf("Ethernet type 0x%04x", p.EthType)
}

// Check returns an error that says why no session can begin with p; nil when one can.
func Check(p packet.Packet) error {
	_, err := steps(p, "")
	return err
}

// run is one call of Run.
type run struct {
	Result
	sender Sender
	opt    Options
	start  driver.Start
	first  packet.Packet
	steps  []step
}

// maxChains bounds how many alternatives of a handshake are played to their end.
const maxChains = 64

// Run plays the handshake that p begins. Every alternative is played to its end, up to maxChains.
// With an error it returns what was played before.
func Run(ctx context.Context, s Sender, w driver.World, start driver.Start, p packet.Packet, opt Options) (*Result, error) {
	list, err := steps(p, opt.Close)
	if err != nil {
		return nil, err
	}
	p.IDChosen = false // a session is a connection of its own
	r := &run{Result: Result{Proto: p.Proto}, sender: s, opt: opt, start: start, first: p, steps: list}
	switch tcp := p.Proto == ctstate.ProtoTCP; {
	case tcp && p.TCPFlags != syn && p.TCPFlags != 0:
		r.remark("the packet's flags are ignored: a session begins with a SYN")
	case !tcp && opt.Close != "" && opt.Close != "none":
		r.remark("only TCP is closed by %s, the session is %s", opt.Close, packet.ProtoName(p.Proto))
	}
	err = r.play(ctx, Alternative{World: w}, 0, nil)
	return &r.Result, err
}

func (r *run) remark(format string, args ...any) {
	r.Events = append(r.Events, Event{Remark: fmt.Sprintf(format, args...)})
}

// play sends step i of an alternative and goes on with every alternative that it makes; at is the
// branch where the server was reached.
func (r *run) play(ctx context.Context, a Alternative, i int, at *driver.Branch) error {
	if i == len(r.steps) {
		r.Alternatives = append(r.Alternatives, a)
		return nil
	}
	st := r.steps[i]
	sent, err := r.send(ctx, a.World, st, at)
	if sent != nil {
		a.Packets = append(a.Packets[:len(a.Packets):len(a.Packets)], sent)
	}
	if err != nil {
		return r.failed(a, st, err)
	}
	list := r.followed(sent, st)
	for k, o := range list {
		next := Alternative{
			Packets: a.Packets, World: o.World, Verdict: a.Verdict,
			Choices: append(a.Choices[:len(a.Choices):len(a.Choices)], o.Choices...),
		}
		arrived := r.check(st, o, at)
		switch {
		case arrived.broken != nil:
			next.Broken, next.Verdict = arrived.broken, arrived.verdict(o)
			r.Alternatives = append(r.Alternatives, next)
			continue
		case arrived.answered:
			next.Verdict = arrived.by.Verdict
			r.Alternatives = append(r.Alternatives, next)
			continue
		}
		if r.opt.Settle != nil {
			if next.World, err = r.opt.Settle(ctx, o.World); err != nil {
				next.World = o.World
				r.Unplayed += len(list) - k - 1
				return r.failed(next, st, err)
			}
		}
		far := at
		if !st.reply && at == nil {
			far, next.Verdict = arrived.by, arrived.by.Verdict
		}
		if err := r.play(ctx, next, i+1, far); err != nil {
			r.Unplayed += len(list) - k - 1
			return err
		}
	}
	return nil
}

// send sends the packet of a step; at is the branch where the server was reached, which a reply
// answers.
func (r *run) send(ctx context.Context, w driver.World, st step, at *driver.Branch) (*driver.Trace, error) {
	start, p, dir := r.start, r.first, "original"
	if st.reply {
		var err error
		if start, err = r.sender.ReplyStart(ctx, at); err != nil {
			return nil, err
		}
		start.Choices = driver.Earlier(at.Choices, r.steps[0].label)
		p, dir = reply(at.Packet), "reply"
	}
	if p.Proto == ctstate.ProtoTCP {
		p.TCPFlags = st.flags
	}
	sent, err := r.sender.Send(ctx, w, start, p, st.label, dir)
	if sent != nil {
		r.Events = append(r.Events, Event{Sent: sent})
	}
	return sent, err
}

// followed returns the outcomes of a packet with which the handshake is continued.
func (r *run) followed(sent *driver.Trace, st step) []driver.Outcome {
	list := sent.Outcomes
	if r.opt.Settle != nil && len(list) > 1 {
		// The next alternative would find the kernel entries of this one.
		r.remark("%s: the first of %d alternatives was committed and played; --lb-backend picks another", st.label, len(list))
		list = list[:1]
	}
	if len(r.Alternatives)+len(list) > maxChains {
		r.Unplayed += len(list) - 1
		list = list[:1]
	}
	return list
}

// failed ends an alternative by an error, and returns the error.
func (r *run) failed(a Alternative, st step, err error) error {
	a.Broken, a.Verdict = &Break{Label: st.label, Why: err.Error()}, engine.Unknown
	r.Alternatives, r.Cut = append(r.Alternatives, a), true
	return err
}
