package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// commitFlows commit packets from p1 in zone 5, and packets from p2 in zone 6.
const commitFlows = `
table=0,in_port=1,ip,actions=ct(zone=5,table=1)
table=0,in_port=2,ip,actions=ct(zone=6,commit,table=2)
table=1,ct_state=+trk+new,ip,actions=ct(commit,zone=5),output:2
table=1,ct_state=+trk+est,ip,actions=output:2
`

// udp sends a datagram through the datapath.
func udp(o *dummy.OVS, port string, sport int) {
	o.Appctl("netdev-dummy/receive", port, fmt.Sprintf("in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"+
		"ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=%d,dst=53)", sport))
}

// entered reports whether a datagram has made a connection; it waits a short time, because the
// daemon reads packets with a delay.
func entered(o *dummy.OVS, sport int) bool {
	for range 10 {
		if strings.Contains(o.Appctl("dpctl/dump-conntrack"), fmt.Sprintf("sport=%d,", sport)) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// TestUserspaceSettings checks that the settings of ovs-vswitchd have the same effect on traces as
// on packets.
func TestUserspaceSettings(t *testing.T) {
	o := userspaceOVS(t)
	o.AddFlows("br-int", commitFlows)
	s := service(t, Options{RunDir: o.RunDir})
	trace := func(sport uint16) *engine.Result {
		t.Helper()
		p := tcpPacket(fmt.Sprintf("10.0.0.1:%d", sport), "10.0.0.2:53", 0)
		p.Proto = packet.ProtoUDP
		r, err := s.Trace(t.Context(), TraceRequest{Request: engine.Request{InPort: 1, Packet: p}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	none := []string{"dpctl/ct-set-maxconns 3000000", "dpctl/ct-del-limits zone=5,6", "dpctl/ct-set-limits default=4294967295"}
	for i, c := range []struct {
		name string
		set  string // ovs-appctl command
		busy string // source ports of earlier datagrams
		want bool   // entered
	}{
		{"no limit", "", "", true},
		{"table full", "dpctl/ct-set-maxconns 1", "p1", false},
		{"one is free", "dpctl/ct-set-maxconns 2", "p1", true},
		{"no connection may be", "dpctl/ct-set-maxconns 0", "", false},
		{"zone full", "dpctl/ct-set-limits zone=5,limit=1", "p1", false},
		{"another zone full", "dpctl/ct-set-limits zone=6,limit=1", "p2", true},
		{"zone closed", "dpctl/ct-set-limits zone=5,limit=0", "", false},
		{"default limit", "dpctl/ct-set-limits default=1", "p1", false},
		{"default limit, reached in another zone", "dpctl/ct-set-limits default=1", "p2", false},
		{"default limit, the other zone has its own", "dpctl/ct-set-limits default=1 zone=6,limit=9", "p2", true},
	} {
		for _, undo := range none {
			f := strings.Fields(undo)
			o.Call(t.Context(), f[0], f[1:]...) // a missing limit cannot be removed
		}
		o.Appctl("dpctl/flush-conntrack")
		if c.set != "" {
			f := strings.Fields(c.set)
			o.Appctl(f[0], f[1:]...)
		}
		if c.busy != "" {
			udp(o, c.busy, 100+i)
			entered(o, 100+i)
		}
		r := trace(uint16(1000 + i))
		committed := false
		for _, seg := range r.Segments {
			for _, step := range seg.CT {
				committed = committed || step.Result.Committed != nil
			}
		}
		udp(o, "p1", 1000+i)
		real := entered(o, 1000+i)
		if committed != c.want || real != c.want {
			t.Errorf("%s: entered %v, really %v, want %v", c.name, committed, real, c.want)
		}
	}
}

func TestUserspaceTimeoutPolicy(t *testing.T) {
	o := userspaceOVS(t)
	o.AddFlows("br-int", commitFlows)
	s := service(t, Options{RunDir: o.RunDir})
	ask := func(sport uint16, proto uint8) ctstate.Result {
		t.Helper()
		p := tcpPacket(fmt.Sprintf("10.0.0.1:%d", sport), "10.0.0.2:53", 0x10)
		p.Proto = proto
		r, err := s.Trace(t.Context(), TraceRequest{Request: engine.Request{InPort: 1, Packet: p}})
		if err != nil || len(r.Segments[0].CT) == 0 {
			t.Fatal(err, r)
		}
		last := r.Segments[len(r.Segments)-1].CT
		if len(last) > 0 {
			return last[0].Result
		}
		return r.Segments[0].CT[0].Result
	}
	udp(o, "p1", 1)
	entered(o, 1)
	if r := ask(1, packet.ProtoUDP); r.Conn.State != ctstate.New|ctstate.Trk || r.Certainty != ctstate.Exact {
		t.Errorf("just committed: %v, certainty %d (%q)", r.Conn.State, r.Certainty, r.Why)
	}
	o.Vsctl("--", "--id=@z", "create", "CT_Zone", "timeout_policy=@p", "--", "--id=@p", "create", "CT_Timeout_Policy", "timeouts={udp_multiple=180,udp_first=90}",
		"--", "--id=@d", "create", "Datapath", "datapath_version=0", "ct_zones={5=@z}", "--", "set", "open", ".", "datapaths:dummy=@d")
	if r := ask(1, packet.ProtoUDP); r.Certainty != ctstate.Undetermined {
		t.Errorf("60 s left where an answered connection can have 180: %v, certainty %d (%q)", r.Conn.State, r.Certainty, r.Why)
	}
	if r := ask(2, packet.ProtoUDP); r.Conn.Entry.Timeout != 90 {
		t.Errorf("a new connection has %d s", r.Conn.Entry.Timeout)
	}
	receive(o, "p1", "10.0.0.1", "10.0.0.2", 3, 53, 2)
	entered(o, 3)
	if r := ask(3, packet.ProtoTCP); r.Certainty != ctstate.Assumed {
		t.Errorf("sequence checks on: certainty %d", r.Certainty)
	}
	o.Appctl("dpctl/ct-disable-tcp-seq-chk")
	if r := ask(3, packet.ProtoTCP); r.Certainty != ctstate.Exact {
		t.Errorf("sequence checks off: certainty %d", r.Certainty)
	}
}
