package ctdpif

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// ErrNoExpectations reports that expected connections are unknown: the zone has connections with
// helpers, and an ovs-vswitchd before OVS 3.2 cannot list what they expect.
var ErrNoExpectations = errors.New("this ovs-vswitchd cannot show expected connections (OVS 3.2 can)")

// expectations holds the expected connections of one zone.
type expectations struct {
	opaques
	known []ctstate.Expectation
}

// Expectation returns the expected connection that a new packet with the tuple would open.
// expectation_lookup accepts any source port, and any source address if the helper could not know
// it.
func (t *Table) Expectation(ctx context.Context, zone uint16, tuple ctstate.Tuple) (ctstate.Expectation, error) {
	x, err := t.expectation(ctx, zone, unmap(tuple))
	if err != nil && err != ctstate.ErrNotFound {
		err = &ctstate.LookupError{Zone: zone, Tuple: tuple, Err: err}
	}
	return x, err
}

func (t *Table) expectation(ctx context.Context, zone uint16, tuple ctstate.Tuple) (ctstate.Expectation, error) {
	t.mu.Lock()
	known, err := t.knowsExpectations(ctx)
	if err == nil && !known {
		// Without helpers there are certainly no expectations.
		z, zerr := t.readZone(ctx, zone, tuple)
		switch {
		case zerr != nil:
			err = zerr
		case z.helpers:
			err = ErrNoExpectations
		default:
			err = ctstate.ErrNotFound
		}
	}
	var list expectations
	if err == nil {
		list, err = t.expectations(ctx, zone)
	}
	t.mu.Unlock()
	if err != nil {
		return ctstate.Expectation{}, err
	}
	i := slices.IndexFunc(list.known, func(x ctstate.Expectation) bool { return expects(x.Tuple, tuple) })
	if i < 0 {
		return ctstate.Expectation{}, cmp.Or(list.check(func(o *opaque) bool { return o.mayExpect(tuple) }), ctstate.ErrNotFound)
	}
	x := list.known[i]
	// The helper is that of the parent, whose entry is looked up by the parent's tuple.
	if x.Master, err = t.Lookup(ctx, zone, *x.Master.Master); err != nil {
		return ctstate.Expectation{}, err
	}
	x.Helper = x.Master.Helper
	return x, nil
}

func expects(x, t ctstate.Tuple) bool {
	return x.Proto == t.Proto && x.Dst == t.Dst &&
		(x.Src.Addr() == t.Src.Addr() || x.Src.Addr().IsUnspecified()) &&
		(x.Src.Port() == 0 || x.Src.Port() == t.Src.Port())
}

// mayExpect is may for an expectation, whose source can be any address.
func (o *opaque) mayExpect(t ctstate.Tuple) bool {
	return o.proto.may(t.Proto) && o.orig.dst.may(t.Dst.Addr()) && o.orig.dport.may(t.Dst.Port())
}

// expectations reads the expectations of the zone; Master has only the parent's tuple.
func (t *Table) expectations(ctx context.Context, zone uint16) (expectations, error) {
	if list, ok := t.exps[zone]; ok {
		return list, nil
	}
	var list expectations
	for l, err := range t.lines(ctx, "dpctl/dump-conntrack-exp", nil, &zone) {
		if bad := unreadable(err); bad != nil {
			if o := readOpaque(bad); o.zone.may(zone) {
				list.add(o)
			}
			continue
		}
		if err != nil {
			return expectations{}, err
		}
		if l.Parent == nil {
			continue
		}
		parent := l.Parent.Tuple
		list.known = append(list.known, ctstate.Expectation{Zone: l.Zone, Tuple: l.Orig.Tuple, Master: ctstate.Entry{Master: &parent}})
	}
	if t.exps == nil {
		t.exps = map[uint16]expectations{}
	}
	t.exps[zone] = list
	return list, nil
}

// knowsExpectations reports whether the daemon has the command dpctl/dump-conntrack-exp; it asks
// once.
func (t *Table) knowsExpectations(ctx context.Context) (bool, error) {
	if t.hasX != nil {
		return *t.hasX, nil
	}
	r, err := t.s.Stream(ctx, "list-commands")
	if err != nil {
		return false, err
	}
	defer r.Close()
	sc := bufio.NewScanner(r)
	has := false
	for sc.Scan() {
		name, _, _ := strings.Cut(strings.TrimSpace(sc.Text()), " ")
		has = has || name == "dpctl/dump-conntrack-exp"
	}
	if err := sc.Err(); err != nil {
		return false, err
	}
	t.hasX = &has
	return has, nil
}
