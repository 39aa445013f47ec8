package ctstate

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// run is the state of one running ct() action that both models share.
type run struct {
	ctx context.Context
	tbl Table
	a   *Action
	r   *Result
	q   questions
}

// why adds an explanation.
func (w *run) why(text string) { w.r.Why = append(w.r.Why, text) }

// assume adds an explanation and lowers the certainty.
func (w *run) assume(c Certainty, text string) {
	w.r.Certainty = max(w.r.Certainty, c)
	w.why(text)
}

// read looks a tuple up in the table and copies the entry, if there is one, to e.
func (w *run) read(t Tuple, e *Entry) (found bool, err error) {
	if !t.IsValid() {
		return false, nil
	}
	w.r.Looked = true
	got, err := w.tbl.Lookup(w.ctx, w.a.Zone, t)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, lookupError(w.a.Zone, t, err)
	}
	*e = got
	return true, nil
}

// expectation asks the table for an expectation if it is an Expecter.
func (w *run) expectation(t Tuple) (x Expectation, found bool, err error) {
	finder, ok := w.tbl.(Expecter)
	if !ok {
		return Expectation{}, false, nil
	}
	switch x, err = finder.Expectation(w.ctx, w.a.Zone, t); {
	case errors.Is(err, ErrNotFound):
		return Expectation{}, false, nil
	case err != nil:
		return Expectation{}, false, lookupError(w.a.Zone, t, err)
	}
	return x, true, nil
}

// added returns how many entries an overlay adds to a zone.
func (w *run) added(zone uint16) int {
	if c, ok := w.tbl.(Counter); ok {
		return c.Added(zone)
	}
	return 0
}

// addedTotal returns how many entries an overlay adds to all zones.
func (w *run) addedTotal() int {
	if c, ok := w.tbl.(Counter); ok {
		return c.AddedTotal()
	}
	return 0
}

// failed returns the error of an action on a packet that entered it with tuple t; it is nil for a
// nil err.
func (w *run) failed(t Tuple, err error) error {
	if err == nil {
		return nil
	}
	w.assume(Undetermined, "a table could not be read")
	return lookupError(w.a.Zone, t, err)
}

// maxIDs is the largest number of ICMP ids that become alternatives.
const maxIDs = 8

// chooseID picks the id of an ICMP message that a flow does not give.
func (w *run) chooseID() error {
	p := &w.r.Packet
	if _, ok := icmpPartner(p.Tuple.Proto, p.Tuple.ICMPType); !ok {
		return nil
	}
	finder, ok := w.tbl.(EchoFinder)
	if !ok {
		w.assume(Assumed, "the ICMP id is unknown: one was chosen")
		return nil
	}
	entries, err := finder.Echoes(w.ctx, w.a.Zone, p.Tuple)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return lookupError(w.a.Zone, p.Tuple, err)
	}
	var ids []uint16
	for i := range entries {
		if id, ok := echoID(&entries[i], p.Tuple); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	p.HasID = len(ids) > 0
	switch {
	case len(ids) == 0:
		w.assume(Assumed, "the ICMP id is unknown: one was chosen")
	case len(ids) == 1:
		p.Tuple.ICMPID = ids[0]
		w.assume(Assumed, "the ICMP id is unknown: taken as that of the one entry between these addresses")
	case len(ids) <= maxIDs:
		var options []string
		for _, id := range ids {
			options = append(options, fmt.Sprintf("id %d", id))
		}
		p.Tuple.ICMPID = ids[w.q.ask(QuestionICMPID, "the ICMP id is unknown and several entries are between these addresses", options...)]
	default:
		p.Tuple.ICMPID = ids[0]
		w.r.Ranges = append(w.r.Ranges, Range{Kind: RangeICMPID, Min: ids[0], Max: ids[len(ids)-1]})
		w.assume(Undetermined, fmt.Sprintf("the ICMP id is unknown and %d entries are between these addresses: the first is taken", len(ids)))
	}
	return nil
}

// echoID returns the id with which t would be a packet of e.
func echoID(e *Entry, t Tuple) (id uint16, ok bool) {
	for _, dir := range [...]*Tuple{&e.Orig, &e.Reply} {
		t.ICMPID = dir.ICMPID
		if t == *dir {
			return t.ICMPID, true
		}
	}
	return 0, false
}
