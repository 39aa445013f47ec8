package driver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDriver(t *testing.T) {
	sb := southbound(t) // one for all: it takes longest
	for name, test := range map[string]func(*testing.T, *ovn.SB){
		"tunnel": testTunnel, "tunnel over IPv6": testTunnelIPv6, "tunnel with IPsec": testTunnelIPsec, "tunnel ends": testTunnelEnds, "receiver": testReceiver, "loop": testLoop,
		"alternatives": testAlternatives, "carried": testCarried, "verdicts": testVerdicts, "reasons": testReasons, "provider": testProvider, "controller": testController,
		"start": testStart, "faults": testFaults, "nested": testNested, "commit": testCommit, "too many": testTooMany,
		"mirrors": testMirrors, "southbound": testSouthbound, "learned": testLearned,
	} {
		t.Run(name, func(t *testing.T) { test(t, sb) })
	}
}

// A packet leaves a tunnel on the peer as it was sent, on the port for the sender, with key,
// addresses and OVN's option.
func testTunnel(t *testing.T, sb *ovn.SB) {
	hv1, hv2 := chassis("hv1", "sw0-p1"), chassis("hv2", "sw1-p1")
	far := tcpSYN()
	far.TTL, far.EthDst = 63, packet.MAC{0x40, 0x54, 0, 0, 0, 3}
	hv1.trace = same(result(through(hv1.port(t, "ovn-hv2-10.9.0.2"), far, "", "10.9.0.2")))
	hv1.trace = func(req node.TraceRequest) (*engine.Result, error) {
		r := result(through(hv1.port(t, "ovn-hv2-10.9.0.2"), far, "", "10.9.0.2"))
		r.Outcomes[0].Overlay = entryOf(80)
		return r, nil
	}
	hv2.trace = func(req node.TraceRequest) (*engine.Result, error) {
		return result(output(hv2.port(t, "tap0"), req.Packet)), nil
	}
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2}}
	sent := send(t, d, tcpSYN())
	wantText(t, ends(sent), "delivered port hv2 sw1-p1")
	req := hv2.asked[0]
	if req.Bridge != "br-int" || req.InPort != hv2.port(t, "ovn-hv1-10.9.0.1").OFPort || req.InPortDatapath != "4" {
		t.Errorf("entered at %s %d (%s)", req.Bridge, req.InPort, req.InPortDatapath)
	}
	want := []engine.Field{{Name: "tun_id", Value: "0x5"}, {Name: "tun_src", Value: "10.9.0.1"}, {Name: "tun_dst", Value: "10.9.0.2"}, {Name: "tun_metadata0", Value: "0x10002"}}
	if diff := cmp.Diff(want, req.Metadata); diff != "" {
		t.Error(diff)
	}
	if req.Packet.TTL != 63 || req.Packet.EthDst != far.EthDst {
		t.Errorf("packet %v", req.Packet)
	}
	if len(req.Overlay.Entries) != 0 {
		t.Error("hv2 is given the entries of hv1")
	}
	if p := sent; len(p.Hops) != 2 || p.Hops[0].Via != "vif" || p.Hops[1].Via != "tunnel" || p.Hops[1].InPort != "ovn-hv1-10.9.0.1" || fmt.Sprint(p.Branches[0].Hops) != "[0 1]" || p.Start.Port != "sw0-p1" {
		t.Errorf("%+v", p)
	}
	// The next packet finds the entries that this one left.
	if _, err := d.Send(t.Context(), sent.Outcomes[0].World, fromHV1, tcpSYN(), "SYN", "original"); err != nil {
		t.Fatal(err)
	}
	if got := hv1.asked[1].Overlay; len(got.Entries) != 1 || got.Entries[0].Zone != 5 {
		t.Errorf("overlay %+v", got)
	}

	// A chassis with several addresses: the address that the packet is sent from determines the
	// port.
	hv1.trace = same(result(through(hv1.port(t, "ovn-hv2-10.9.0.2"), far, "10.9.1.1", "10.9.0.2")))
	sent = send(t, d, tcpSYN())
	wantText(t, ends(sent), "delivered port hv2 sw1-p1")
	if got := hv2.asked[len(hv2.asked)-1].InPort; got != hv2.port(t, "ovn-hv1-10.9.1.1").OFPort {
		t.Errorf("entered at %d", got)
	}
	leaving := func(change func(*node.Port)) {
		for i := range hv1.info.Ports {
			if p := &hv1.info.Ports[i]; p.Options["remote_ip"] == "10.9.0.2" {
				change(p)
			}
		}
	}
	// So does the address that the sender's routes choose, which is unknown when they could not be
	// asked.
	hv1.trace = same(result(through(hv1.port(t, "ovn-hv2-10.9.0.2"), far, "", "10.9.0.2")))
	leaving(func(p *node.Port) { p.Source = "10.9.1.1" })
	send(t, d, tcpSYN())
	if got := hv2.asked[len(hv2.asked)-1].InPort; got != hv2.port(t, "ovn-hv1-10.9.1.1").OFPort {
		t.Errorf("entered at %d", got)
	}
	leaving(func(p *node.Port) { p.Source = "" })
	wantText(t, ends(send(t, d, tcpSYN())),
		"unknown unknown hv1 ovn-hv2-10.9.0.2: chassis hv1 has several tunnel addresses, and which of them its routes choose for 10.9.0.2 could not be asked")
	// So does the local_ip of the port that it leaves by.
	leaving(func(p *node.Port) { p.Options["local_ip"] = "10.9.1.1" })
	hv1.trace = same(result(through(hv1.port(t, "ovn-hv2-10.9.0.2"), far, "", "10.9.0.2")))
	send(t, d, tcpSYN())
	if got := hv2.asked[len(hv2.asked)-1].InPort; got != hv2.port(t, "ovn-hv1-10.9.1.1").OFPort {
		t.Errorf("entered at %d", got)
	}
}

