package deployment

import (
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
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

// errNoZoneNorthbound is the absence of another zone's Northbound database among archives.
var errNoZoneNorthbound error = &lacksError{"not collected: no archive with the Northbound database of its zone was given"}

// errNoNorthbound is the absence of the first zone's Northbound database among archives.
func (o Options) errNoNorthbound() error { return &lacksError{o.offline.NBLack} }

// lacksError is something that archives do not have.
type lacksError struct{ why string }

func (e *lacksError) Error() string { return e.why }

// Failure is a database that cannot be reached.
func (e *lacksError) Failure() (failure.Kind, string) {
	return failure.Unreachable, "give the report of the host with OVN's databases too (--bundle, repeated)"
}

// UnsearchedError is the error of a name that no database has, where a zone's database that may
// have it cannot be used.
type UnsearchedError struct {
	Err error  // that the name was not found
	Why string // why not all databases were searched
}

func (e *UnsearchedError) Error() string {
	return fmt.Sprintf("%v in the databases that can be used: not collected: %s", e.Err, e.Why)
}

func (e *UnsearchedError) Unwrap() error { return e.Err }

// Failure is a database that cannot be reached.
func (e *UnsearchedError) Failure() (failure.Kind, string) {
	return failure.Unreachable, "collect the databases of that zone again"
}

// Unsearched returns the error of a name that was not found: err, unless a zone's database in the
// archives cannot be used.
func (r *Run) Unsearched(err error) error {
	o := r.shared.d.opt.offline
	if o == nil || len(o.Unusable()) == 0 {
		return err
	}
	return &UnsearchedError{err, strings.Join(o.Unusable(), "; ")}
}

// zoneOf opens the Southbound database that a chassis of another zone belongs to, out of archives.
func (o Options) zoneOf(ctx context.Context, chassis string) (*ovn.SB, error) {
	remote, ok := o.offline.SouthboundOf(chassis)
	if !ok {
		return nil, &lacksError{"not collected: no archive with the Southbound database of its zone was given"}
	}
	return ovn.DialSB(ctx, o.database(remote))
}

// DialZone opens the databases of a chassis of another zone, which the caller closes: those that
// its node n finds, or the archives' ones; and the Northbound database that NBOf names for it. noNB
// is why there is none.
func (o Options) DialZone(ctx context.Context, chassis string, n node.Node) (z Zone, noNB, err error) {
	z.Chassis = chassis
	if o.offline != nil {
		z.SB, err = o.zoneOf(ctx, chassis)
	} else {
		z.SB, err = southByNode(ctx, n)
	}
	if err != nil {
		return z, nil, err
	}
	switch given := o.NBOf[chassis]; {
	case given != "":
		z.NB, noNB = o.dialNB(ctx, o.database(given))
	case o.offline != nil:
		noNB = errNoZoneNorthbound
	default:
		z.NB, noNB = northByNode(ctx, n)
	}
	return z, noNB, nil
}
