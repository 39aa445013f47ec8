package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

const natFlows = `
table=0,in_port=1,tcp,actions=set_field:0x11->reg0,ct(table=1,zone=5,nat)
table=1,ct_state=+new+trk,tcp,reg0=0x11,actions=ct(commit,table=2,zone=5,nat(dst=10.0.0.9:8080),exec(set_field:0x2->ct_mark))
table=1,ct_state=+est+trk,ct_mark=0x2,tcp,reg0=0x11,actions=resubmit(,2)
table=2,tcp,nw_dst=10.0.0.9,tp_dst=8080,actions=dec_ttl,output:2
table=2,priority=0,actions=drop
`

func TestNewConnectionIsTranslatedAndCommitted(t *testing.T) {
	b, p := start(t, 2, natFlows)
	res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	if len(res.Outcomes) != 1 {
		t.Fatalf("%d outcomes", len(res.Outcomes))
	}
	want(t, ends(res.Outcomes[0]), "output p2 10.0.0.1:1000>10.0.0.9:8080 ttl 63")
	entries := res.Outcomes[0].Overlay.Entries
	if len(entries) != 1 || entries[0].Reply.Src.String() != "10.0.0.9:8080" || entries[0].Mark != 2 || entries[0].Zone != 5 {
		t.Errorf("overlay %+v", entries)
	}
	if len(res.Segments) != 3 || res.Segments[1].Enter != "table 1" || res.Segments[2].Parent != 1 {
		t.Errorf("segments %+v", res.Segments)
	}
}

// An existing entry is used instead of a new connection: its mark and its translation decide.
func TestEstablishedEntryDecides(t *testing.T) {
	b, p := start(t, 2, natFlows)
	orig := ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.1:1000"), Dst: netip.MustParseAddrPort("10.0.0.2:80")}
	reply := ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.9:8080"), Dst: netip.MustParseAddrPort("10.0.0.1:1000")}
	entry := ctstate.Entry{Zone: 5, Orig: orig, Reply: reply, Mark: 2,
		Status: ctstate.Confirmed | ctstate.SeenReply | ctstate.Assured | ctstate.DstNAT | ctstate.SrcNATDone | ctstate.DstNATDone,
		TCP:    &ctstate.TCPInfo{State: ctstate.TCPEstablished}, Source: ctstate.FromKernel}
	pkt := syn()
	pkt.TCPFlags = 0x10
	req := engine.Request{Bridge: "br0", InPort: 1, Packet: pkt}
	want(t, ends(trace(t, eng(b, p, table{entry}), req).Outcomes[0]), "output p2 10.0.0.1:1000>10.0.0.9:8080 ttl 63")
	entry.Mark = 0
	want(t, ends(trace(t, eng(b, p, table{entry}), req).Outcomes[0]), "drop 10.0.0.1:1000>10.0.0.9:8080 ttl 64")
}

// The recirculation id has died before it is resumed: the parents are traced again.
func TestResumeSurvivesDeadIDs(t *testing.T) {
	b, p := start(t, 2, natFlows)
	e := eng(b, p, table{})
	req := engine.Request{Bridge: "br0", InPort: 1, Packet: syn()}
	slow := &slowOnce{bridge: b, naps: map[int]time.Duration{2: 1500 * time.Millisecond, 5: 1500 * time.Millisecond}}
	e.OVS = slow
	want(t, ends(trace(t, e, req).Outcomes[0]), "output p2 10.0.0.1:1000>10.0.0.9:8080 ttl 63")
	if slow.lost == 0 {
		t.Error("no id had died: the test did not test")
	}
}

// slowOnce sleeps past an id's life before the calls named.
type slowOnce struct {
	*bridge
	naps map[int]time.Duration
	n    int
	lost int
}

// An id that always dies too early: packet-out enters the table, marked as approximate.
func TestPacketOutFallback(t *testing.T) {
	b, p := start(t, 2, natFlows)
	b.lose = true
	res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	want(t, ends(res.Outcomes[0]), "output p2 10.0.0.1:1000>10.0.0.9:8080 ttl 63")
	if !res.Segments[1].Approx || len(res.Segments[1].Notes) == 0 {
		t.Errorf("segment does not say that it is approximate: %+v", res.Segments[1])
	}
}

