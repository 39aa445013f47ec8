package ctdpif

import (
	"context"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctpack"
)

// zone is the content of one zone.
type zone struct {
	ctpack.Pack
	opaques
	helpers bool // whether a connection has a helper
	read    time.Time
	took    time.Duration
	asked   *asked // nil once the index has been built
}

// asked is the tuple of the look-up for which a zone is dumped. It is compared with each line while
// the zone is read: most zones are asked for one tuple, and the index costs a quarter of reading
// the zone.
type asked struct {
	key   ctstate.Tuple
	at    uint32 // place of the first connection that has it
	found bool
}

// add appends a connection to the zone.
func (z *zone) add(e *ctstate.Entry) error {
	at, err := z.Add(e)
	if a := z.asked; err == nil && a != nil && !a.found && (e.Orig == a.key || e.Reply == a.key) {
		a.at, a.found = at, true
	}
	return err
}

// find returns the first connection of the zone that has key as one of its directions.
func (z *zone) find(id uint16, key ctstate.Tuple) (e ctstate.Entry, ok bool, err error) {
	if a := z.asked; a != nil && a.key == key {
		if a.found {
			e = z.Entry(a.at, id)
		}
		return e, a.found, nil
	}
	if z.asked != nil {
		if err := z.Index(); err != nil {
			return e, false, err
		}
		z.asked = nil
	}
	e, ok = z.Find(id, key)
	return e, ok, nil
}

// fill reads the zone.
func (t *Table) fill(ctx context.Context, id uint16, z *zone) error {
	for l, err := range t.lines(ctx, "dpctl/dump-conntrack", []string{"-m", "-s"}, &id) {
		if bad := unreadable(err); bad != nil {
			if o := readOpaque(bad); o.zone.may(id) {
				z.opaques.add(o)
				z.helpers = z.helpers || o.helper
			}
			continue
		}
		if err == nil {
			e := l.Entry()
			z.helpers = z.helpers || e.Helper != ""
			err = z.add(&e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
