package vswitchd_test

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/vswitchd"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// none is a table without entries.
type none struct{}

func (none) Lookup(context.Context, uint16, ctstate.Tuple) (ctstate.Entry, error) {
	return ctstate.Entry{}, ctstate.ErrNotFound
}

// A daemon is found by its run folder, and an engine with its ports and its trace commands follows
// a packet through conntrack.
func TestDial(t *testing.T) {
	o := dummy.Start(t)
	o.Vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail-mode=secure")
	o.AddPorts("br0", map[string]int{"p1": 1, "p2": 2})
	o.AddFlows("br0", "table=0,in_port=1,tcp,actions=ct(table=1,zone=5)\ntable=1,ct_state=+new+trk,tcp,actions=ct(commit,zone=5),output:2")
	sw, err := vswitchd.Dial(t.Context(), o.RunDir)
	if err != nil {
		t.Fatal(err)
	}
	defer sw.Close()
	if sw.Version() != o.Version || o.Version == "" {
		t.Errorf("version %q, want %q", sw.Version(), o.Version)
	}
	ports, err := sw.Ports(t.Context(), "br0")
	if err != nil {
		t.Fatal(err)
	}
	p1, ok1 := ports.ByName("br0", "p1")
	p2, ok2 := ports.ByName("br0", "p2")
	local, ok3 := ports.ByName("br0", "br0")
	if len(ports) != 3 || !ok1 || !ok2 || !ok3 || p1.OFPort != 1 || p1.Kind != engine.PortPhysical || local.Kind != engine.PortHost {
		t.Errorf("ports %+v", ports)
	}
	for _, name := range []string{p2.Datapath, "p2"} {
		if p, ok := ports.ByDatapath(name); !ok || cmp.Diff(p2, p) != "" {
			t.Errorf("datapath port %s is %+v", name, p)
		}
	}
	for _, name := range []string{"", "99", "p3"} {
		if p, ok := ports.ByDatapath(name); ok {
			t.Errorf("datapath port %q is %+v", name, p)
		}
	}
	e := engine.Engine{OVS: sw, Ports: ports, Table: none{}, Tracker: ctstate.NewKernel(ctstate.Release{Major: 6, Minor: 1})}
	res, err := e.Trace(t.Context(), engine.Request{Bridge: "br0", InPort: p1.OFPort, InPortDatapath: p1.Datapath,
		Packet: packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoTCP, TTL: 64, TCPFlags: packet.FlagSYN,
			Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SrcPort: 1000, DstPort: 80}}, ctstate.OverlayData{})
	if err != nil {
		t.Fatal(err)
	}
	if l := res.Outcomes[0].Leaves; len(l) != 1 || l[0].Port == nil || l[0].Port.Name != "p2" || len(res.Outcomes[0].Overlay.Entries) != 1 {
		t.Errorf("%+v", res.Outcomes[0])
	}
	if text, err := sw.TracePacketOut(t.Context(), "br0", "in_port=1,tcp", "output:2"); err != nil || !strings.Contains(text, "Datapath actions: "+p2.Datapath) {
		t.Errorf("packet-out: %v\n%s", err, text)
	}
	if _, err := sw.Ports(t.Context(), "br9"); err == nil || !strings.Contains(err.Error(), "br9") {
		t.Errorf("a bridge that is not there: %v", err)
	}
}

func TestDialNothing(t *testing.T) {
	if _, err := vswitchd.Dial(t.Context(), t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}

// called notes the command that a tracer runs.
type called []string

func (c *called) Call(_ context.Context, command string, args ...string) (string, error) {
	*c = append([]string{command}, args...)
	return "Flow: x\nDatapath actions: 1,2", nil
}

// Over gives commands as ovs-appctl takes them, and leaves out what was cut short.
func TestOver(t *testing.T) {
	var c called
	old, now := vswitchd.Over(&c, "3.1.0"), vswitchd.Over(&c, "3.5.0")
	for _, x := range []struct {
		call func() (string, error)
		want []string
		text string
	}{
		{func() (string, error) { return old.Trace(t.Context(), "br0", "tcp") }, []string{"ofproto/trace", "br0", "tcp", "--ct-next", "trk,inv"}, "Flow: x\n"},
		{func() (string, error) { return old.Trace(t.Context(), "", "eth()") }, []string{"ofproto/trace", "eth()", "--ct-next", "trk,inv"}, "Flow: x\n"},
		{func() (string, error) { return now.TracePacketOut(t.Context(), "br0", "tcp", "drop") }, []string{"ofproto/trace-packet-out", "br0", "tcp", "--ct-next", "trk,inv", "drop"}, "Flow: x\nDatapath actions: 1,2"},
	} {
		text, err := x.call()
		if d := cmp.Diff(x.want, []string(c)); d != "" || err != nil || text != x.text {
			t.Errorf("%q, %v: %s", text, err, d)
		}
	}
}

func ExampleDial() {
	ctx := context.Background()
	sw, err := vswitchd.Dial(ctx, vswitchd.DefaultRunDir)
	if err != nil {
		return
	}
	defer sw.Close()
	ports, err := sw.Ports(ctx, "br0")
	if err != nil {
		return
	}
	e := engine.Engine{OVS: sw, Ports: ports, Table: none{}, Tracker: ctstate.NewKernel(ctstate.Release{Major: 6, Minor: 1})}
	in, _ := ports.ByName("br0", "eth0")
	_, _ = e.Trace(ctx, engine.Request{Bridge: "br0", InPort: in.OFPort, InPortDatapath: in.Datapath}, ctstate.OverlayData{})
}
