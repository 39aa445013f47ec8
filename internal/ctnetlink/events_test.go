package ctnetlink

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Entries that are made, changed and deleted are events of their kinds.
func TestWatch(t *testing.T) {
	ns := ctNS(t)
	writer, watched := open(t, ns), open(t, ns)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	orig := tup(17, "10.0.0.1:1000", "10.0.0.2:53")
	var got []string
	err := watched.Watch(ctx, func() error {
		r := create(t, writer, Spec{Zone: 7, Orig: orig})
		k, err := KeyOf(r.Entry)
		if err != nil {
			return err
		}
		mark := uint32(9)
		if err := writer.Update(t.Context(), k, Change{Mark: &mark}); err != nil {
			return err
		}
		return writer.Delete(t.Context(), k)
	}, func(ev *Event) error {
		if ev.Entry.Zone != 7 || ev.Entry.Orig != orig {
			t.Errorf("an event of another entry: %+v", ev)
		}
		got = append(got, ev.Kind.String())
		if ev.Kind == EventUpdate && ev.Entry.Mark != 9 {
			t.Errorf("mark %d after the update", ev.Entry.Mark)
		}
		if ev.Kind == EventDestroy {
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < 3 || got[0] != "new" || got[len(got)-1] != "destroy" || got[1] != "update" {
		t.Errorf("events %q", got)
	}
}

// Events that do not fit into the buffer are reported as lost, and the watch goes on.
func TestWatchLost(t *testing.T) {
	ns := ctNS(t)
	writer, watched := open(t, ns), open(t, ns)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	lost, after := 0, false
	last := tup(17, "10.9.9.9:1000", "10.0.0.2:53")
	err := watched.Watch(ctx, func() error {
		// Nothing is read from the buffer meanwhile.
		_, err := writer.CreateAll(t.Context(), func(yield func(Spec) bool) {
			for n := range 150_000 {
				src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(n >> 16), byte(n >> 8)}), uint16(1+n&0xff))
				if !yield(Spec{Zone: 8, Orig: ctstate.Tuple{Proto: 17, Src: src, Dst: ap("10.0.0.2:53")}, Timeout: 100}) {
					return
				}
			}
		})
		return err
	}, func(ev *Event) error {
		switch {
		case ev.Kind == EventLost:
			if lost++; lost == 1 {
				create(t, writer, Spec{Zone: 7, Orig: last})
			}
		case ev.Entry.Orig == last:
			after = true
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if lost == 0 || !after {
		t.Errorf("lost %d times; the event afterwards has come: %v", lost, after)
	}
}