// The options that ovs-monitor-ipsec reads mark a tunnel as encrypted; there is a warning where its
// ends differ.
func testTunnelIPsec(t *testing.T, sb *ovn.SB) {
	hv1, hv2 := chassis("hv1", "sw0-p1"), chassis("hv2", "sw1-p1")
	hv1.trace = same(result(through(hv1.port(t, "ovn-hv2-10.9.0.2"), tcpSYN(), "", "10.9.0.2")))
	hv2.trace = same(result(output(hv2.port(t, "tap0"), tcpSYN())))
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2}}
	if tun := send(t, d, tcpSYN()).Hops[1].Tunnel; tun == nil || *tun != (HopTunnel{Type: "geneve", Src: netip.MustParseAddr("10.9.0.1"), Dst: netip.MustParseAddr("10.9.0.2")}) {
		t.Errorf("in clear: %+v", tun)
	}
	set := func(n *fakeNode, remote, option, value string) {
		for i := range n.info.Ports {
			if p := &n.info.Ports[i]; p.Options["remote_ip"] == remote {
				p.Options[option] = value
			}
		}
	}
	set(hv1, "10.9.0.2", "remote_name", "hv2")
	sent := send(t, d, tcpSYN())
	if got := sent.Hops[1].Tunnel.IPsec; got != "CA-signed certificate" {
		t.Errorf("IPsec by %q", got)
	}
	wantText(t, sent.Warnings[0], "the tunnel from hv1 to hv2 is set up for IPsec differently at its ends (CA-signed certificate, none): its packets may be lost")
	set(hv2, "10.9.0.1", "remote_name", "hv1")
	sent = send(t, d, tcpSYN())
	wantText(t, sent.Warnings[0], "the tunnel from hv1 to hv2 is set up for IPsec: whether its security associations are up is unknown")
}

func testTunnelIPv6(t *testing.T, sb *ovn.SB) {
	hv1, hv3 := chassis("hv1", "sw0-p1"), chassis("hv3", "vm3")
	hv1.info.EncapIPs = append(hv1.info.EncapIPs, "fd09::1")
	// The same addresses in another notation.
	hv3.info.Ports = append(hv3.info.Ports, node.Port{Port: engine.Port{Bridge: "br-int", Name: "ovn-hv1-v6", OFPort: 77, Type: "geneve", Kind: engine.PortTunnel},
		Options: map[string]string{"remote_ip": "fd09:0:0::1", "local_ip": "FD09::3", "key": "flow"}})
	hv1.trace = same(result(through(hv1.port(t, "ovn-hv3-fd09::3"), tcpSYN(), "", "fd09::3")))
	hv3.trace = same(result(output(hv3.port(t, "tap0"), tcpSYN())))
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv3": hv3}}
	wantText(t, ends(send(t, d, tcpSYN())), "delivered port hv3 vm3")
	if hv3.asked[0].InPort != 77 {
		t.Errorf("entered at %d", hv3.asked[0].InPort)
	}
	want := []engine.Field{{Name: "tun_id", Value: "0x5"}, {Name: "tun_ipv6_src", Value: "fd09::1"}, {Name: "tun_ipv6_dst", Value: "fd09::3"}, {Name: "tun_metadata0", Value: "0x10002"}}
	if diff := cmp.Diff(want, hv3.asked[0].Metadata); diff != "" {
		t.Error(diff)
	}
}