func TestSelectGroupBucketsAreAlternatives(t *testing.T) {
	b, p := start(t, 2, "table=0,in_port=1,tcp,actions=ct(table=1,zone=5)\ntable=2,tcp,actions=output:2")
	defer func() {
		if t.Failed() {
			t.Log(b.Ofctl("-O", "OpenFlow15", "dump-groups", "br0"))
		}
	}()
	b.Ofctl("-O", "OpenFlow15", "add-group", "br0",
		"group_id=7,type=select,selection_method=dp_hash,bucket=bucket_id:0,weight:100,actions=ct(commit,table=2,zone=5,nat(dst=10.0.1.1:80)),bucket=bucket_id:1,weight:300,actions=ct(commit,table=2,zone=5,nat(dst=10.0.1.2:81))")
	b.AddFlows("br0", "table=1,ct_state=+new+trk,tcp,actions=group:7")
	req := engine.Request{Bridge: "br0", InPort: 1, Packet: syn()}
	res := trace(t, eng(b, p, table{}), req)
	if len(res.Outcomes) != 2 {
		t.Fatalf("%d outcomes", len(res.Outcomes))
	}
	share := 0.0
	seen := map[string]float64{}
	for _, o := range res.Outcomes {
		c := o.Leaves[0].Choices[0]
		seen[c.Chosen] = c.Share
		share += c.Share
		if c.Kind != "lb-backend" || c.Determined {
			t.Errorf("choice %+v", c)
		}
		if len(o.Overlay.Entries) != 1 {
			t.Errorf("alternative %s sees the entries of the other: %+v", c.Chosen, o.Overlay.Entries)
		}
	}
	if share < 0.999 || share > 1.001 || seen["10.0.1.2:81"] <= seen["10.0.1.1:80"] {
		t.Errorf("shares %v", seen)
	}

	// A committed connection keeps its backend: there is no choice.
	orig := ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.1:1000"), Dst: netip.MustParseAddrPort("10.0.0.2:80")}
	entry := ctstate.Entry{Zone: 5, Orig: orig, Reply: ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.1.2:81"), Dst: netip.MustParseAddrPort("10.0.0.1:1000")},
		Status: ctstate.Confirmed | ctstate.DstNAT | ctstate.SrcNATDone | ctstate.DstNATDone,
		TCP:    &ctstate.TCPInfo{State: ctstate.TCPSynSent}, Source: ctstate.FromKernel}
	res = trace(t, eng(b, p, table{entry}), req)
	if len(res.Outcomes) != 1 || len(res.Outcomes[0].Leaves[0].Choices) != 0 {
		t.Fatalf("outcomes %+v", res.Outcomes)
	}
	want(t, ends(res.Outcomes[0]), "output p2 10.0.0.1:1000>10.0.1.2:81 ttl 64")
}

func TestCopiesEachEnd(t *testing.T) {
	b, p := start(t, 4, "table=0,in_port=1,ip,actions=clone(set_field:10.0.0.7->ip_dst,ct(table=1,zone=3)),output:2,LOCAL,dec_ttl,output:3\ntable=1,actions=output:4")
	res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	want(t, ends(res.Outcomes[0]),
		"output p4 10.0.0.1:1000>10.0.0.7:80 ttl 64",
		"output p2 10.0.0.1:1000>10.0.0.2:80 ttl 64",
		"output br0 10.0.0.1:1000>10.0.0.2:80 ttl 64",
		"output p3 10.0.0.1:1000>10.0.0.2:80 ttl 63")
}

