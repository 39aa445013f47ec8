package driver

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// A packet on a provider network enters the chassis that answers for its MAC.
func testProvider(t *testing.T, sb *ovn.SB) {
	gateway, floating := packet.MAC{0, 0, 0x20, 0x20, 0x12, 0x13}, packet.MAC{0x30, 0x54, 0, 0, 0, 3}
	hv1, hv2 := chassis("hv1", "sw0-p1"), chassis("hv2", "sw1-p1")
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2}}
	hv2.trace = func(req node.TraceRequest) (*engine.Result, error) {
		return result(output(hv2.port(t, "tap0"), req.Packet)), nil
	}
	wire := func(dst packet.MAC, vlan uint16) engine.Leaf {
		p := tcpSYN()
		p.EthDst = dst
		if vlan != 0 {
			p.VLANs = []packet.VLAN{{TPID: 0x8100, VID: vlan}}
		}
		return output(hv1.port(t, "eth1"), p)
	}
	for name, c := range map[string]struct {
		leaf engine.Leaf
		want string
	}{
		"gateway": {wire(gateway, 0), "delivered port hv2 sw1-p1"},
		"nobody's": {wire(packet.MAC{2, 9}, 0),
			"external external hv1 eth1: leaves by eth1 of br-ex for provider network physnet1, where no other chassis answers for 02:09:00:00:00:00"},
		"here": {wire(floating, 0),
			"external external hv1 eth1: leaves by eth1 of br-ex for provider network physnet1, where no other chassis answers for 30:54:00:00:00:03"},
		"other VLAN": {wire(gateway, 9),
			"external external hv1 eth1: leaves by eth1 of br-ex for provider network physnet1, where no other chassis answers for 00:00:20:20:12:13"},
		"learned": {wire(packet.MAC{2, 0xf0, 0, 0, 0, 1}, 30), "delivered port hv2 sw1-p1"},
		"learned outside": {wire(packet.MAC{2, 0xf0, 0, 0, 0, 2}, 30),
			"external external hv1 eth1: leaves by eth1 of br-ex for provider network physnet1, where no other chassis answers for 02:f0:00:00:00:02"},
		"unknown, and somebody takes unknown": {wire(packet.MAC{2, 9}, 30),
			"external external hv1 eth1: leaves by eth1 of br-ex for provider network physnet1, where no other chassis answers for 02:09:00:00:00:00\n" +
				"delivered port hv2 sw1-p1\n" +
				"external external hv1 eth1: leaves by eth1 of br-ex for provider network physnet1, where no other chassis answers for 02:09:00:00:00:00"},
		"broadcast": {wire(packet.MAC{255, 255, 255, 255, 255, 255}, 0),
			"external external hv1 eth1: leaves by eth1 of br-ex for provider network physnet1\ndelivered port hv2 sw1-p1"},
	} {
		t.Run(name, func(t *testing.T) {
			hv1.trace, hv2.asked = same(result(c.leaf)), nil
			sent := send(t, d, tcpSYN())
			wantText(t, ends(sent), c.want)
			for _, req := range hv2.asked {
				if req.Bridge != "br-ex" || req.InPort != physPort || req.InPortDatapath != "3" || len(req.Metadata) != 0 {
					t.Errorf("entered by %+v", req)
				}
			}
			if len(hv2.asked) > 0 && sent.Hops[1].Via != "physical" {
				t.Errorf("via %s", sent.Hops[1].Via)
			}
		})
	}
	// Whether the physical network floods is unknown: two alternatives, only one with the copy.
	hv1.trace = same(result(wire(packet.MAC{2, 9}, 30)))
	sent := send(t, d, tcpSYN())
	if len(sent.Outcomes) != 2 || len(sent.Outcomes[0].Branches) != 2 || len(sent.Outcomes[1].Branches) != 1 || sent.Verdict != engine.External {
		t.Errorf("%d outcomes, verdict %v", len(sent.Outcomes), sent.Verdict)
	}
	for i, want := range []string{"floods 02:09:00:00:00:00", "has learned where 02:09:00:00:00:00 is"} {
		for _, b := range sent.Outcomes[i].Branches {
			if len(b.Choices) != 1 || b.Choices[0].Chosen != want || b.Choices[0].Determined {
				t.Errorf("choices %+v", b.Choices)
			}
		}
	}
	// A chassis that only a flood would reach, and that cannot be asked, is a warning.
	hv1.trace = same(result(wire(packet.MAC{2, 9}, 30)))
	sent = send(t, &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}, tcpSYN())
	if w := strings.Join(sent.Warnings, "\n"); len(sent.Outcomes) != 1 || !strings.Contains(w, "if the physical network floods 02:09:00:00:00:00, it reaches hv2 too, but chassis hv2: reach: no way to it") {
		t.Errorf("%d outcomes, warnings %q", len(sent.Outcomes), w)
	}
	// The chassis that answers has no such port.
	hv2.info.BridgeMappings = nil
	hv1.trace = same(result(wire(gateway, 0)))
	wantText(t, ends(send(t, &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2}}, tcpSYN())),
		"unknown unknown hv1 eth1: hv2 answers for 00:00:20:20:12:13 (cr-lr0-public), but it has no bridge mapping for provider network physnet1")
	// A broadcast that cannot be followed everywhere has a warning.
	hv1.trace = same(result(wire(packet.MAC{255, 255, 255, 255, 255, 255}, 0)))
	sent = send(t, &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}, tcpSYN())
	if w := strings.Join(sent.Warnings, "\n"); !strings.Contains(w, "the broadcast reaches hv2 too, but chassis hv2: reach: no way to it") {
		t.Errorf("warnings %q", w)
	}
	// A bridge of no provider network.
	hv1.info.BridgeMappings = nil
	hv1.trace = same(result(wire(gateway, 0)))
	wantText(t, ends(send(t, &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}, tcpSYN())), "external external hv1 eth1: leaves by eth1 of br-ex, which maps no provider network")
}

