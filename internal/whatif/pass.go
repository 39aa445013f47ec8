package whatif

import (
	"context"
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/session"
)

// passer traces the next packets of connections, in the copy as it is.
type passer struct {
	run  *deployment.Run
	down func(chassis string) bool
	// learn lets a router learn an address that OVN itself answers for; nil: errLearns is returned
	// where one must.
	learn func(context.Context, driver.Binding) error
	// forget drops the rows that were read of the databases, which learn changes.
	forget func()
	known  map[driver.Binding]bool // that were learned
}

// pass traces the client's next packet, and the server's: from where the client's arrives now,
// which is answered from there whatever the change does to the client's. before is nil for the
// state before the change.
func (p *passer) pass(ctx context.Context, l *live, before *both) (both, error) {
	out := both{oneWay: oneWay(&l.conn)}
	if l.why != "" {
		out.original = passage{verdict: engine.Unknown, why: l.why}
		return out, nil
	}
	var err error
	world := driver.World{}
	if out.original, err = p.client(ctx, l); err != nil {
		return out, err
	}
	if t := out.original.trace; t != nil && len(t.Outcomes) > 0 {
		world = t.Outcomes[0].World
	}
	server := &out.original
	if before != nil {
		server = &before.original
	}
	if out.oneWay || !server.passes() {
		return out, nil
	}
	out.reply, err = p.answer(ctx, server.at, world)
	return out, err
}

// client traces the client's next packet.
func (p *passer) client(ctx context.Context, l *live) (passage, error) {
	pb, err := p.run.SB.PortByName(ctx, l.port)
	if err == nil && pb.Type == "" && !pb.Chassis.IsZero() {
		row, rerr := p.run.SB.ChassisByUUID(ctx, pb.Chassis)
		if rerr == nil && p.down(row.Name) {
			return passage{verdict: engine.Dropped, why: "its client is on chassis " + row.Name + ", which is down"}, nil
		}
	}
	var start driver.Start
	if err == nil {
		start, err = p.run.Driver.Enter(ctx, pb, l.at, l.packet)
	}
	return p.send(ctx, start, err, driver.World{}, l.packet, "original")
}

// answer traces the server's next packet, from where the client's arrives.
func (p *passer) answer(ctx context.Context, at *driver.Branch, w driver.World) (passage, error) {
	if at.Verdict == engine.Delivered && p.down(at.Chassis) {
		return passage{verdict: engine.Dropped, why: "its server is on chassis " + at.Chassis + ", which is down"}, nil
	}
	start, err := p.run.Driver.ReplyStart(ctx, at)
	if at.Verdict == engine.External && err == nil {
		// Which chassis takes the answer depends on who answers for its MAC address now.
		start, err = p.fromNetwork(ctx, at, start)
	}
	next := session.Reply(at.Packet)
	if next.Proto == packet.ProtoTCP {
		next.TCPFlags = packet.FlagACK
	}
	return p.send(ctx, start, err, w, next, "reply")
}

// fromNetwork returns where an answer from a provider network enters.
func (p *passer) fromNetwork(ctx context.Context, at *driver.Branch, start driver.Start) (driver.Start, error) {
	if at.Network == "" {
		return start, nil
	}
	vlan := int64(0)
	if len(at.Packet.VLANs) > 0 {
		vlan = int64(at.Packet.VLANs[0].VID)
	}
	doors, err := p.run.SB.PortsByType(ctx, "localnet")
	if err != nil {
		return start, err
	}
	for _, pb := range doors {
		if pb.Options["network_name"] == at.Network && pb.Tag == vlan {
			next, err := p.run.Driver.Enter(ctx, pb, "", session.Reply(at.Packet))
			var entry *driver.EntryError
			if errors.As(err, &entry) {
				return start, nil // nobody answers for it: where the client's packet left
			}
			return next, err
		}
	}
	return start, nil
}

// send traces a packet. That it cannot enter, as its port is gone, is an end too.
func (p *passer) send(ctx context.Context, start driver.Start, err error, w driver.World, next packet.Packet, direction string) (passage, error) {
	if err != nil {
		if why, gone := cannotEnter(err); gone {
			return passage{verdict: engine.Dropped, why: why}, nil
		}
		return passage{}, err
	}
	for {
		t, err := p.run.Driver.Send(ctx, w, start, next, "next packet", direction)
		if err != nil {
			if ctx.Err() != nil {
				return passage{}, err
			}
			return passage{verdict: engine.Unknown, why: err.Error()}, nil
		}
		more, err := p.learns(ctx, t)
		if err != nil {
			return passage{}, err
		}
		if !more {
			return passageOf(t, p.down), nil
		}
	}
}

// learns lets routers learn the addresses that a packet waits for and that OVN itself answers for,
// and reports whether any was new: the packet then goes on.
func (p *passer) learns(ctx context.Context, t *driver.Trace) (bool, error) {
	more := false
	for _, b := range t.Branches {
		if b.Mirror != "" || b.Made != "" || b.Ignored || b.Cause == nil {
			continue
		}
		l := b.Cause.Outlook.Learns
		if l == nil || p.known[*l] {
			continue
		}
		if p.learn == nil {
			return false, errLearns
		}
		err := p.learn(ctx, *l)
		p.forget()
		if err != nil {
			return false, err
		}
		p.known[*l], more = true, true
	}
	return more, nil
}

// cannotEnter reports whether an error says that a packet has no port to enter by.
func cannotEnter(err error) (why string, gone bool) {
	var (
		missing *ovn.NotFoundError
		entry   *driver.EntryError
		unbound *driver.UnboundError
		nowhere *driver.NoInterfaceError
		chassis *driver.ChassisGoneError
	)
	if errors.As(err, &missing) || errors.As(err, &entry) || errors.As(err, &unbound) || errors.As(err, &nowhere) || errors.As(err, &chassis) {
		return fmt.Sprintf("it cannot enter: %v", err), true
	}
	return "", false
}