// tnl_find's order: key, then remote address, then local address.
func TestTunnelPort(t *testing.T) {
	port := func(name, bridge string, options ...string) node.Port {
		p := node.Port{Port: engine.Port{Bridge: bridge, Name: name, OFPort: 1, Type: "geneve", Kind: engine.PortTunnel}, Options: map[string]string{}}
		for _, o := range options {
			k, v, _ := strings.Cut(o, "=")
			p.Options[k] = v
		}
		return p
	}
	for name, c := range map[string]struct {
		ports []node.Port
		want  string
	}{
		"none":           {nil, ""},
		"exact":          {[]node.Port{port("any", "br-int", "key=flow", "remote_ip=flow"), port("exact", "br-int", "key=flow", "remote_ip=10.0.0.1")}, "exact"},
		"local":          {[]node.Port{port("remote", "br-int", "key=flow", "remote_ip=10.0.0.1"), port("both", "br-int", "key=flow", "remote_ip=10.0.0.1", "local_ip=10.0.0.2")}, "both"},
		"other local":    {[]node.Port{port("a", "br-int", "key=flow", "remote_ip=10.0.0.1", "local_ip=10.0.0.3")}, ""},
		"other remote":   {[]node.Port{port("a", "br-int", "key=flow", "remote_ip=10.0.0.9")}, ""},
		"remote first":   {[]node.Port{port("local", "br-int", "key=flow", "remote_ip=flow", "local_ip=10.0.0.2"), port("remote", "br-int", "key=flow", "remote_ip=10.0.0.1")}, "remote"},
		"other key":      {[]node.Port{port("a", "br-x", "key=9", "remote_ip=10.0.0.1")}, ""},
		"key":            {[]node.Port{port("flow", "br-int", "key=flow", "remote_ip=10.0.0.1"), port("five", "br-x", "in_key=5", "remote_ip=10.0.0.1")}, "five"},
		"no key":         {[]node.Port{port("a", "br-x", "remote_ip=10.0.0.1")}, ""},
		"integration":    {[]node.Port{port("other", "br-x", "key=flow", "remote_ip=10.0.0.1"), port("ovn", "br-int", "key=flow", "remote_ip=10.0.0.1")}, "ovn"},
		"UDP port":       {[]node.Port{port("other", "br-int", "key=flow", "remote_ip=10.0.0.1", "dst_port=6082"), port("six", "br-int", "key=flow", "remote_ip=flow", "dst_port=6081")}, "six"},
		"flow on others": {[]node.Port{port("other", "br-x", "key=flow", "remote_ip=flow")}, "other"},
	} {
		p, ok := tunnelPort(&node.Info{Bridge: "br-int", Ports: c.ports}, "geneve", netip.MustParseAddr("10.0.0.1"), &engine.Tunnel{Dst: netip.MustParseAddr("10.0.0.2"), ID: 5, TPDst: 6081})
		if p.Name != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q %v", name, p.Name, ok)
		}
	}
}

