package replica

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// settleStep is the first pause between two looks at whether the daemons have caught up. Each is
// longer than the one before, up to settleStepMax: looking takes processor time from the daemons.
const (
	settleStep    = 20 * time.Millisecond
	settleStepMax = 300 * time.Millisecond
)

// ports is the state of the ports in the Southbound database, by which ovn-northd and the
// ovn-controllers tell each other what to do.
type ports struct {
	where    string // the chassis of each, and whether it is up
	versions string // changes with every change of a row
}

// Settle returns when ovn-northd and every ovn-controller have done what the copied databases ask
// for.
//
// A chassis that claims or releases a port gives ovn-northd and other chassis something to do
// again: two rounds in a row must move nothing. Where no row of a port has changed since all
// daemons last agreed, one round is enough. A round costs ovn-northd several computations.
func (r *Replica) Settle(ctx context.Context) error {
	last := r.settled
	for round, quiet := 1, 0; ; round++ {
		tunnels, err := r.round(ctx)
		if err != nil {
			return err
		}
		now, err := r.places(ctx)
		if err != nil {
			return err
		}
		if quiet++; tunnels || now.where != last.where {
			quiet = 0
		}
		last = now
		if quiet == 2 || round == 1 && quiet == 1 && now.versions == r.settled.versions {
			r.settled = now
			return nil
		}
	}
}

// round lets every daemon do once what the databases ask for. It reports whether a tunnel was
// taken down meanwhile.
func (r *Replica) round(ctx context.Context) (tunnels bool, err error) {
	// With this option the ovn-controllers would not write that they have caught up.
	confirm := []string{"remove", "NB_Global", ".", "options", ovn.UnconfirmedOption}
	if _, err := r.nbctl(ctx, slices.Concat([]string{"--wait=sb"}, confirm, []string{"--", "sync"})...); err != nil {
		return false, fmt.Errorf("ovn-northd does not catch up: %w", err)
	}
	return r.controllers(ctx)
}

// places returns the state of the ports.
func (r *Replica) places(ctx context.Context) (ports, error) {
	res, err := r.sb.Select(ctx, ovsdb.From("Port_Binding", "logical_port", "chassis", "up", "_version"))
	if err != nil {
		return ports{}, err
	}
	slices.SortFunc(res[0], func(a, b *ovsdb.Row) int { return strings.Compare(a.Str("logical_port"), b.Str("logical_port")) })
	var where, versions strings.Builder
	for _, row := range res[0] {
		fmt.Fprintln(&where, row.Str("logical_port"), row.Ref("chassis"), row.Bool("up"))
		fmt.Fprintln(&versions, row.UUID(), row.Ref("_version"))
	}
	return ports{where.String(), versions.String()}, nil
}

// controllers waits until every ovn-controller has installed the configuration's number, and has
// looked at the databases once more: one that could not write that it claims a port does it then.
func (r *Replica) controllers(ctx context.Context) (tunnels bool, err error) {
	res, err := r.sb.Select(ctx, ovsdb.From("SB_Global", "nb_cfg"))
	if err != nil {
		return false, err
	}
	want := res[0][0].Int("nb_cfg")
	for step := settleStep; ; step = min(step*3/2, settleStepMax) {
		rows, err := r.sb.AllChassis(ctx)
		if err != nil {
			return tunnels, err
		}
		var late error
		for _, row := range rows {
			if c := r.running(row.Name); c != nil {
				if err := c.alive(); err != nil {
					return tunnels, err
				}
				set, early, err := c.keepTunnels(ctx, r.IsDown)
				if err != nil {
					return tunnels, err
				}
				tunnels = tunnels || set
				if early != nil || row.NBCfg < want {
					late = c.late(early)
				}
			}
		}
		if late == nil {
			return tunnels, r.again(ctx)
		}
		select {
		case <-ctx.Done():
			return tunnels, fmt.Errorf("the copy: %w: %w", late, ctx.Err())
		case <-time.After(step):
		}
	}
}

// again returns when every ovn-controller has gone through its main loop: it answers at the end.
func (r *Replica) again(ctx context.Context) error {
	for name := range r.chassis {
		c := r.running(name)
		if c == nil {
			continue
		}
		for range 2 { // the first may be answered by the round that was under way
			if err := c.looks(ctx); err != nil {
				return fmt.Errorf("the copied ovn-controller of %s: %w", name, err)
			}
		}
	}
	return nil
}
