package driver

import (
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