// A tunnel whose far end cannot be found: unknown, with the reason.
func testTunnelEnds(t *testing.T, sb *ovn.SB) {
	hv1, hv2 := chassis("hv1", "sw0-p1"), chassis("hv2", "sw1-p1")
	hv2.info.Ports = hv2.info.Ports[:3] // no tunnels
	out := hv1.port(t, "ovn-hv2-10.9.0.2")
	none := through(out, tcpSYN(), "", "10.9.0.2")
	none.Tunnel = nil
	for want, leaf := range map[string]engine.Leaf{
		"output to tunnel ovn-hv2-10.9.0.2 without a tunnel destination":             none,
		"no chassis of the Southbound database has the tunnel address 10.9.7.7":      through(out, tcpSYN(), "", "10.9.7.7"),
		"chassis vtep is a VTEP gateway: what its hardware does cannot be traced":    through(out, tcpSYN(), "", "10.9.0.9"),
		"chassis oldvtep is a VTEP gateway: what its hardware does cannot be traced": through(out, tcpSYN(), "", "10.9.0.8"),
		"chassis hv2 has no geneve port for the tunnel from 10.9.0.1":                through(out, tcpSYN(), "", "10.9.0.2"),
		"output to datapath port 99, which is not among the node's ports":            {Kind: engine.LeafUnknown, Why: "output to datapath port 99, which is not among the node's ports", Path: []int{0}},
	} {
		hv1.trace = same(result(leaf))
		sent := send(t, &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2}}, tcpSYN())
		if got := ends(sent); !strings.HasPrefix(got, "unknown unknown hv1") || !strings.HasSuffix(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
		if sent.Verdict != engine.Unknown {
			t.Errorf("verdict %v", sent.Verdict)
		}
	}
}

// Two nodes that send a packet to each other for ever: the trace ends, after few requests, since
// the same request is made once.
func testLoop(t *testing.T, sb *ovn.SB) {
	hv1, hv2 := chassis("hv1", "sw0-p1"), chassis("hv2", "sw1-p1")
	hv1.trace = same(result(through(hv1.port(t, "ovn-hv2-10.9.0.2"), tcpSYN(), "", "10.9.0.2")))
	hv2.trace = same(result(through(hv2.port(t, "ovn-hv1-10.9.0.1"), tcpSYN(), "", "10.9.0.1")))
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2}}
	sent := send(t, d, tcpSYN())
	if got := ends(sent); !strings.Contains(got, "a loop?") || sent.Verdict != engine.Unknown {
		t.Error(got)
	}
	if n := len(hv1.asked) + len(hv2.asked); n > 3 {
		t.Errorf("%d questions", n)
	}

	// A different packet each time: no request is repeated, and MaxHops ends the trace.
	ttl := uint8(0)
	vary := func(n *fakeNode, port, dst string) {
		n.asked = nil
		n.trace = func(node.TraceRequest) (*engine.Result, error) {
			p := tcpSYN()
			ttl++
			p.TTL = ttl
			return result(through(n.port(t, port), p, "", dst)), nil
		}
	}
	vary(hv1, "ovn-hv2-10.9.0.2", "10.9.0.2")
	vary(hv2, "ovn-hv1-10.9.0.1", "10.9.0.1")
	d.MaxHops = 7
	sent = send(t, d, tcpSYN())
	if n := len(sent.Hops); n != 7 || !strings.Contains(ends(sent), "a loop?") {
		t.Errorf("%d hops, %s", n, ends(sent))
	}
	d.MaxHops = 0
	if sent = send(t, d, tcpSYN()); len(sent.Hops) > maxPath || !strings.Contains(ends(sent), "a loop?") {
		t.Errorf("%d hops, %s", len(sent.Hops), ends(sent))
	}
}

// choose is two backends, each with its own leaf.
func choose(leaves ...engine.Leaf) *engine.Result {
	r := result()
	r.Outcomes = nil
	for i, l := range leaves {
		c := []engine.Choice{{Kind: "lb-backend", Chosen: fmt.Sprintf("20.0.0.%d:80", 3+i), Share: 1 / float64(len(leaves))}}
		l.Choices = c
		r.Outcomes = append(r.Outcomes, &engine.Outcome{Choices: c, Leaves: []engine.Leaf{l}, Overlay: entryOf(uint16(80 + i))})
	}
	return r
}

