package node

import (
	"errors"
	"os"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// An outline has no ports, whoever leaves them out, and the whole description is still to be had.
func TestOutline(t *testing.T) {
	for _, how := range []string{"serve", "older", "old"} {
		r, _ := remote(t, how)
		defer r.Close(t.Context())
		for range 2 {
			o, err := Outline(t.Context(), r)
			if err != nil {
				t.Fatalf("%s: %v", how, err)
			}
			if o.SystemID != "hv1" || o.Zones[7] != "p1" || o.Ports != nil || o.NumPorts() != 1 {
				t.Errorf("%s: %+v", how, o)
			}
		}
		if info, err := r.Info(t.Context()); err != nil || len(info.Ports) != 1 || info.NumPorts() != 1 {
			t.Errorf("%s: %+v, %v", how, info, err)
		}
		before, _ := r.Info(t.Context())
		r.Forget()
		if info, err := r.Info(t.Context()); err != nil || info == before || len(info.Ports) != 1 {
			t.Errorf("%s: after it was forgotten: %+v, %v", how, info, err)
		}
	}
}

// Only a connection that is not in use is closed, and the next question opens another.
func TestIdle(t *testing.T) {
	ctx := t.Context()
	r, pid := remote(t, "serve")
	defer r.Close(ctx)
	if r.Connected() || r.Idle(ctx) {
		t.Error("connected before anything is asked")
	}
	first := ""
	for range 2 {
		if _, err := r.Trace(ctx, TraceRequest{Request: engine.Request{Bridge: "permission"}}); err == nil || !errors.As(err, new(*Error)) {
			t.Errorf("trace: %v", err)
		}
		now, err := os.ReadFile(pid)
		if err != nil || string(now) == first {
			t.Errorf("the node is process %s, as before: %v", now, err)
		}
		first = string(now)
		release := r.hold()
		if !r.Connected() || r.Idle(ctx) {
			t.Error("closed while it is in use")
		}
		if release(); !r.Idle(ctx) || r.Connected() {
			t.Error("not closed while it is not in use")
		}
	}
	r.committed = true
	if _, err := r.Info(ctx); err != nil {
		t.Fatal(err)
	}
	if r.Idle(ctx) {
		t.Error("closed with entries to remove")
	}
	r.committed = false
	r.recorded.Store(true)
	if r.Idle(ctx) {
		t.Error("closed with a recording")
	}
}
