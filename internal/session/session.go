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
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Sender carries one packet; *driver.Driver is one.
type Sender interface {
	Send(ctx context.Context, w driver.World, start driver.Start, p packet.Packet, label, direction string) (*driver.Sent, error)
	// ReplyStart finds where a reply to a delivered branch enters.
	ReplyStart(ctx context.Context, b driver.Branch) (driver.Start, error)
}

// Options tell what to play.
type Options struct {
	Close string // fin, rst or none
	// Settle makes what a packet left real before the next one (--commit=kernel); nil leaves it in the overlay.
	Settle func(ctx context.Context, w driver.World) (driver.World, error)
}

// Result is what became of the handshake.
type Result struct {
	Packets  []*report.Packet
	Session  report.Session
	World    driver.World
	Warnings []string
	Unknown  bool // whether the handshake goes through is not determined
}

// step is one packet of a handshake.
type step struct {
	label string
	reply bool
	flags uint16
}

// TCP flag bits.
const (
	fin = 0x01
	syn = 0x02
	rst = 0x04
	ack = 0x10
)

// steps lists the packets of the handshake that p begins, in order.
func steps(p packet.Packet, closing string) ([]step, error) {
	_, asks := echoReply[[2]uint8{p.Proto, p.ICMPType}]
	switch {
	case !p.IsIP():
		return nil, fmt.Errorf("no handshake is known for %v", p)
	case p.Frag == packet.FragLater:
		return nil, errors.New("a later fragment begins no handshake")
	case (p.IsICMP() || p.IsICMPv6()) && !asks:
		return nil, fmt.Errorf("nobody answers %v: a session begins with a request", p)
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

// chain is one alternative of the whole handshake.
type chain struct {
	packets  []*report.Packet
	choices  []engine.Choice
	brokenAt string
	why      string
	ended    engine.Verdict // report.Session's Verdict
	world    driver.World
}

// run is one call of Run.
type run struct {
	sender   Sender
	opt      Options
	start    driver.Start
	first    packet.Packet
	steps    []step
	chains   []chain
	warnings []string
	unplayed int // alternatives beyond maxChains
}

// maxChains bounds how many alternatives of a handshake are played to their end.
const maxChains = 64

// undetermined makes a result that depends on a choice neither established nor broken.
func (r *Result) undetermined(format string, args ...any) {
	r.Unknown = true
	r.Session.Established, r.Session.BrokenAt, r.Session.Verdict = false, "", engine.Unknown
	r.Session.Why = fmt.Sprintf(format, args...)
}

// Run plays the handshake that p begins. Every undetermined choice is played to its end: the result is the first
// alternative that breaks, else the first.
func Run(ctx context.Context, s Sender, w driver.World, start driver.Start, p packet.Packet, opt Options) (*Result, error) {
	list, err := steps(p, opt.Close)
	if err != nil {
		return nil, err
	}
	p.IDChosen = false // a session is a connection of its own
	r := &run{sender: s, opt: opt, start: start, first: p, steps: list}
	switch tcp := p.Proto == ctstate.ProtoTCP; {
	case tcp && p.TCPFlags != syn && p.TCPFlags != 0:
		r.warnings = append(r.warnings, "the flags of the packet are not used: a session begins with a SYN")
	case !tcp && opt.Close != "" && opt.Close != "none":
		r.warnings = append(r.warnings, fmt.Sprintf("only TCP is closed by %s, the session is %s", opt.Close, packet.ProtoName(p.Proto)))
	}
	err = r.play(ctx, chain{world: w}, 0, nil)
	res := r.result()
	return res, err
}

// play sends step i of a chain and goes on with every alternative that it makes; at is the branch where
// the server was reached.
func (r *run) play(ctx context.Context, c chain, i int, at *driver.Branch) error {
	if i == len(r.steps) {
		r.chains = append(r.chains, c)
		return nil
	}
	st := r.steps[i]
	start, p, dir := r.start, r.first, "original"
	if st.reply {
		var err error
		if start, err = r.sender.ReplyStart(ctx, *at); err != nil {
			return r.broken(c, st, err)
		}
		start.Choices = driver.Earlier(at.Choices, r.steps[0].label)
		p, dir = reply(at.Packet), "reply"
	}
	if p.Proto == ctstate.ProtoTCP {
		p.TCPFlags = st.flags
	}
	sent, err := r.sender.Send(ctx, c.world, start, p, st.label, dir)
	if sent != nil {
		r.warnings = append(r.warnings, sent.Warnings...)
	}
	if err != nil {
		if sent != nil {
			c.packets = append(c.packets[:len(c.packets):len(c.packets)], sent.Packet)
		}
		return r.broken(c, st, err)
	}
	if r.opt.Settle != nil && len(sent.Outcomes) > 1 {
		// Real entries of one alternative would be found by the next.
		r.warnings = append(r.warnings, fmt.Sprintf("%s: the first of %d alternatives was committed and played; --lb-backend picks another", st.label, len(sent.Outcomes)))
		sent.Outcomes = sent.Outcomes[:1]
	}
	if len(r.chains)+len(sent.Outcomes) > maxChains {
		r.unplayed += len(sent.Outcomes) - 1
		sent.Outcomes = sent.Outcomes[:1]
	}
	for _, o := range sent.Outcomes {
		next := chain{
			packets: append(c.packets[:len(c.packets):len(c.packets)], sent.Packet),
			choices: append(c.choices[:len(c.choices):len(c.choices)], o.Choices...),
			world:   o.World,
			ended:   c.ended,
		}
		got, why := r.check(st, o, at)
		if why == "answered" {
			next.ended = got.Verdict
			r.chains = append(r.chains, next)
			continue
		}
		if why != "" {
			next.brokenAt, next.why, next.ended = st.label, why, ended(o, got)
			r.chains = append(r.chains, next)
			continue
		}
		if r.opt.Settle != nil {
			if next.world, err = r.opt.Settle(ctx, o.World); err != nil {
				next.world = o.World
				return r.broken(next, st, err)
			}
		}
		far := at
		if !st.reply && at == nil {
			far, next.ended = got, got.Verdict
		}
		if err := r.play(ctx, next, i+1, far); err != nil {
			return err
		}
	}
	return nil
}

// broken ends a chain by an error, which it returns.
func (r *run) broken(c chain, st step, err error) error {
	c.brokenAt, c.why, c.ended = st.label, err.Error(), engine.Unknown
	r.chains = append(r.chains, c)
	return err
}

// check finds the branch by which a packet arrived as it must, or says why it did not; "answered" when OVN itself
// gave the reply already.
func (r *run) check(st step, o driver.Outcome, at *driver.Branch) (*driver.Branch, string) {
	var got *driver.Branch
	for i := range o.Branches {
		b := &o.Branches[i]
		if b.Mirror != "" {
			continue // a copy, made for somebody else
		}
		if b.Verdict != engine.Delivered && b.Verdict != engine.External && b.Verdict != engine.Host {
			continue
		}
		// Of a flood's copies the one counts that is where it must be.
		if got == nil || r.expected(st, b, at) && !r.expected(st, got, at) || b.Verdict > got.Verdict && !r.expected(st, got, at) {
			got = b
		}
	}
	if got == nil {
		return nil, failure(o)
	}
	switch {
	case st.reply:
		return got, r.checkReply(got)
	case at == nil && got.Port == r.start.Port && got.Chassis == r.start.Chassis && isReply(got.Packet, r.first):
		return got, "answered"
	case at == nil:
		return got, ""
	}
	// A later packet of the client must reach the server that the first reached.
	if got.Chassis != at.Chassis || got.Port != at.Port {
		return got, fmt.Sprintf("it reaches %s on %s, the first packet reached %s on %s", got.Port, got.Chassis, at.Port, at.Chassis)
	}
	if x, y := got.Packet, at.Packet; x.Src != y.Src || x.Dst != y.Dst || x.SrcPort != y.SrcPort || x.DstPort != y.DstPort || x.ICMPID != y.ICMPID {
		return got, fmt.Sprintf("it arrives as %v, the first packet as %v", x, y)
	}
	return got, ""
}

// expected tells whether a branch ends where the packet of a step must: a reply at the client, a later packet of the client at the
// server that the first one reached.
func (r *run) expected(st step, b, at *driver.Branch) bool {
	switch {
	case st.reply:
		return r.atClient(b)
	case at != nil:
		return b.Chassis == at.Chassis && b.Port == at.Port
	}
	return false
}

// atClient tells whether a branch ends where the client is: at its port, or on the wire of its provider network for its MAC.
func (r *run) atClient(b *driver.Branch) bool {
	if r.start.Network == "" || b.Verdict != engine.External {
		return b.Chassis == r.start.Chassis && b.Port == r.start.Port
	}
	tag := uint16(0)
	if len(b.Packet.VLANs) > 0 {
		tag = b.Packet.VLANs[0].VID
	}
	from := r.start.VLAN
	if len(r.first.VLANs) > 0 {
		from = r.first.VLANs[0].VID
	}
	return b.Network == r.start.Network && tag == from && b.Packet.EthDst == r.first.EthSrc
}

// checkReply says what a reply lacks to be what the client expects.
func (r *run) checkReply(got *driver.Branch) string {
	if !r.atClient(got) && r.start.Network != "" && got.Verdict == engine.External {
		return fmt.Sprintf("it leaves by %s on %s for %v, the client is %v on provider network %s", got.Port, got.Chassis, got.Packet.EthDst, r.first.EthSrc, r.start.Network)
	}
	if !r.atClient(got) {
		return fmt.Sprintf("it ends at %s on %s instead of the client's port %s on %s", got.Port, got.Chassis, r.start.Port, r.start.Chassis)
	}
	p, want := got.Packet, reply(r.first)
	if p.Src != want.Src || p.SrcPort != want.SrcPort {
		return fmt.Sprintf("the client asked %s and hears from %s", endpoint(want, false), endpoint(p, false))
	}
	if p.Dst != want.Dst || p.DstPort != want.DstPort {
		return fmt.Sprintf("it is addressed to %s, the client is %s", endpoint(p, true), endpoint(want, true))
	}
	if p.HasID && want.HasID && p.ICMPID != want.ICMPID {
		return fmt.Sprintf("it has the identifier %d, the client sent %d", p.ICMPID, want.ICMPID)
	}
	return ""
}

func endpoint(p packet.Packet, dst bool) string {
	a, port := p.Src, p.SrcPort
	if dst {
		a, port = p.Dst, p.DstPort
	}
	if port == 0 {
		return a.String()
	}
	if a.Is6() {
		return fmt.Sprintf("[%v]:%d", a, port)
	}
	return fmt.Sprintf("%v:%d", a, port)
}

// ended is the verdict of a packet that broke a handshake: of the branch that got through and was not as it must be, else
// the worst.
func ended(o driver.Outcome, got *driver.Branch) engine.Verdict {
	switch {
	case got != nil:
		return got.Verdict
	case len(o.Branches) == 0:
		return engine.Unknown
	}
	return worstOf(o).Verdict
}

func worstOf(o driver.Outcome) driver.Branch {
	worst := o.Branches[0]
	for _, b := range o.Branches {
		if b.Mirror == "" && (worst.Mirror != "" || b.Verdict < worst.Verdict) {
			worst = b
		}
	}
	return worst
}

// failure says in a line how the packet ended instead.
func failure(o driver.Outcome) string {
	if len(o.Branches) == 0 {
		return "nothing became of it"
	}
	worst := worstOf(o)
	s := worst.Verdict.String()
	if worst.Chassis != "" {
		s += " on " + worst.Chassis
	}
	if worst.Reason != nil && worst.Reason.Text != "" {
		s += ": " + worst.Reason.Text
	}
	return s
}

// result picks the alternative that is shown: the first that breaks, else the first.
func (r *run) result() *Result {
	res := &Result{Session: report.Session{Proto: packet.ProtoName(r.first.Proto)}}
	if len(r.chains) == 0 {
		return res
	}
	shown, through := r.chains[0], 0
	for _, c := range r.chains {
		if c.brokenAt == "" {
			through++
		} else if shown.brokenAt == "" {
			shown = c
		}
	}
	res.Packets, res.World = shown.packets, shown.world
	res.Session.Established = shown.brokenAt == ""
	res.Session.BrokenAt, res.Session.Why, res.Session.Verdict = shown.brokenAt, shown.why, shown.ended
	switch {
	case through > 0 && through < len(r.chains):
		res.undetermined("established in %d of %d alternatives, else broken at %s: %s", through, len(r.chains), shown.brokenAt, shown.why)
	case r.unplayed > 0 && through > 0:
		// One of those may break: it would be a guess that none does.
		res.undetermined("%d alternatives were played and go through, %d more were not", len(r.chains), r.unplayed)
	case r.unplayed > 0:
		res.undetermined("%d alternatives were played and are broken, %d more were not; the first is broken at %s: %s",
			len(r.chains), r.unplayed, shown.brokenAt, shown.why)
	}
	if len(r.chains) > 1 {
		for _, c := range r.chains {
			res.Session.Alternatives = append(res.Session.Alternatives, report.SessionAlternative{
				Choices: c.choices, Established: c.brokenAt == "", BrokenAt: c.brokenAt, Why: c.why, Verdict: c.ended,
			})
		}
	}
	seen := map[string]bool{}
	for _, w := range r.warnings {
		if !seen[w] {
			seen[w] = true
			res.Warnings = append(res.Warnings, w)
		}
	}
	return res
}
