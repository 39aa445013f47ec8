package node

import (
	"context"
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