// Exclusive alternatives, each with its choices and entries. A visit that is the same in all of
// them is made and listed once.
func testAlternatives(t *testing.T, sb *ovn.SB) {
	hv1, hv2 := chassis("hv1", "sw0-p1"), chassis("hv2", "sw1-p1")
	tun := through(hv1.port(t, "ovn-hv2-10.9.0.2"), tcpSYN(), "", "10.9.0.2")
	hv1.trace = same(choose(tun, tun))
	hv2.trace = same(result(output(hv2.port(t, "tap0"), tcpSYN())))
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2}}
	sent := send(t, d, tcpSYN())
	if len(sent.Outcomes) != 2 || len(sent.Hops) != 2 || len(hv2.asked) != 1 {
		t.Errorf("%d outcomes, %d hops, %d questions", len(sent.Outcomes), len(sent.Hops), len(hv2.asked))
	}
	for i, o := range sent.Outcomes {
		want := fmt.Sprintf("20.0.0.%d:80", 3+i)
		if o.Choices[0].Chosen != want || o.Branches[0].Choices[0].Chosen != want || o.World.Overlays["hv1"].Entries[0].Orig.Dst.Port() != uint16(80+i) {
			t.Errorf("outcome %d: %+v", i, o)
		}
	}
	// One of them is dropped: the packet's verdict is the worst.
	other := tcpSYN()
	other.DstPort = 81
	hv1.trace = same(choose(tun, through(hv1.port(t, "ovn-hv2-10.9.0.2"), other, "", "10.9.0.2")))
	hv2.trace = func(req node.TraceRequest) (*engine.Result, error) {
		if req.Packet.DstPort == 81 {
			return result(engine.Leaf{Kind: engine.LeafDrop, Packet: req.Packet, Path: []int{0}}), nil
		}
		return result(output(hv2.port(t, "tap0"), req.Packet)), nil
	}
	sent = send(t, d, tcpSYN())
	if sent.Verdict != engine.Dropped || len(sent.Branches) != 2 || sent.Flood || len(sent.Hops) != 3 {
		t.Errorf("%s, %d hops", ends(sent), len(sent.Hops))
	}
	// Only the requested backend.
	d.Backend = "20.0.0.3:80"
	sent = send(t, d, tcpSYN())
	if len(sent.Outcomes) != 1 || sent.Verdict != engine.Delivered {
		t.Errorf("%s", ends(sent))
	}
	d.Backend = "20.0.0.77:80" // none has it: all are followed
	if sent = send(t, d, tcpSYN()); len(sent.Outcomes) != 2 {
		t.Errorf("%s", ends(sent))
	}
	// Alternatives in which the packet ends in the same way, independent of the choice, have one
	// branch.
	both := choose(output(hv1.port(t, "tap0"), tcpSYN()), output(hv1.port(t, "tap0"), tcpSYN()))
	for _, o := range both.Outcomes {
		o.Leaves[0].Choices = nil
	}
	hv1.trace = same(both)
	if sent = send(t, d, tcpSYN()); len(sent.Branches) != 1 || len(sent.Outcomes) != 2 ||
		sent.Outcomes[0].Branches[0] != sent.Branches[0] || sent.Outcomes[1].Branches[0] != sent.Branches[0] {
		t.Errorf("%s, in %d outcomes", ends(sent), len(sent.Outcomes))
	}
	// Ends that differ in one respect are two branches.
	for name, change := range map[string]func(*engine.Leaf){
		"packet": func(l *engine.Leaf) { l.Packet.TTL++ },
		"port":   func(l *engine.Leaf) { l.Port = hv1.port(t, "br-int") },
		"choice": func(l *engine.Leaf) { l.Choices = []engine.Choice{{Kind: "k", Chosen: "c"}} },
		"mirror": func(l *engine.Leaf) { l.Mirror = "m1" },
		"held":   func(l *engine.Leaf) { l.Held = &engine.Hold{Zone: 5} },
		"cause":  func(l *engine.Leaf) { l.Kind, l.Why = engine.LeafDrop, "lost" },
	} {
		leaves := []engine.Leaf{output(hv1.port(t, "tap0"), tcpSYN()), output(hv1.port(t, "tap0"), tcpSYN())}
		if name == "cause" {
			leaves[0].Kind, leaves[0].Why = engine.LeafDrop, "gone"
		}
		change(&leaves[1])
		hv1.trace = same(result(leaves...))
		if sent = send(t, d, tcpSYN()); len(sent.Branches) != 2 {
			t.Errorf("another %s: %s", name, ends(sent))
		}
	}
}

func testTooMany(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	var leaves []engine.Leaf
	for range maxWorlds + 1 {
		leaves = append(leaves, output(hv1.port(t, "tap0"), tcpSYN()))
	}
	hv1.trace = same(choose(leaves...))
	sent := send(t, &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}, tcpSYN())
	if sent.Verdict != engine.Unknown || !strings.Contains(ends(sent), "more than 256 alternatives") {
		t.Error(ends(sent))
	}
}