// TestSampledPacketIsDroppedAllTheSame checks that a copy for a collector is not an end of the
// packet.
func TestSampledPacketIsDroppedAllTheSame(t *testing.T) {
	const sample = "sample(probability=65535,collector_set_id=10,obs_domain_id=1,obs_point_id=2)"
	b, p := start(t, 2, "tcp,tp_dst=80 actions="+sample+"\ntcp,tp_dst=81 actions="+sample+",output:2\n")
	b.Vsctl("--id=@b", "get", "bridge", "br0", "--", "--id=@i", "create", "IPFIX", `targets="127.0.0.1:4739"`,
		"--", "create", "Flow_Sample_Collector_Set", "id=10", "bridge=@b", "ipfix=@i")
	pkt := syn()
	for port, end := range map[uint16]string{80: "drop", 81: "output p2"} {
		pkt.DstPort = port
		res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br0", InPort: 1, Packet: pkt})
		if !strings.Contains(res.Segments[0].Actions, "flow_sample(") {
			t.Fatalf("nothing is sampled: %s", res.Segments[0].Actions)
		}
		want(t, ends(res.Outcomes[0]), fmt.Sprintf("%s 10.0.0.1:1000>10.0.0.2:%d ttl 64", end, port))
	}
}

// A metered punt is wrapped in sample(100%): the packet still goes to the controller.
func TestMeteredPunt(t *testing.T) {
	b, p := start(t, 2, "")
	b.Ofctl("-O", "OpenFlow15", "add-meter", "br0", "meter=3,pktps,band=type=drop,rate=10")
	b.AddFlows("br0", "table=0,tcp,actions=controller(userdata=00.00.00.01,meter_id=3),output:2")
	res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	if !strings.HasPrefix(res.Segments[0].Actions, "sample(") {
		t.Fatalf("the punt is not in a sample: %s", res.Segments[0].Actions)
	}
	want(t, ends(res.Outcomes[0]), "controller 10.0.0.1:1000>10.0.0.2:80 ttl 64", "output p2 10.0.0.1:1000>10.0.0.2:80 ttl 64")
}

// A flow that punts twice, as an ACL that logs and rejects: each punt has its own action.
func TestSeveralPuntsOfAFlow(t *testing.T) {
	b, p := start(t, 2, "")
	b.AddFlows("br0", "table=0,cookie=0x7,tcp,actions=controller(userdata=00.00.00.01),controller(userdata=00.00.00.02),output:2")
	res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	var actions []string
	for _, l := range res.Outcomes[0].Leaves {
		if l.Controller != nil {
			actions = append(actions, l.Controller.Action)
		}
	}
	if got := strings.Join(actions, " "); got != "controller(userdata=00.00.00.01) controller(userdata=00.00.00.02)" {
		t.Errorf("the punts' actions: %s", got)
	}
}

// TestInvalidKeepsTuple checks that a packet that the userspace datapath finds invalid is traced on
// with its tuple, which only a flow in the datapath's syntax can have.
func TestInvalidKeepsTuple(t *testing.T) {
	b, p := start(t, 2, "table=0,ip,actions=ct(table=1,zone=5)\ntable=0,ipv6,actions=ct(table=1,zone=5)\ntable=1,ct_state=+inv+trk,actions=output:2")
	six := syn()
	six.EthType, six.Src, six.Dst = packet.EthIPv6, netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
	for _, pkt := range []packet.Packet{syn(), six} {
		pkt.TCPFlags = packet.FlagSYN | packet.FlagFIN
		e := eng(b, p, table{})
		e.Tracker = ctstate.NewUserspace()
		res := trace(t, e, engine.Request{Bridge: "br0", InPort: 1, InPortDatapath: "2", Packet: pkt})
		if l := res.Outcomes[0].Leaves; len(l) != 1 || l[0].Kind != engine.LeafOutput {
			t.Errorf("%v: %+v", pkt, l)
		}
	}
}

func TestPacketLengthPicksBranch(t *testing.T) {
	b, p := start(t, 3, "table=0,in_port=1,ip,actions=check_pkt_larger(1000)->NXM_NX_REG0[0],resubmit(,1)\ntable=1,reg0=0x1/0x1,actions=output:3\ntable=1,priority=0,actions=output:2")
	for length, port := range map[int]string{0: "p2", 900: "p2", 1400: "p3"} {
		pkt := syn()
		pkt.Length = length
		res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br0", InPort: 1, Packet: pkt})
		want(t, ends(res.Outcomes[0]), "output "+port+" 10.0.0.1:1000>10.0.0.2:80 ttl 64")
	}
}