// A punt whose action is unknown ends at the controller, with that reason.
func testController(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}
	for _, c := range []struct {
		leaf *engine.ControllerLeaf
		why  string
		text string
	}{
		{nil, "ovs-vswitchd consumes the packet: LACP", "ovs-vswitchd consumes the packet: LACP"},
		{&engine.ControllerLeaf{Table: -1}, "", "punted to the controller; which action did it is unknown"},
		{&engine.ControllerLeaf{Action: "controller(userdata=zz)", Table: 8}, "", "which action did it is unknown"},
	} {
		hv1.trace = same(result(engine.Leaf{Kind: engine.LeafController, Packet: tcpSYN(), Path: []int{0}, Controller: c.leaf, Why: c.why}))
		sent := send(t, d, tcpSYN())
		if got := ends(sent); !strings.HasPrefix(got, "controller controller hv1: ") || !strings.Contains(got, c.text) {
			t.Errorf("%s, want %s", got, c.text)
		}
	}
	// What a look-up might have found that is not known decides about the rest.
	unknown := engine.Leaf{Kind: engine.LeafController, Packet: tcpSYN(), Path: []int{0}, Controller: &engine.ControllerLeaf{Action: pinctrl.NotLearned("it is not known"), Table: 78}}
	hv1.trace = same(result(unknown, engine.Leaf{Kind: engine.LeafDrop, Packet: tcpSYN(), Path: []int{0}}))
	if got := ends(send(t, d, tcpSYN())); got != "unknown unknown hv1: it is not known" {
		t.Error(got)
	}
	testRefusal(t, d, hv1)
}

