package driver

import (
	"context"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// prefetches are nodes that are being started ahead of time: a node is a process, and starting it
// takes longer than most questions to it.
type prefetches struct {
	started map[string]chan struct{} // closed when the node has answered
	stop    []context.CancelFunc
	wg      sync.WaitGroup
}

// Expect prepares the node of a chassis that a packet will be on, and does not wait for it. An
// error here is ignored: it occurs again, and is reported, when the packet gets there.
func (d *Driver) Expect(ctx context.Context, chassis ovsdb.UUID) {
	if chassis.IsZero() {
		return
	}
	if c, err := d.chassisByUUID(ctx, chassis); err == nil {
		d.prefetch(ctx, c)
	}
}

// WantChassis names a chassis that Expect is going to be given, where it is not known yet.
func (d *Driver) WantChassis(ctx context.Context, chassis ovsdb.UUID) {
	if !d.reaches(d.directory(ctx).ByUUID(chassis)) {
		d.SB.WantChassisByUUID(ctx, chassis)
	}
}

// expectAll prepares the nodes that tracks are about to visit.
func (d *Driver) expectAll(ctx context.Context, tracks []*track) {
	for _, t := range tracks {
		for _, a := range t.pending {
			if d.infos[a.chassis] != nil || d.ahead.started[a.chassis] != nil {
				continue
			}
			if c, err := d.chassisRow(ctx, a.chassis); err == nil {
				d.prefetch(ctx, c)
			}
		}
	}
}

func (d *Driver) prefetch(ctx context.Context, c *ovn.Chassis) {
	p := &d.ahead
	if p.started[c.Name] != nil || d.infos[c.Name] != nil {
		return
	}
	n, err := d.Nodes.Node(ctx, c)
	if err != nil {
		return
	}
	if p.started == nil {
		p.started = map[string]chan struct{}{}
	}
	done := make(chan struct{})
	p.started[c.Name] = done
	ctx, cancel := context.WithCancel(ctx)
	p.stop = append(p.stop, cancel)
	p.wg.Go(func() {
		defer close(done)
		_, _ = d.describe(ctx, c.Name, n)
	})
}

// await waits for a node that is being prepared, so that it is not asked twice.
func (d *Driver) await(ctx context.Context, chassis string) {
	if done := d.ahead.started[chassis]; done != nil {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
}

// Settle cancels what is still being prepared and waits for it; nodes may be closed afterwards.
func (d *Driver) Settle() {
	for _, stop := range d.ahead.stop {
		stop()
	}
	d.ahead.wg.Wait()
	d.ahead.stop = nil
}

// chassisByUUID reads the chassis that a port is bound to, once.
func (d *Driver) chassisByUUID(ctx context.Context, id ovsdb.UUID) (*ovn.Chassis, error) {
	for _, c := range d.chassis {
		if c.UUID == id {
			return c, nil
		}
	}
	if c := d.directory(ctx).ByUUID(id); d.reaches(c) {
		d.remember(c)
		d.setOwn(c)
		return c, nil
	}
	read := d.SB.ChassisByUUID
	if d.Bare {
		read = d.SB.BareChassisByUUID
	}
	c, err := read(ctx, id)
	if err == nil {
		d.remember(c)
		d.setOwn(c)
	}
	return c, err
}
