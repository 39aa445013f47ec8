package deployment

import (
	"context"
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// Rebuild returns options that name the deployment rebuilt from o.Bundles, and the function that
// removes it; without bundles it returns o. Reading archives may take longer than a question: it is
// bounded by ctx only.
func (o Options) Rebuild(ctx context.Context) (_ Options, remove func() error, err error) {
	if len(o.Bundles) == 0 {
		return o, func() error { return nil }, nil
	}
	if err := o.Check(); err != nil {
		return o, nil, err
	}
	if o.offline, err = offline.Open(ctx, offline.Options{Paths: o.Bundles, Keep: o.KeepRoom}); err != nil {
		return o, nil, err
	}
	o.Bundles = nil // they are read
	o.SB, o.NB, o.NBOf, o.AnyMember = o.offline.SB, o.offline.NB, o.offline.NorthboundOf(), true
	return o, o.offline.Close, nil
}

// Notes returns warnings about a rebuilt deployment.
func (o Options) Notes() []string {
	if o.offline == nil {
		return nil
	}
	notes := o.offline.Notes()
	if o.KeepRoom {
		notes = append(notes, fmt.Sprintf("the rebuilt deployment is kept in %s: ovs-appctl -t %s/CHASSIS/ovs-vswitchd.PID.ctl; end its processes and remove the folder when it is no longer needed",
			o.offline.Room.Dir, o.offline.Room.Dir))
	}
	return notes
}

// errNoNorthbound is the absence of a Northbound database among archives.
func (o Options) errNoNorthbound() error { return errors.New(o.offline.NBLack) }

// zoneOf opens the Southbound database that a chassis of another zone belongs to, out of archives.
func (o Options) zoneOf(ctx context.Context, chassis string) (*ovn.SB, error) {
	remote, ok := o.offline.SouthboundOf(chassis)
	if !ok {
		return nil, errors.New("not collected: no archive with the Southbound database of its zone was given")
	}
	return ovn.DialSB(ctx, o.database(remote))
}