func testStart(t *testing.T, sb *ovn.SB) {
	hv1, hv2, hv3 := chassis("hv1", "sw0-p1"), chassis("hv2", "sw1-p1"), chassis("hv3", "sw0-far")
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2, "hv3": hv3}}
	ctx := t.Context()
	enter := func(port, at string, p packet.Packet) (Start, error) {
		pb, err := sb.PortByName(ctx, port)
		if err != nil {
			t.Fatal(err)
		}
		return d.Enter(ctx, pb, at, p)
	}
	got, err := enter("sw0-p1", "", tcpSYN())
	if diff := cmp.Diff(fromHV1, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	// Nested in sw0-p1's interface, by a tag.
	got, err = enter("sw0-child", "", tcpSYN())
	want := fromHV1
	want.Port, want.VLAN = "sw0-child", 42
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if a := got.arrivals(tcpSYN()); len(a) != 1 || len(a[0].req.Packet.VLANs) != 1 || a[0].req.Packet.VLANs[0].VID != 42 {
		t.Errorf("arrivals %+v", a)
	}
	_, err = enter("sw0-p2", "", tcpSYN())
	var unbound *UnboundError
	if !errors.As(err, &unbound) || unbound.Port != "sw0-p2" {
		t.Errorf("sw0-p2: %v", err)
	}
	_, err = enter("sw0-p1", "hv2", tcpSYN())
	var ee *EntryError
	if !errors.As(err, &ee) || !strings.Contains(err.Error(), "bound on hv1, not on hv2") {
		t.Errorf("sw0-p1 at hv2: %v", err)
	}
	// From the physical network: on the chassis that answers, on the given one, on all.
	p := tcpSYN()
	p.EthDst = packet.MAC{0, 0, 0x20, 0x20, 0x12, 0x13}
	got, err = enter("ln-public", "", p)
	if err != nil || got.Chassis != "hv2" || got.Bridge != "br-ex" || got.Via != "physical" || got.Also != nil {
		t.Errorf("%+v %v", got, err)
	}
	if got, err = enter("ln-public", "hv1", p); err != nil || got.Chassis != "hv1" {
		t.Errorf("%+v %v", got, err)
	}
	p.EthDst = packet.MAC{255, 255, 255, 255, 255, 255}
	if got, err = enter("ln-public", "", p); err != nil || len(got.Also) != 1 {
		t.Errorf("%+v %v", got, err)
	}
	p.EthDst = packet.MAC{2, 7}
	// A MAC that nobody has is flooded: to all that are on the network, each of which drops it, or
	// to those with ports of unknown addresses; where the FDB knows better, it is not.
	if got, err = enter("ln-public", "", p); err != nil || len(got.Also) != 1 || len(d.notes) != 1 || !strings.Contains(d.notes[0].Text, "(hv1, hv2)") {
		t.Errorf("%+v %v %q", got, err, d.notes)
	}
	d.notes = nil
	if got, err = enter("ln-prov", "", p); err != nil || got.Chassis != "hv2" || got.VLAN != 30 || len(d.notes) != 1 {
		t.Errorf("%+v %v %q", got, err, d.notes)
	}
	p.EthDst = packet.MAC{2, 0xf0, 0, 0, 0, 1}
	if got, err = enter("ln-prov", "", p); err != nil || got.Chassis != "hv2" || len(d.notes) != 1 {
		t.Errorf("%+v %v %q", got, err, d.notes)
	}
	p.EthDst = packet.MAC{2, 0xf0, 0, 0, 0, 2}
	if _, err = enter("ln-prov", "", p); !errors.As(err, &ee) || !strings.Contains(err.Error(), "(FDB)") {
		t.Errorf("%v", err)
	}
	// Ports elsewhere: a VTEP's enters nowhere, another zone's on that zone's chassis, if it has an
	// interface there.
	if _, err = enter("sw0-vtep", "", tcpSYN()); !errors.As(err, &ee) || !strings.Contains(err.Error(), "VTEP gateway") {
		t.Errorf("%v", err)
	}
	if got, err = enter("sw0-far", "", tcpSYN()); err != nil || got.Chassis != "hv3" || got.OFPort != vifPort {
		t.Errorf("%+v %v", got, err)
	}
	hv3.info.Ports[1].IfaceID = "other"
	if _, err = enter("sw0-far", "", tcpSYN()); !errors.As(err, &ee) || !strings.Contains(err.Error(), "no interface of its chassis hv3") {
		t.Errorf("%v", err)
	}
	if _, err = enter("sw0-lost", "", tcpSYN()); !errors.As(err, &ee) || !strings.Contains(err.Error(), "does not say on which chassis") {
		t.Errorf("%v", err)
	}

	// A reply starts where the packet arrived.
	back, err := d.ReplyStart(ctx, &Branch{Verdict: engine.Delivered, Chassis: "hv2", Port: "sw1-p1"})
	if err != nil || back.OFPort != vifPort || back.Bridge != "br-int" || back.Chassis != "hv2" {
		t.Errorf("%+v %v", back, err)
	}
	back, err = d.ReplyStart(ctx, &Branch{Verdict: engine.External, Chassis: "hv2", Port: "eth1"})
	if err != nil || back.OFPort != physPort || back.Bridge != "br-ex" || back.Via != "physical" {
		t.Errorf("%+v %v", back, err)
	}
	// Bound there, but nothing is plugged in.
	hv1.info.Ports[1].IfaceID = "other"
	_, err = enter("sw0-p1", "", tcpSYN())
	var ne *node.Error
	if !errors.As(err, &ne) || ne.Node != "hv1" || !strings.Contains(err.Error(), "iface-id=sw0-p1") {
		t.Errorf("%v", err)
	}
}

// A frame with a nested container's tag is delivered to the container.
func testNested(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	for vid, want := range map[uint16]string{42: "sw0-child", 7: "sw0-p1"} {
		p := tcpSYN()
		p.VLANs = []packet.VLAN{{TPID: 0x8100, VID: vid}}
		hv1.trace = same(result(output(hv1.port(t, "tap0"), p)))
		wantText(t, ends(send(t, &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}, tcpSYN())), "delivered port hv1 "+want)
	}
}

