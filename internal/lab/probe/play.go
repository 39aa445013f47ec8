package probe

import "context"

// Exchange is one packet of a handshake that was really sent.
type Exchange struct {
	Packet  Packet
	Real    *Reality
	Arrived bool // for an answer: with the addresses that the client waits for
}

// Play sends the packets of a handshake that first opens, up to the first that does not arrive.
// Whole reports whether all arrived.
func (r *Runner) Play(ctx context.Context, first Packet) (sent []Exchange, whole bool, err error) {
	played, err := r.play(ctx, first)
	for _, p := range played {
		sent = append(sent, Exchange{p.packet, p.real, p.arrived})
	}
	n := len(sessionLabels(first.Proto))
	return sent, err == nil && len(played) == n && played[n-1].arrived, err
}

// SendOne sends one packet and returns its reality.
func (r *Runner) SendOne(ctx context.Context, p Packet) (*Reality, error) {
	return r.Send(ctx, p, r.Stamp(&p), 1)
}

// Emit sends one packet and does not wait for what becomes of it.
func (r *Runner) Emit(p Packet) error {
	at, tag, err := r.origin(p)
	if err != nil {
		return err
	}
	p.VLAN = tag
	frame, err := p.Bytes()
	if err != nil {
		return err
	}
	return r.taps[at].send(frame)
}

// Entries returns the conntrack entries of every chassis.
func (r *Runner) Entries() (map[string][]Entry, error) { return r.dumpAll() }
