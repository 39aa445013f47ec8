package node

import (
	"context"
	"errors"
	"testing"
	"time"
)

// The events of a userspace table include those of the zone of a port that is bound after the watch
// has begun.
func TestWatchUserspaceNewZone(t *testing.T) {
	o := userspaceOVS(t)
	o.AddFlows("br-int", commitFlows)
	s := service(t, Options{RunDir: o.RunDir})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	names := map[uint16]string{}
	_, err := s.Watch(ctx, WatchRequest{}, func(events []Event) error {
		for _, e := range events {
			switch e.Kind {
			case EventReady:
				o.Vsctl("set", "bridge", "br-int", "external_ids:ct-zone-p2=6")
				udp(o, "p2", 1000)
			case EventNew:
				names[e.Entry.Zone] = e.ZoneName
				cancel()
			}
		}
		return nil
	})
	if err != nil || names[6] != "p2" {
		t.Errorf("new entries in %v, %v", names, err)
	}
}

// Two ports that are bound within a second are both watched; a zone of other software is read for
// once in a second; that the zones cannot be read is said.
func TestWatchedZones(t *testing.T) {
	reads := 0
	var broken error
	there := map[uint16]string{5: "p1"}
	z := watchedZones{read: func(context.Context) (map[uint16]string, error) {
		reads++
		now := map[uint16]string{}
		for zone, name := range there {
			now[zone] = name
		}
		return now, broken
	}}
	at := time.Unix(1000, 0)
	ask := func(after time.Duration, zone uint16, want string, wantReads int) {
		t.Helper()
		name, ours, err := z.name(t.Context(), zone, at.Add(after))
		if name != want || ours != (want != "") || err != nil || reads != wantReads {
			t.Errorf("zone %d: %q, ours %v, %v, after %d readings", zone, name, ours, err, reads)
		}
	}
	ask(0, 5, "p1", 1)
	there[6] = "p2"
	ask(zoneInterval/4, 6, "p2", 2)
	ask(zoneInterval/4, 9, "", 3)
	ask(zoneInterval/2, 9, "", 3)
	ask(zoneInterval/2, 0, "", 3) // the host's own
	there[9] = "p3"
	ask(2*zoneInterval, 9, "p3", 4)
	broken = errors.New("no database")
	if _, ours, err := z.name(t.Context(), 10, at.Add(3*zoneInterval)); ours || !errors.Is(err, broken) {
		t.Errorf("a failed reading: ours %v, %v", ours, err)
	}
}
