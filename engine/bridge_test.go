package engine_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/vswitchd"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// bridge is a real ovs-vswitchd (dummy datapath) with flows; conntrack is the kernel model over the
// test's table.
type bridge struct {
	*dummy.OVS
	delay time.Duration // before every call but the first
	calls int
	lose  bool // let every recirculation id die
}

func (b *bridge) call(ctx context.Context, args ...string) (string, error) {
	if b.calls++; b.calls > 1 && b.delay > 0 {
		time.Sleep(b.delay)
	}
	return b.Call(ctx, args[0], args[1:]...)
}

func (b *bridge) Trace(ctx context.Context, br, flow string) (string, error) {
	if b.lose && strings.Contains(flow, "recirc_id=") {
		flow = strings.Replace(flow, "recirc_id=0x", "recirc_id=0xffff", 1)
	}
	return vswitchd.Over(counted{b}, b.Version).Trace(ctx, br, flow)
}

func (b *bridge) TracePacketOut(ctx context.Context, br, flow, actions string) (string, error) {
	return vswitchd.Over(counted{b}, b.Version).TracePacketOut(ctx, br, flow, actions)
}

// counted is a bridge's daemon, with the delay and the count of its calls.
type counted struct{ *bridge }

func (c counted) Call(ctx context.Context, command string, args ...string) (string, error) {
	return c.call(ctx, append([]string{command}, args...)...)
}

// ports numbers datapath ports as the dummy datapath does: port pN has number N+1 where nothing
// else was added.
type ports map[string]engine.Port

func (p ports) ByDatapath(n string) (engine.Port, bool) { v, ok := p[n]; return v, ok }

// start brings up a bridge br0 with ports p1..pN and flows.
func start(t *testing.T, n int, flows string) (*bridge, ports) {
	t.Helper()
	o := dummy.Start(t)
	o.Vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail-mode=secure")
	for i := 1; i <= n; i++ {
		name := fmt.Sprintf("p%d", i)
		o.Vsctl("add-port", "br0", name, "--", "set", "interface", name, "type=dummy", fmt.Sprintf("ofport_request=%d", i))
	}
	o.AddFlows("br0", flows)
	show := o.Appctl("dpif/show")
	all := ports{}
	for _, line := range strings.Split(show, "\n") {
		var name string
		var of uint32
		var dp string
		if _, err := fmt.Sscanf(strings.ReplaceAll(strings.TrimSpace(line), "/", " "), "%s %d %s", &name, &of, &dp); err == nil {
			dp = strings.TrimSuffix(dp, ":")
			kind := engine.PortPhysical
			if name == "br0" {
				kind = engine.PortHost
			}
			all[dp] = engine.Port{Datapath: dp, Name: name, Bridge: "br0", OFPort: of, Kind: kind}
		}
	}
	if len(all) != n+1 {
		t.Fatalf("ports of %q: %v", show, all)
	}
	return &bridge{OVS: o}, all
}

// table is a ctstate.Table of given entries.
type table []ctstate.Entry

func (tb table) Lookup(_ context.Context, zone uint16, t ctstate.Tuple) (ctstate.Entry, error) {
	for _, e := range tb {
		if e.Zone == zone && (e.Orig == t || e.Reply == t) {
			return e, nil
		}
	}
	return ctstate.Entry{}, ctstate.ErrNotFound
}

func eng(b *bridge, p ports, tb ctstate.Table) *engine.Engine {
	return &engine.Engine{OVS: b, Ports: p, Table: tb, Tracker: ctstate.NewKernel(ctstate.Release{Major: 6, Minor: 1})}
}

func syn() packet.Packet {
	return packet.Packet{
		EthSrc: packet.MAC{0, 0, 0, 0, 0, 1}, EthDst: packet.MAC{0, 0, 0, 0, 0, 2}, EthType: packet.EthIPv4,
		Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: 6, TTL: 64,
		SrcPort: 1000, DstPort: 80, TCPFlags: 2,
	}
}

// ends lists leaves as "kind port header" lines.
func ends(o *engine.Outcome) []string {
	var out []string
	for _, l := range o.Leaves {
		s := string(l.Kind)
		if l.Port != nil {
			s += " " + l.Port.Name
		}
		out = append(out, fmt.Sprintf("%s %v:%d>%v:%d ttl %d", s, l.Packet.Src, l.Packet.SrcPort, l.Packet.Dst, l.Packet.DstPort, l.Packet.TTL))
	}
	return out
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func trace(t *testing.T, e *engine.Engine, req engine.Request) *engine.Result {
	t.Helper()
	res, err := e.Trace(context.Background(), req, ctstate.OverlayData{})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func (s *slowOnce) Trace(ctx context.Context, br, flow string) (string, error) {
	s.n++
	time.Sleep(s.naps[s.n])
	out, err := s.bridge.Trace(ctx, br, flow)
	if strings.Contains(out, "No recirculation context") {
		s.lost++
	}
	return out, err
}
