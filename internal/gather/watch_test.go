package gather

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// What has come before a watch ends is reported, whether its caller ends it or a chassis.
func TestWatchEnd(t *testing.T) {
	broken := errors.New("gone")
	for _, fail := range []error{nil, broken} {
		n := &table{events: make(chan []node.Event), broken: make(chan error)}
		w := newWatching(Request{})
		w.names[zoneKey{}] = ""
		w.chassis = []*Chassis{chassis("hv1", "system", n)}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		first := entry(t, "1: tcp 10.0.0.3:4000>30.0.0.1:80")
		reported := 0
		go func() {
			n.events <- []node.Event{{Kind: node.EventReady, Time: time.Now()}}
			n.events <- []node.Event{{Kind: node.EventNew, Time: time.Now(), Entry: &first}}
			if fail != nil {
				n.broken <- fail
				return
			}
			n.events <- nil // the batch before has been taken
			cancel()
		}()
		err := w.watch(ctx, func() {}, func(*Change) error { reported++; return nil })
		cancel()
		if !errors.Is(err, fail) || reported != 1 {
			t.Errorf("ended by %v: %d changes reported, %v", fail, reported, err)
		}
	}
}

// What a watch keeps depends on the entries that are there, not on how many have come and gone: it
// is counted after each report.
func TestWatchForgets(t *testing.T) {
	w := newWatching(Request{})
	w.names[zoneKey{}] = ""
	hv1 := chassis("hv1", "system", &table{})
	w.chassis = []*Chassis{hv1}
	defer w.kept.Release()
	stays := entry(t, "1: tcp 10.0.0.3:4000>30.0.0.1:80")
	reported, kept := 0, 0
	take := func(kind node.EventKind, e ctstate.Entry) {
		if err := w.take(t.Context(), hv1, &node.Event{Kind: kind, Time: time.Now(), Entry: &e}); err != nil {
			t.Fatal(err)
		}
	}
	take(node.EventNew, stays)
	for i := range 5000 {
		e := entry(t, fmt.Sprintf("1: tcp 10.0.0.3:%d>30.0.0.1:80", 5000+i))
		take(node.EventNew, e)
		for mark := range uint32(4) {
			e.Mark = mark + 1
			take(node.EventUpdate, e)
		}
		take(node.EventDestroy, e)
		if err := w.report(t.Context(), func(c *Change) error {
			if reported++; i > 0 && len(c.Events) != 6 {
				t.Errorf("%d events", len(c.Events))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if w.kept.Len() != 1 || len(w.gone) != 0 || len(w.changed) != 0 {
			t.Fatalf("after %d connections: %d records, %d gone, %d changed", i+1, w.kept.Len(), len(w.gone), len(w.changed))
		}
		kept = max(kept, w.kept.Size())
	}
	if reported != 5001 {
		t.Errorf("%d changes reported", reported)
	}
	// 30,000 records of some 40 bytes were packed, of which no more than 1,026 at once.
	if kept > 256<<10 {
		t.Errorf("%d bytes were kept for one entry", kept)
	}
	// A table that is read again without the entry.
	w.kept.Release()
	take(node.EventNew, stays)
	if err := w.read(t.Context(), hv1, true); err != nil {
		t.Fatal(err)
	}
	if err := w.report(t.Context(), func(*Change) error { return nil }); err != nil || w.kept.Len() != 0 {
		t.Errorf("%d records are kept of an empty table, %v", w.kept.Len(), err)
	}
}
