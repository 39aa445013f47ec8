package node

import (
	"context"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
)

// TestCommitUpdatesWhatTheOverlayReplaced checks that a handshake committed packet by packet leaves
// an entry that has seen the reply: an entry changed by the overlay is updated in the kernel, not
// deleted.
func TestCommitUpdatesWhatTheOverlayReplaced(t *testing.T) {
	ctx := context.Background()
	ns := nstest.New(t)
	nstest.Conntrack(t, ns, false)
	table, err := ctnetlink.Open(ctx, ns)
	if err != nil {
		t.Fatal(err)
	}
	s := NewService(Options{Journal: t.TempDir()})
	s.table = table
	s.info = &Info{Datapath: "system"}
	defer s.Close(ctx)

	model := ctstate.NewKernel(ctstate.Release{Major: 6, Minor: 1})
	client, server := netip.MustParseAddrPort("10.0.0.1:1000"), netip.MustParseAddrPort("10.0.0.2:80")
	for _, step := range []struct {
		src, dst netip.AddrPort
		flags    uint16
	}{{client, server, 0x02}, {server, client, 0x12}, {client, server, 0x10}} {
		ov := ctstate.NewOverlay(table)
		p := ctstate.Packet{IP: true, TCPFlags: step.flags, Tuple: ctstate.Tuple{Proto: 6, Src: step.src, Dst: step.dst}}
		res, err := model.Do(ctx, ov, ctstate.Conn{}, p, ctstate.Action{Zone: 7, Commit: true})
		if err != nil {
			t.Fatal(err)
		}
		ov.Apply(res)
		if _, err := s.Commit(ctx, CommitRequest{Overlay: ov.Snapshot()}); err != nil {
			t.Fatal(err)
		}
	}
	e, err := table.Lookup(ctx, 7, ctstate.Tuple{Proto: 6, Src: client, Dst: server})
	if err != nil {
		t.Fatal(err)
	}
	const want = ctstate.SeenReply | ctstate.Assured | ctstate.Confirmed
	if e.Status&want != want || e.TCP == nil || e.TCP.State != ctstate.TCPEstablished {
		t.Errorf("entry %v %+v, want it established and replied to", e.Status, e.TCP)
	}
}
