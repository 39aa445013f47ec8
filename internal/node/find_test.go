package node

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestFindInUserspaceZones checks that a zone of the userspace datapath is searched if the trace
// has dumped it, and no other.
func TestFindInUserspaceZones(t *testing.T) {
	o := userspaceOVS(t)
	s := service(t, Options{RunDir: o.RunDir})
	receive(o, "p1", "10.0.0.1", "10.0.0.2", 1000, 80, 2)
	for i := 0; !strings.Contains(o.Appctl("dpctl/dump-conntrack"), "sport=1000"); i++ {
		if i == 500 {
			t.Fatal("the SYN left no entry")
		}
		time.Sleep(10 * time.Millisecond)
	}
	req := FindRequest{Zones: []uint16{6, 5},
		Tuple: ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.2:80"), Dst: netip.MustParseAddrPort("10.0.0.1:1000")}}
	res, err := s.Find(t.Context(), req)
	if err != nil || len(res.Entries) != 0 || res.Unasked == "" || !slices.Equal(res.UnaskedZones, req.Zones) {
		t.Errorf("before a trace: %+v, %v", res, err)
	}
	other := tcpPacket("10.0.0.2:81", "10.0.0.1:1000", 0x12)
	if _, err := s.Trace(t.Context(), TraceRequest{Request: engine.Request{InPort: 2, Packet: other}}); err != nil {
		t.Fatal(err)
	}
	res, err = s.Find(t.Context(), req)
	if err != nil || len(res.Entries) != 1 || res.Entries[0].Zone != 5 || res.Entries[0].Mark != 7 ||
		res.Unasked == "" || !slices.Equal(res.UnaskedZones, []uint16{6}) {
		t.Errorf("after a trace in zone 5: %+v, %v", res, err)
	}
	req.Zones = []uint16{5}
	if res, err := s.Find(t.Context(), req); err != nil || len(res.Entries) != 1 || res.Unasked != "" || res.UnaskedZones != nil {
		t.Errorf("zone 5 alone: %+v, %v", res, err)
	}
	// Another port: not in the zone, which was searched.
	req.Tuple.Src = netip.MustParseAddrPort("10.0.0.2:82")
	if res, err := s.Find(t.Context(), req); err != nil || len(res.Entries) != 0 || res.Unasked != "" {
		t.Errorf("an unknown connection: %+v, %v", res, err)
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