// A dead node is named, and what was found before it is kept.
func testFaults(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	hv1.trace = same(result(through(hv1.port(t, "ovn-hv2-10.9.0.2"), tcpSYN(), "", "10.9.0.2")))
	sent, err := (&Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}).Send(t.Context(), World{}, fromHV1, tcpSYN(), "SYN", "original")
	var ne *node.Error
	if !errors.As(err, &ne) || ne.Node != "hv2" || len(sent.Hops) != 1 {
		t.Errorf("%v, %d hops", err, len(sent.Hops))
	}
	if got := ends(sent); sent.Verdict != engine.Unknown || got != "unknown unknown hv1: not followed: chassis hv2: reach: no way to it" {
		t.Errorf("%v: %s", sent.Verdict, got)
	}
	hv2 := chassis("hv2", "sw1-p1")
	nodes := fakeNodes{"hv1": hv1, "hv2": hv2}
	// Tables that change under a trace: it is begun anew, not for ever.
	for changes, fails := range map[int]bool{maxTries - 1: false, maxTries: true} {
		tries := 0
		hv2.trace = func(node.TraceRequest) (*engine.Result, error) {
			if tries++; tries <= changes {
				return nil, engine.ErrChanged
			}
			return result(output(hv2.port(t, "tap0"), tcpSYN())), nil
		}
		_, err := (&Driver{SB: sb, Nodes: nodes}).Send(t.Context(), World{}, fromHV1, tcpSYN(), "SYN", "original")
		if errors.Is(err, engine.ErrChanged) != fails || tries != min(changes+1, maxTries) {
			t.Errorf("%d changes: %d tries, %v", changes, tries, err)
		}
	}
	for name, c := range map[string]struct {
		set  func()
		word string
		is   error
	}{
		"trace fails": {func() { hv2.trace = func(node.TraceRequest) (*engine.Result, error) { return nil, engine.ErrLimit } }, "chassis hv2: ", engine.ErrLimit},
		"node's own error": {func() {
			hv2.trace = func(node.TraceRequest) (*engine.Result, error) {
				return nil, &node.Error{Node: "hv2", Op: "trace", Err: context.DeadlineExceeded}
			}
		}, "chassis hv2: trace: ", context.DeadlineExceeded},
		"info fails":   {func() { hv2.infoErr = errors.New("no database") }, "chassis hv2: read the node: no database", nil},
		"another node": {func() { hv2.infoErr, hv2.info.SystemID = nil, "hv7" }, "chassis hv2: read the node: the node reached is hv7", nil},
	} {
		_ = name
		c.set()
		_, err := (&Driver{SB: sb, Nodes: nodes}).Send(t.Context(), World{}, fromHV1, tcpSYN(), "SYN", "original")
		if err == nil || !strings.Contains(err.Error(), c.word) || strings.Count(err.Error(), "chassis hv2") != 1 || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
		*hv2 = *chassis("hv2", "sw1-p1")
	}
	// What a node had found before it failed is kept, but not of tables that have changed
	// meanwhile.
	for failed, hops := range map[error]int{syscall.ECONNREFUSED: 2, engine.ErrChanged: 1} {
		hv2.trace = func(node.TraceRequest) (*engine.Result, error) {
			return &engine.Result{Segments: result().Segments}, failed
		}
		sent, err := (&Driver{SB: sb, Nodes: nodes}).Send(t.Context(), World{}, fromHV1, tcpSYN(), "SYN", "original")
		b := sent.Outcomes[0].Branches[0]
		if !errors.Is(err, failed) || len(sent.Hops) != hops || len(b.Hops) != hops || b.Verdict != engine.Unknown || b.Chassis != "hv2" {
			t.Errorf("%v: %v, %d hops: %+v", failed, err, len(sent.Hops), b)
		}
		if last := b.Way[len(b.Way)-1]; last.Hop != hops-1 {
			t.Errorf("%v: the way ends at %+v", failed, last)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&Driver{SB: sb, Nodes: nodes}).Send(ctx, World{}, fromHV1, tcpSYN(), "SYN", "original"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Entries are written to their own chassis; the rest of the world stays.
func testCommit(t *testing.T, sb *ovn.SB) {
	hv1, hv2 := chassis("hv1", "sw0-p1"), chassis("hv2", "sw1-p1")
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2}}
	w := World{}.with("hv1", entryOf(80)).with("hv2", entryOf(81)).with("hv3", entryOf(0))
	delete(w.Overlays, "hv3")
	next, warnings, err := d.Commit(t.Context(), w, CommitOptions{Timeout: 9, Keep: true})
	if err != nil || len(hv1.committed) != 1 || len(hv2.committed) != 1 || hv2.committed[0].Overlay.Entries[0].Orig.Dst.Port() != 81 ||
		hv1.committed[0].Timeout != 9 || !hv1.committed[0].Keep {
		t.Errorf("%v %+v %+v", err, hv1.committed, hv2.committed)
	}
	if len(next.Overlays["hv1"].Entries) != 0 || strings.Join(warnings, "; ") != "hv1: a warning; hv2: a warning" {
		t.Errorf("%+v %q", next, warnings)
	}
}