func TestUnknownLookupIsUnknown(t *testing.T) {
	b, p := start(t, 2, natFlows)
	broken := ctstate.TableFunc(func(context.Context, uint16, ctstate.Tuple) (ctstate.Entry, error) {
		return ctstate.Entry{}, errors.New("the table cannot be read")
	})
	res := trace(t, eng(b, p, broken), engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	leaf := res.Outcomes[0].Leaves[0]
	if leaf.Kind != engine.LeafUnknown || !strings.Contains(leaf.Why, "zone 5") || !strings.Contains(leaf.Why, "cannot be read") {
		t.Errorf("leaf %+v", leaf)
	}
}

// TestKilledBetweenSegments kills ovs-vswitchd at the first look-up: the segment before it is kept.
func TestKilledBetweenSegments(t *testing.T) {
	b, p := start(t, 2, natFlows)
	killing := ctstate.TableFunc(func(context.Context, uint16, ctstate.Tuple) (ctstate.Entry, error) {
		syscall.Kill(b.PID, syscall.SIGKILL)
		return ctstate.Entry{}, ctstate.ErrNotFound
	})
	res, err := eng(b, p, killing).Trace(t.Context(), engine.Request{Bridge: "br0", InPort: 1, Packet: syn()}, ctstate.OverlayData{})
	if err == nil || len(res.Segments) != 1 || len(res.Segments[0].CT) != 1 {
		t.Errorf("%v, %d segments", err, len(res.Segments))
	}
}

func TestRefusedFlowNamesIt(t *testing.T) {
	b, p := start(t, 2, natFlows)
	_, err := eng(b, p, table{}).Trace(context.Background(), engine.Request{Bridge: "br9", InPort: 1, Packet: syn()}, ctstate.OverlayData{})
	var te *engine.TraceError
	if !errors.As(err, &te) || te.Bridge != "br9" {
		t.Errorf("error %v", err)
	}
}

func TestBoundsEndTheTrace(t *testing.T) {
	flows := ""
	for i := range 10 {
		flows += fmt.Sprintf("table=%d,tcp,actions=ct(table=%d,zone=1)\n", i, i+1)
	}
	b, p := start(t, 2, flows)
	e := eng(b, p, table{})
	e.Limits.Segments = 5
	_, err := e.Trace(context.Background(), engine.Request{Bridge: "br0", InPort: 1, Packet: syn()}, ctstate.OverlayData{})
	if !errors.Is(err, engine.ErrLimit) {
		t.Errorf("error %v", err)
	}
}

// The hash that chose a bucket stays with the packet: it decides a second group as far as it is
// known.
func TestSecondGroupSharesTheHash(t *testing.T) {
	b, p := start(t, 4, "table=0,in_port=1,tcp,actions=ct(table=1,zone=5)\n")
	for id, buckets := range map[int]string{
		7: "bucket=bucket_id:0,actions=ct(commit,table=2,zone=5,nat(dst=10.0.1.1:80)),bucket=bucket_id:1,actions=ct(commit,table=2,zone=5,nat(dst=10.0.1.2:81))",
		8: "bucket=bucket_id:0,weight:1,actions=output:2,bucket=bucket_id:1,weight:1,actions=output:3,bucket=bucket_id:2,weight:1,actions=output:4",
	} {
		b.Ofctl("-O", "OpenFlow15", "add-group", "br0", fmt.Sprintf("group_id=%d,type=select,selection_method=dp_hash,%s", id, buckets))
	}
	b.AddFlows("br0", "table=1,ct_state=+new+trk,tcp,actions=group:7\ntable=2,tcp,actions=group:8")
	res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	seen := map[string]bool{}
	for _, o := range res.Outcomes {
		for _, l := range o.Leaves {
			seen[fmt.Sprintf("%v > %s", l.Packet.Dst, l.Port.Name)] = true
			if len(l.Choices) == 0 {
				t.Errorf("leaf at %s names no choice", l.Port.Name)
			}
		}
	}
	if len(seen) < 4 || len(res.Outcomes) != len(seen) {
		t.Errorf("%d outcomes, ends %v: the second group's buckets are missing", len(res.Outcomes), seen)
	}
}
