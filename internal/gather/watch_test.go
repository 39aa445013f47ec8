package gather

import (
	"context"
	"errors"
	"testing"
	"time"

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
