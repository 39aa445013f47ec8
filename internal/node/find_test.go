package node

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

func TestFind(t *testing.T) {
	tuple := ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.3:1000"), Dst: netip.MustParseAddrPort("20.0.0.3:80")}
	broken := errors.New("no buffer space")
	table := ctstate.TableFunc(func(_ context.Context, zone uint16, got ctstate.Tuple) (ctstate.Entry, error) {
		switch {
		case zone == 9:
			return ctstate.Entry{}, broken
		case zone < 3 && got == tuple:
			return ctstate.Entry{Zone: zone}, nil
		}
		return ctstate.Entry{}, &ctstate.LookupError{Zone: zone, Tuple: got, Err: ctstate.ErrNotFound}
	})
	res, err := find(t.Context(), table, FindRequest{Tuple: tuple, Zones: []uint16{5, 2, 1}})
	if err != nil || len(res.Entries) != 2 || res.Entries[0].Zone != 2 || res.Entries[1].Zone != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	if res, err := find(t.Context(), table, FindRequest{Tuple: tuple, Zones: []uint16{1, 9}}); !errors.Is(err, broken) {
		t.Errorf("a table that cannot be read: %+v, %v", res, err)
	}
	if _, err := NewService(Options{RunDir: t.TempDir()}).Find(t.Context(), FindRequest{Zones: make([]uint16, MaxFind+1)}); !errors.Is(err, errTooMany) {
		t.Errorf("too many zones: %v", err)
	}
}

// TestFindOnOlderNode checks that a node without this method still answers others.
func TestFindOnOlderNode(t *testing.T) {
	r, _ := remote(t, "older")
	if res, err := r.Find(t.Context(), FindRequest{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%+v, %v", res, err)
	}
	if _, err := r.Info(t.Context()); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// TestAsNewOnOlderNode checks that a node which does not know the request refuses it, instead of
// answering with its live entries.
func TestAsNewOnOlderNode(t *testing.T) {
	r, _ := remote(t, "older")
	_, err := r.TraceAsNew(t.Context(), TraceRequest{})
	wantError(t, err, "cannot trace as if there were no live entries")
	if res, err := r.Trace(t.Context(), TraceRequest{Request: engine.Request{Bridge: "b"}}); err != nil || res.Segments[0].Flow != "b" {
		t.Errorf("the node does not answer other requests any more: %+v, %v", res, err)
	}
}
