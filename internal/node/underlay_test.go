package node

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

func TestParseUnderlay(t *testing.T) {
	// The output of Open vSwitch 3.1.0, and an incomplete entry as printed since 3.2.
	got := parseNeighbours(`IP                                            MAC                 Bridge
==========================================================================
1.1.2.92                                      aa:55:aa:55:00:92   br-phy
1.1.2.93                                      aa:55:aa:55:00:93   br-phy STALE
1.1.2.94                                                          br-phy INCOMPLETE
2001:cafe::92                                 aa:55:aa:55:00:96   br-phy
`)
	want := map[neighbour]bool{{netip.MustParseAddr("1.1.2.92"), "br-phy"}: true, {netip.MustParseAddr("2001:cafe::92"), "br-phy"}: true}
	for n := range want {
		if !got[n] {
			t.Errorf("%v is missing", n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	for text, want := range map[string]string{
		"src 1.1.2.88\ngateway ::\ndev br-phy\n":              ":: br-phy",
		"src 1.1.2.88\ngateway 1.1.2.1\ndev br-phy\n":         "1.1.2.1 br-phy",
		"src 2001:cafe::88\ngateway 2001:cafe::1\ndev eth0\n": "2001:cafe::1 eth0",
		"": "invalid IP ",
	} {
		rt := parseRoute(text)
		if got := fmt.Sprint(rt.gateway, " ", rt.dev); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	lines := parseRoutes(`Route Table:
Cached: 1.1.2.88/32 dev br-phy SRC 1.1.2.88 local
User: 10.0.0.0/8 MARK 7 dev br-phy GW 1.1.2.1 SRC 1.1.2.88
Cached: ::1/128 dev lo SRC ::1 local
`)
	wantLines := []routeLine{{netip.MustParsePrefix("1.1.2.88/32"), 0, true}, {netip.MustParsePrefix("10.0.0.0/8"), 7, false}, {netip.MustParsePrefix("::1/128"), 0, true}}
	if d := cmp.Diff(wantLines, lines, cmp.Comparer(func(a, b routeLine) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

// tunnels adds br-phy with the tunnel addresses and e1, and tunnel ports to br-int: 10 and 11 to
// known neighbours, 12 and 13 to unknown ones, 14 through a gateway, 15 without a route, 16 to a
// destination set by the flow, 17 from an address that the node does not have.
func tunnels(t *testing.T, o *dummy.OVS) {
	t.Helper()
	o.Vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=dummy", "fail-mode=standalone",
		"--", "add-port", "br-phy", "e1", "--", "set", "interface", "e1", "type=dummy", "options:tx_pcap="+filepath.Join(o.RunDir, "e1.pcap"))
	for i, remote := range []string{"1.1.2.92", "2001:cafe::92", "1.1.2.93", "2001:cafe::93", "7.7.7.7", "8.8.8.8", "flow", "1.1.2.92"} {
		name := fmt.Sprint("t", 10+i)
		o.Vsctl("add-port", "br-int", name, "--", "set", "interface", name, "type=geneve", fmt.Sprintf("options:remote_ip=%q", remote), "options:key=flow",
			fmt.Sprintf("ofport_request=%d", 10+i))
	}
	o.Vsctl("set", "interface", "t17", "options:local_ip=1.1.2.89")
	o.Appctl("netdev-dummy/ip4addr", "br-phy", "1.1.2.88/24")
	o.Appctl("netdev-dummy/ip6addr", "br-phy", "2001:cafe::88/64")
	o.Appctl("ovs/route/add", "1.1.2.0/24", "br-phy")
	o.Appctl("ovs/route/add", "2001:cafe::/64", "br-phy")
	o.Appctl("ovs/route/add", "7.7.7.0/24", "br-phy", "1.1.2.1")
	o.Appctl("tnl/neigh/set", "br-phy", "1.1.2.92", "aa:55:aa:55:00:92")
	o.Appctl("tnl/neigh/set", "br-phy", "2001:cafe::92", "aa:55:aa:55:00:96")
	o.AddFlows("br-int", `
priority=40000,tcp,tp_dst=1010 actions=set_field:5->tun_id,output:10
priority=40000,tcp,tp_dst=1011 actions=set_field:5->tun_id,output:11
priority=40000,tcp,tp_dst=1012 actions=set_field:5->tun_id,output:12
priority=40000,tcp,tp_dst=1013 actions=set_field:5->tun_id,output:13
priority=40000,tcp,tp_dst=1014 actions=set_field:5->tun_id,output:14
priority=40000,tcp,tp_dst=1015 actions=set_field:5->tun_id,output:15
priority=40000,tcp,tp_dst=1016 actions=set_field:5->tun_id,set_field:1.1.2.92->tun_dst,output:16
priority=40000,tcp,tp_dst=1017 actions=set_field:5->tun_id,set_field:1.1.2.95->tun_dst,output:16
priority=40000,tcp,tp_dst=1018 actions=set_field:5->tun_id,output:17
priority=40000,tcp,tp_dst=1002 actions=output:2
priority=40000,tcp,tp_dst=1020 actions=set_field:5->tun_id,output:12,output:10,output:2
priority=40000,tcp,tp_dst=1021 actions=resubmit(,50)
priority=40000,tcp,tp_dst=1022 actions=ct(table=51,zone=5)
table=50,priority=9,pkt_mark=0x0/0xff00 actions=set_field:5->tun_id,output:12
table=51,actions=set_field:5->tun_id,output:12
`)
}

// TestNothingIsAskedFor checks that no trace is made through a tunnel whose next hop's MAC address
// is unknown: nothing is sent, and the reason says so.
func TestNothingIsAskedFor(t *testing.T) {
	o := userspaceOVS(t)
	tunnels(t, o)
	s := service(t, Options{RunDir: o.RunDir})
	sent := func() int64 {
		fi, err := os.Stat(filepath.Join(o.RunDir, "e1.pcap"))
		if err != nil {
			t.Fatal(err)
		}
		return fi.Size()
	}
	trace := func(port uint16) []string {
		p := tcpPacket("10.0.0.1:1000", "10.0.0.2:80", 2)
		p.DstPort = port
		res, err := s.Trace(t.Context(), TraceRequest{Request: engine.Request{Bridge: "br-int", InPort: 1, Packet: p}})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, l := range res.Outcomes[0].Leaves {
			switch {
			case l.Why != "":
				out = append(out, string(l.Kind)+": "+l.Why)
			case l.Tunnel != nil:
				out = append(out, string(l.Kind)+" to "+l.Tunnel.Dst.String())
			default:
				out = append(out, string(l.Kind)+" "+l.Port.Name)
			}
		}
		for _, seg := range res.Segments {
			if strings.Contains(seg.Flow+seg.Final, "pkt_mark") {
				t.Errorf("port %d: the guard shows in %s / %s", port, seg.Flow, seg.Final)
			}
		}
		return out
	}
	miss := func(hop, dst string) string {
		return "drop: the MAC address of " + hop + ", the next hop to tunnel endpoint " + dst + ", is unknown on br-phy (tnl/neigh/show): " +
			"the packet is lost while Open vSwitch asks for it; later ones pass once it is answered"
	}
	neighbours := o.Appctl("tnl/neigh/show")
	before := sent()
	for port, want := range map[uint16][]string{
		1002: {"output p2"},
		1010: {"output to 1.1.2.92"},
		1011: {"output to 2001:cafe::92"},
		1012: {miss("1.1.2.93", "1.1.2.93")},
		1013: {miss("2001:cafe::93", "2001:cafe::93")},
		1014: {miss("1.1.2.1", "7.7.7.7")},
		1015: {"drop: the packet is not put into the tunnel: Open vSwitch has no route to tunnel endpoint 8.8.8.8 (ovs/route/lookup)"},
		1016: {"output to 1.1.2.92"},
		1017: {miss("1.1.2.95", "1.1.2.95")},
		1018: {"drop: the packet is not put into the tunnel: the tunnel's local_ip 1.1.2.89 is not an address of a device in Open vSwitch's routes"},
		1020: {miss("1.1.2.93", "1.1.2.93"),
			"unknown: the way to tunnel endpoint 1.1.2.92 is known, but is not traced: that would make Open vSwitch ask for the next hop of another copy", "output p2"},
		1021: {"unknown: tables look at pkt_mark, and a trace that reaches a tunnel would make Open vSwitch ask for a MAC address, so the packet is not traced"},
		1022: {miss("1.1.2.93", "1.1.2.93")},
	} {
		if d := cmp.Diff(want, trace(port)); d != "" {
			t.Errorf("port %d: %s", port, d)
		}
	}
	if after := sent(); after != before {
		t.Errorf("Open vSwitch has sent %d bytes", after-before)
	}
	if d := cmp.Diff(sorted(neighbours), sorted(o.Appctl("tnl/neigh/show"))); d != "" {
		t.Error(d)
	}

	// A stale neighbour counts as unknown, as in Open vSwitch.
	o.Appctl("tnl/neigh/set", "br-phy", "1.1.2.93", "aa:55:aa:55:00:93")
	if d := cmp.Diff([]string{"output to 1.1.2.93"}, trace(1012)); d != "" {
		t.Error(d)
	}
	o.Appctl("tnl/neigh/aging", "1")
	time.Sleep(1200 * time.Millisecond)
	if d := cmp.Diff([]string{miss("1.1.2.93", "1.1.2.93")}, trace(1012)); d != "" {
		t.Error(d)
	}
	if after := sent(); after != before {
		t.Errorf("Open vSwitch has sent %d bytes", after-before)
	}
	// A trace without this check does send a request.
	o.Appctl("ofproto/trace", "br-int", "in_port=1,tcp,tp_dst=1012")
	if after := sent(); after == before {
		t.Error("ofproto/trace has sent nothing: the test cannot fail")
	}
}

func sorted(text string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(text) {
		out[line] = true
	}
	return out
}

// TestNothingIsSentOnTheWire is TestNothingIsAskedFor with real devices and the netdev datapath: a
// packet socket on i1 receives what br-phy floods.
func TestNothingIsSentOnTheWire(t *testing.T) {
	testenv.Root(t)
	runtime.LockOSThread() // the namespace ends with the thread
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		testenv.Need(t, false, "a network namespace of its own: "+err.Error())
	}
	ip := testenv.Tool(t, "ip")
	run := func(args ...string) {
		if out, err := exec.Command(ip, args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	run("link", "set", "lo", "up")
	wire, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK, 0x0300) // ETH_P_ALL
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(wire)
	asked := func() (n int) { // ARP requests for the far end
		frame := make([]byte, 2048)
		for {
			k, _, err := unix.Recvfrom(wire, frame, 0)
			if err == unix.EAGAIN {
				return n
			}
			if err != nil {
				t.Fatal(err)
			}
			if k >= 42 && frame[12] == 8 && frame[13] == 6 && netip.AddrFrom4([4]byte(frame[38:42])) == netip.MustParseAddr("172.31.9.2") {
				n++
			}
		}
	}
	o := dummy.Start(t)
	o.Vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "fail-mode=secure",
		"--", "add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev", "--", "add-port", "br-phy", "i1", "--", "set", "interface", "i1", "type=internal",
		"--", "add-port", "br-int", "p1", "--", "set", "interface", "p1", "type=internal", "ofport_request=1",
		"--", "add-port", "br-int", "p2", "--", "set", "interface", "p2", "type=internal", "ofport_request=2",
		"--", "add-port", "br-int", "t10", "--", "set", "interface", "t10", "type=vxlan", "options:remote_ip=172.31.9.2", "ofport_request=10")
	run("addr", "add", "172.31.9.1/24", "dev", "br-phy")
	run("link", "set", "br-phy", "up")
	run("link", "set", "i1", "up")
	o.AddFlows("br-int", "tcp,tp_dst=80 actions=output:10\ntcp,tp_dst=81 actions=output:2\n")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if strings.Contains(o.Appctl("ovs/route/show"), "172.31.9.0/24 dev br-phy") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(o.Appctl("ovs/route/show"))
		}
	}
	asked()
	s := service(t, Options{RunDir: o.RunDir})
	for port, want := range map[uint16]engine.LeafKind{80: engine.LeafDrop, 81: engine.LeafOutput} {
		p := tcpPacket("10.0.0.1:1000", "10.0.0.2:80", 2)
		p.DstPort = port
		res, err := s.Trace(t.Context(), TraceRequest{Request: engine.Request{Bridge: "br-int", InPort: 1, Packet: p}})
		if err != nil {
			t.Fatal(err)
		}
		if l := res.Outcomes[0].Leaves; len(l) != 1 || l[0].Kind != want {
			t.Errorf("port %d: %+v", port, l)
		}
	}
	time.Sleep(200 * time.Millisecond)
	if n := asked(); n != 0 {
		t.Errorf("%d ARP requests on the wire", n)
	}
	if text := o.Appctl("tnl/neigh/show"); strings.Contains(text, "172.31.9.2 ") {
		t.Errorf("the cache was filled: %s", text)
	}
	o.Appctl("ofproto/trace", "br-int", "in_port=1,tcp,tp_dst=80")
	time.Sleep(200 * time.Millisecond)
	if n := asked(); n == 0 {
		t.Error("ofproto/trace has sent nothing: the test cannot fail")
	}
}