// The worst branch counts; of a flood, whose copies end in many ways by design, the best.
func testVerdicts(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}
	drop := engine.Leaf{Kind: engine.LeafDrop, Packet: tcpSYN(), Path: []int{0}}
	vif, host := output(hv1.port(t, "tap0"), tcpSYN()), output(hv1.port(t, "br-int"), tcpSYN())
	broadcast := tcpSYN()
	broadcast.EthDst = packet.MAC{255, 255, 255, 255, 255, 255}
	for _, c := range []struct {
		p      packet.Packet
		leaves []engine.Leaf
		want   engine.Verdict
		flood  bool
	}{
		{tcpSYN(), []engine.Leaf{vif}, engine.Delivered, false},
		{tcpSYN(), []engine.Leaf{host}, engine.Host, false},
		{tcpSYN(), []engine.Leaf{vif, drop}, engine.Dropped, false},
		{broadcast, []engine.Leaf{vif, drop}, engine.Delivered, true},
		{broadcast, []engine.Leaf{drop}, engine.Dropped, true},
		{tcpSYN(), []engine.Leaf{vif, host, drop}, engine.Delivered, true}, // unknown unicast
		{tcpSYN(), nil, engine.Unknown, false},
	} {
		hv1.trace = same(result(c.leaves...))
		sent := send(t, d, c.p)
		if sent.Verdict != c.want || sent.Flood != c.flood {
			t.Errorf("%s: %v, flood %v", ends(sent), sent.Verdict, sent.Flood)
		}
	}
}

// A mirror's copy is listed, and changes neither the verdict nor whether the packet was flooded.
func testMirrors(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}
	drop := engine.Leaf{Kind: engine.LeafDrop, Packet: tcpSYN(), Path: []int{0}}
	punt := engine.Leaf{Kind: engine.LeafController, Packet: tcpSYN(), Path: []int{0}}
	mirrored := func(l engine.Leaf) engine.Leaf {
		l.Mirror = "m1"
		return l
	}
	vif, host := output(hv1.port(t, "tap0"), tcpSYN()), output(hv1.port(t, "br-int"), tcpSYN())
	gre := mirrored(through(hv1.port(t, "ovn-hv2-10.9.0.2"), tcpSYN(), "", "10.9.7.7"))
	for _, c := range []struct {
		leaves []engine.Leaf
		want   engine.Verdict
		ends   string
	}{
		{[]engine.Leaf{mirrored(vif), drop}, engine.Dropped, "delivered port hv1 sw0-p1: a copy that mirror m1 makes\n" +
			`dropped drop hv1: dropped in table 8 of br-int by priority 50, match "metadata=0x1"`},
		{[]engine.Leaf{gre, vif}, engine.Delivered, "external external hv1 ovn-hv2-10.9.0.2: a copy that mirror m1 makes, to 10.9.7.7\ndelivered port hv1 sw0-p1"},
		{[]engine.Leaf{mirrored(host), vif}, engine.Delivered, "host host hv1 br-int: a copy that mirror m1 makes\ndelivered port hv1 sw0-p1"},
		{[]engine.Leaf{mirrored(vif), punt}, engine.Controller, "delivered port hv1 sw0-p1: a copy that mirror m1 makes\n" +
			`controller controller hv1: punted to the controller in table 8 of br-int, match "metadata=0x1"`},
	} {
		hv1.trace = same(result(c.leaves...))
		sent := send(t, d, tcpSYN())
		wantText(t, ends(sent), c.ends)
		if p := sent; p.Verdict != c.want || p.Flood || p.Branches[0].Mirror != "m1" || p.Branches[1].Mirror != "" {
			t.Errorf("%s: %v, flood %v", c.ends, p.Verdict, p.Flood)
		}
	}
}

