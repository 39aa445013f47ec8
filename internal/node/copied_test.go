package node

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// Entries that were taken answer for what they have; what they do not have is not there only if the
// list is whole.
func TestCopyOf(t *testing.T) {
	is := ctstate.Entry{Zone: 1, Orig: ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.1:1"), Dst: netip.MustParseAddrPort("10.0.0.2:2")}}
	is.Reply, _ = is.Orig.Invert()
	for _, lacks := range []string{"", "it is cut"} {
		r := CopyOf(&Info{SystemID: "hv1", Datapath: "system"}, nil, []ctstate.Entry{is}, lacks, "system@ovs-system")
		table, _ := r.kernel(&Info{}, "system@ovs-system")
		if e, err := table.Lookup(t.Context(), 1, is.Orig); err != nil || e.Orig != is.Orig {
			t.Errorf("%q: %+v, %v", lacks, e, err)
		}
		_, err := table.Lookup(t.Context(), 2, is.Orig)
		var unknown *NotCollectedError
		if lacks == "" && !errors.Is(err, ctstate.ErrNotFound) || lacks != "" && (!errors.As(err, &unknown) || unknown.Of != "hv1" || errors.Is(err, ctstate.ErrNotFound)) {
			t.Errorf("%q: a look-up without result: %v", lacks, err)
		}
	}
}

// The copy of a userspace machine has the machine's datapath and model, and what the machine says
// of its tunnels under the copy's own port numbers.
func TestCopyOfUserspace(t *testing.T) {
	tunnel := func(backer, number string) Port {
		return Port{Backer: backer, Port: engine.Port{Bridge: "br-int", Name: "ovn-hv2-0", Type: "geneve", Kind: engine.PortTunnel, Datapath: number}}
	}
	live := &Info{SystemID: "hv1", Bridge: "br-int", Datapath: "netdev", OVSVersion: "3.1.0", Ports: []Port{tunnel("netdev@ovs-netdev", "7")},
		Listeners: []Listener{{Datapath: "7", Addr: netip.MustParseAddr("172.31.0.1"), UDP: 6081}}}
	r := CopyOf(live, nil, []ctstate.Entry{}, "", "system@ovs-system")
	if got := r.Datapaths["system@ovs-system"]; got != "netdev@ovs-netdev" {
		t.Errorf("the datapath is %q", got)
	}
	copied := &Info{Ports: []Port{tunnel("netdev@ovs-netdev", "3")}}
	r.machine(copied)
	if len(copied.Listeners) != 1 || copied.Listeners[0].Datapath != "3" || live.Listeners[0].Datapath != "7" {
		t.Errorf("listeners %+v, of the machine %+v", copied.Listeners, live.Listeners)
	}
}

// Entries of zones that are not OVN's were not read: no look-up finds out that there is none. A zone
// that the copy has added has none.
func TestCopyOfZones(t *testing.T) {
	live := &Info{SystemID: "hv1", Bridge: "br-int", Datapath: "system", Zones: map[uint16]string{1: "sw0-p1"}}
	r := CopyOf(live, nil, []ctstate.Entry{}, "", "system@ovs-system")
	copied := &Info{Zones: map[uint16]string{2: "sw0-p2"}}
	table, _ := r.kernel(copied, "system@ovs-system")
	tuple := ctstate.Tuple{Proto: 17, Src: netip.MustParseAddrPort("10.0.0.1:1"), Dst: netip.MustParseAddrPort("10.0.0.2:2")}
	for zone, read := range map[uint16]bool{0: false, 1: true, 2: true, 64000: false} {
		_, looked := table.Lookup(t.Context(), zone, tuple)
		_, bound := table.(ctstate.SourceBinder).BySource(t.Context(), zone, 17, tuple.Src)
		_, expected := table.(ctstate.Expecter).Expectation(t.Context(), zone, tuple)
		_, echoed := table.(ctstate.EchoFinder).Echoes(t.Context(), zone, tuple)
		for i, err := range []error{looked, bound, expected, echoed} {
			var unknown *NotCollectedError
			if errors.As(err, &unknown) == read {
				t.Errorf("zone %d, look-up %d: %v", zone, i, err)
			}
		}
	}
}