// Each chassis is asked over its own Southbound database. The same socket path is another database
// on each chassis, and each is opened once.
func testSouthbound(t *testing.T, sb *ovn.SB) {
	far, other := chassis("far", "x"), chassis("other", "y")
	far.info.OVNRemote, other.info.OVNRemote = "tcp:10.0.0.9:6642", "unix:/run/ovn/ovnsb_db.sock"
	var dialed []string
	zone := &ovn.SB{DB: sb.DB}
	d := &Driver{SB: sb, infos: map[string]*node.Info{"hv1": chassis("hv1", "sw0-p1").info, "far": far.info},
		DialSB: func(_ context.Context, chassis, remote string) (*ovn.SB, error) {
			dialed = append(dialed, chassis+" "+remote)
			if chassis == "other" {
				return nil, errors.New("a socket on that machine")
			}
			return zone, nil
		}}
	ask := func(name string) *ovn.SB {
		got, err := d.Southbound(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if ask("hv1") != sb || ask("far") != zone || ask("far") != zone {
		t.Error("another database")
	}
	// A chassis' own database is unknown until its node has answered.
	if ask("other") != sb {
		t.Error("a database for a node that was not asked")
	}
	d.infos["other"] = other.info
	if ask("other") != sb || len(d.notes) != 1 || !strings.Contains(d.notes[0], "chassis other has a Southbound database of its own") {
		t.Errorf("notes %q", d.notes)
	}
	d.infos["third"], d.infos["fourth"] = other.info, other.info
	if ask("third") != zone || ask("fourth") != zone {
		t.Error("another database")
	}
	const sock = " unix:/run/ovn/ovnsb_db.sock"
	wantText(t, strings.Join(dialed, "\n"), "far tcp:10.0.0.9:6642\nother"+sock+"\nthird"+sock+"\nfourth"+sock)
}

// The verdict of a flood is its best copy's, and that of alternatives the worst. A branch that all
// of them have is not an alternative.
func TestVerdictOfFloods(t *testing.T) {
	branch := func(v engine.Verdict, chosen ...string) *Branch {
		b := &Branch{Verdict: v}
		for _, c := range chosen {
			b.Choices = append(b.Choices, engine.Choice{Kind: "k", Chosen: c})
		}
		return b
	}
	for _, c := range []struct {
		want     engine.Verdict
		branches []*Branch
	}{
		{engine.Delivered, []*Branch{branch(engine.Dropped), branch(engine.Delivered, "a"), branch(engine.Delivered, "b")}},
		{engine.External, []*Branch{branch(engine.Dropped), branch(engine.Delivered, "a"), branch(engine.External, "b")}},
		{engine.Delivered, []*Branch{branch(engine.Delivered), branch(engine.Dropped, "a"), branch(engine.External, "b")}},
		{engine.External, []*Branch{branch(engine.Dropped, "a"), branch(engine.Delivered, "a", "x"), branch(engine.External, "a", "y")}},
		{engine.Dropped, []*Branch{branch(engine.Dropped, "a"), branch(engine.Delivered, "b")}},
	} {
		if got := verdictOf(c.branches, true); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}

// The table that decided is named; OVN's subroutines are skipped.
func testReasons(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	hits := []engine.TableHit{
		{Bridge: "br-int", Table: 8, Priority: 50, Cookie: 1, Match: "metadata=0x1", Actions: []string{"resubmit(,9)"}},
		{Bridge: "br-int", Table: 44, Priority: 1001, Cookie: 0xdead, Match: "tcp,tp_dst=80", Actions: []string{"drop"}},
	}
	for _, c := range []struct {
		hits  []engine.TableHit
		why   string
		table int
		text  string
	}{
		{hits, "", 44, `dropped in table 44 of br-int by priority 1001, match "tcp,tp_dst=80"`},
		{append(hits[:1:1], engine.TableHit{Bridge: "br-int", Table: 9, Miss: true}), "", 9, "no flow of table 9 on br-int matches"},
		{append(hits[:2:2], engine.TableHit{Bridge: "br-int", Table: 75, Match: "", Actions: []string{"load:0x1->NXM_NX_REG10[12]"}}), "", 44,
			`dropped in table 44 of br-int by priority 1001, match "tcp,tp_dst=80"`},
		{hits, "conntrack drops it: table full", 44, "conntrack drops it: table full"},
	} {
		r := result(engine.Leaf{Kind: engine.LeafDrop, Packet: tcpSYN(), Path: []int{0}, Why: c.why})
		r.Segments[0].Tables = c.hits
		hv1.trace = same(r)
		b := send(t, &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}, tcpSYN()).Branches[0]
		if b.Cause == nil || b.Cause.String() != c.text || b.Cause.Lookup == nil || b.Cause.Lookup.Hit.Table != c.table || b.Cause.Chassis != "hv1" || b.Kind() != "drop" {
			t.Errorf("%+v, want %s", b.Cause, c.text)
		}
	}
}

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
	if got, err = enter("ln-public", "", p); err != nil || len(got.Also) != 1 || len(d.notes) != 1 || !strings.Contains(d.notes[0], "(hv1, hv2)") {
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
