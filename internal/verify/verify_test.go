package verify

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pcapfilter"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

var (
	p1 = Place{Chassis: "hv3", Port: "sw1-p1"}
	p2 = Place{Chassis: "hv3", Port: "sw1-p2"}
)

// tcp returns a segment between two ends, ADDRESS:PORT.
func tcp(src, dst string, ttl uint8) packet.Packet {
	a, b := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return packet.Packet{EthSrc: packet.MAC{2, 0, 0, 0, 0, 1}, EthDst: packet.MAC{2, 0, 0, 0, 0, 2}, EthType: packet.EthIPv4, Proto: packet.ProtoTCP,
		TTL: ttl, TCPFlags: packet.FlagSYN, Src: a.Addr(), Dst: b.Addr(), SrcPort: a.Port(), DstPort: b.Port()}
}

const (
	client = "10.0.0.3:50000"
	vip    = "30.0.0.10:80"
	srv1   = "20.0.0.3:8080"
	srv2   = "20.0.0.4:8080"
)

// delivered is a trace of which each outcome is a packet at a place.
func delivered(sent packet.Packet, ends ...Expected) *driver.Trace {
	t := &driver.Trace{Packet: sent, Verdict: engine.Delivered}
	for _, e := range ends {
		t.Outcomes = append(t.Outcomes, driver.Outcome{Branches: []*driver.Branch{
			{Verdict: engine.Delivered, Chassis: e.Place.Chassis, Port: e.Place.Port, Packet: e.Packet}}})
	}
	return t
}

func plan(t *testing.T, tr *driver.Trace, target Place) *Plan {
	t.Helper()
	p, err := PlanOf(tr, target)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// balanced is a load balancer's packet with two possible backends.
func balanced(t *testing.T) *Plan {
	return plan(t, delivered(tcp(client, vip, 64), Expected{Place: p1, Packet: tcp(client, srv1, 63)}, Expected{Place: p2, Packet: tcp(client, srv2, 63)}), Place{})
}

func ptr(b bool) *bool { return &b }

func TestJudge(t *testing.T) {
	sent := tcp(client, srv2, 64)
	one := plan(t, delivered(sent, Expected{Place: p2, Packet: tcp(client, srv2, 63)}), p2)
	dropped := plan(t, &driver.Trace{Packet: sent, Verdict: engine.Dropped, Outcomes: []driver.Outcome{{Branches: []*driver.Branch{{Verdict: engine.Dropped}}}}}, p2)
	flood := plan(t, &driver.Trace{Packet: sent, Verdict: engine.Delivered, Outcomes: []driver.Outcome{{Branches: []*driver.Branch{
		{Verdict: engine.Delivered, Chassis: "hv3", Port: "sw1-p1", Packet: sent}, {Verdict: engine.Delivered, Chassis: "hv3", Port: "sw1-p2", Packet: sent}}}}}, Place{})
	punted := plan(t, &driver.Trace{Packet: sent, Verdict: engine.Controller, Outcomes: []driver.Outcome{{Branches: []*driver.Branch{{Verdict: engine.Controller, Chassis: "hv1"}}}}}, p2)
	flags := tcp(client, srv2, 63)
	flags.TCPFlags = packet.FlagSYN | packet.FlagACK
	for _, c := range []struct {
		name   string
		plan   *Plan
		seen   []Seen
		agrees *bool
		why    string // part of the first
	}{
		{"delivered", one, []Seen{{Place: p2, Packet: tcp(client, srv2, 63)}}, ptr(true), ""},
		{"lost", one, nil, ptr(false), "predicted at sw1-p2 on hv3, and not seen there"},
		{"elsewhere", one, []Seen{{Place: p1, Packet: tcp(client, srv2, 63)}}, ptr(false), "predicted at sw1-p2"},
		{"twice", one, []Seen{{Place: p2, Packet: tcp(client, srv2, 63)}, {Place: p1, Packet: tcp(client, srv2, 63)}}, ptr(false), "seen at sw1-p1 on hv3, and not predicted there"},
		{"another TTL", one, []Seen{{Place: p2, Packet: tcp(client, srv2, 62)}}, ptr(false), "at sw1-p2 on hv3: TTL is 62, predicted 63"},
		{"other flags", one, []Seen{{Place: p2, Packet: flags}}, ptr(false), "TCP flags is syn|ack, predicted syn"},
		{"dropped", dropped, nil, ptr(true), ""},
		{"not dropped", dropped, []Seen{{Place: p2, Packet: sent}}, ptr(false), "seen at sw1-p2 on hv3, and not predicted there"},
		{"first backend", balanced(t), []Seen{{Place: p1, Packet: tcp(client, srv1, 63)}}, ptr(true), ""},
		{"second backend", balanced(t), []Seen{{Place: p2, Packet: tcp(client, srv2, 63)}}, ptr(true), ""},
		{"both backends", balanced(t), []Seen{{Place: p1, Packet: tcp(client, srv1, 63)}, {Place: p2, Packet: tcp(client, srv2, 63)}}, ptr(false), "not predicted there"},
		{"not translated", balanced(t), []Seen{{Place: p2, Packet: tcp(client, vip, 63)}}, ptr(false), "destination is 30.0.0.10, predicted 20.0.0.4"},
		{"flood", flood, []Seen{{Place: p1, Packet: sent}, {Place: p2, Packet: sent}}, ptr(true), ""},
		{"half a flood", flood, []Seen{{Place: p2, Packet: sent}}, ptr(false), "predicted at sw1-p1"},
		{"punted", punted, nil, nil, "cannot be watched: controller on hv1"},
		{"punted, but delivered", punted, []Seen{{Place: p2, Packet: sent}}, ptr(false), "not predicted there"},
	} {
		v := c.plan.Judge(c.seen)
		switch {
		case (v.Agrees == nil) != (c.agrees == nil) || v.Agrees != nil && *v.Agrees != *c.agrees:
			t.Errorf("%s: agrees %v, want %v: %q", c.name, v.Agrees, c.agrees, v.Why)
		case c.why == "" && len(v.Why) > 0 || c.why != "" && (len(v.Why) == 0 || !strings.Contains(v.Why[0], c.why)):
			t.Errorf("%s: %q, want %q", c.name, v.Why, c.why)
		}
		if complete := c.plan.Complete(c.seen); complete && (v.Agrees == nil || !*v.Agrees && !strings.Contains(v.Why[0], "not predicted")) {
			t.Errorf("%s: complete, and %q", c.name, v.Why)
		}
	}
}

// Each header that is compared makes a difference by itself.
func TestUnlike(t *testing.T) {
	want := tcp(client, srv1, 63)
	for name, change := range map[string]func(*packet.Packet){
		"source MAC":       func(p *packet.Packet) { p.EthSrc[5]++ },
		"destination MAC":  func(p *packet.Packet) { p.EthDst[5]++ },
		"VLAN":             func(p *packet.Packet) { p.VLANs = []packet.VLAN{{VID: 7}} },
		"Ethernet type":    func(p *packet.Packet) { p.EthType = packet.EthARP },
		"source":           func(p *packet.Packet) { p.Src = p.Src.Next() },
		"destination":      func(p *packet.Packet) { p.Dst = p.Dst.Next() },
		"protocol":         func(p *packet.Packet) { p.Proto = packet.ProtoUDP },
		"TTL":              func(p *packet.Packet) { p.TTL++ },
		"TOS":              func(p *packet.Packet) { p.TOS = 8 },
		"source port":      func(p *packet.Packet) { p.SrcPort++ },
		"destination port": func(p *packet.Packet) { p.DstPort++ },
		"TCP flags":        func(p *packet.Packet) { p.TCPFlags = packet.FlagACK },
		"ICMP type":        func(p *packet.Packet) { p.ICMPType++ },
		"ICMP code":        func(p *packet.Packet) { p.ICMPCode++ },
		"ARP operation":    func(p *packet.Packet) { p.ARPOp++ },
		"ARP sender":       func(p *packet.Packet) { p.ARPSHA[0]++ },
		"ARP target":       func(p *packet.Packet) { p.ARPTHA[0]++ },
		"ND target":        func(p *packet.Packet) { p.NDTarget = p.Src },
	} {
		got := want
		change(&got)
		if diff := (Expected{Packet: want}).unlike(got); len(diff) != 1 || !strings.HasPrefix(diff[0], name+" is ") {
			t.Errorf("%s: %q", name, diff)
		}
	}
	ping := packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoICMP, ICMPType: packet.ICMPEchoRequest, HasID: true, ICMPID: 1}
	other := ping
	other.ICMPID = 2
	if diff := (Expected{Packet: ping}).unlike(other); len(diff) != 1 || !strings.HasPrefix(diff[0], "ICMP id is ") {
		t.Errorf("ICMP id: %q", diff)
	}
}

// An agreement says which ends nobody has looked at.
func TestUnwatchedEnds(t *testing.T) {
	tr := delivered(tcp(client, srv2, 64), Expected{Place: p2, Packet: tcp(client, srv2, 63)})
	tr.Outcomes[0].Branches = append(tr.Outcomes[0].Branches, &driver.Branch{Verdict: engine.Delivered, Mirror: "m1"})
	v := plan(t, tr, Place{}).Judge([]Seen{{Place: p2, Packet: tcp(client, srv2, 63)}})
	out := Result{Verdict: v}.Report(&report.Report{Warnings: []string{"first"}})
	if want := []string{"first", "not watched, and not compared: the copy of mirror m1"}; out.Agrees == nil || !*out.Agrees || !slices.Equal(out.Warnings, want) {
		t.Errorf("agrees %v, warnings %q", out.Agrees, out.Warnings)
	}
}

func TestJudgeMarksPredicted(t *testing.T) {
	seen := []Seen{{Place: p1, Packet: tcp(client, srv1, 63)}, {Place: p2, Packet: tcp(client, vip, 63)}}
	v := balanced(t).Judge(seen)
	if v.Outcome != 0 || !seen[0].Predicted || seen[1].Predicted {
		t.Errorf("outcome %d, %+v", v.Outcome, seen)
	}
}

// A port that NAT picks is not compared, nor is its entry's reply direction.
func TestUndeterminedNAT(t *testing.T) {
	tr := delivered(tcp(client, vip, 64), Expected{Place: p2, Packet: tcp("172.16.0.1:1024", srv2, 63)})
	tr.Outcomes[0].Choices = []engine.Choice{{Kind: engine.ChoiceNATPort, Chosen: "1024-65535"}}
	p := plan(t, tr, Place{})
	if v := p.Judge([]Seen{{Place: p2, Packet: tcp("172.16.0.1:33333", srv2, 63)}}); v.Agrees == nil || !*v.Agrees {
		t.Errorf("%+v", v)
	}
	if v := p.Judge([]Seen{{Place: p2, Packet: tcp("172.16.0.2:33333", srv2, 63)}}); v.Agrees == nil || *v.Agrees {
		t.Errorf("another address: %+v", v)
	}
	if f := p.Filter(); strings.Contains(f, "src port") {
		t.Error(f)
	}
}

func TestJudgeEntries(t *testing.T) {
	entry := ctstate.Entry{Zone: 7, Mark: 2,
		Orig:  ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort(client), Dst: netip.MustParseAddrPort(vip)},
		Reply: ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort(srv2), Dst: netip.MustParseAddrPort(client)}}
	other, marked, labelled := entry, entry, entry
	other.Reply.Src = netip.MustParseAddrPort(srv1)
	marked.Mark = 0
	labelled.Label.Lo = 1
	for _, c := range []struct {
		found  *ctstate.Entry
		agrees bool
		why    string
	}{
		{&entry, true, ""},
		{nil, false, "predicted, and not in the table"},
		{&other, false, "reply tcp 20.0.0.3:8080"},
		{&marked, false, "its mark is 0x0, predicted 0x2"},
		{&labelled, false, "its label is "},
	} {
		v := Verdict{Agrees: ptr(true)}
		balanced(t).JudgeEntries(&v, []Looked{{Chassis: "hv1", Predicted: entry, Found: c.found}})
		if *v.Agrees != c.agrees || c.why != "" && !strings.Contains(strings.Join(v.Why, ""), c.why) {
			t.Errorf("%+v: %v %q", c.found, *v.Agrees, v.Why)
		}
	}
}

func TestPlanOf(t *testing.T) {
	if p := balanced(t); !slices.Equal(p.Watch, []Place{p1, p2}) {
		t.Errorf("watched: %v", p.Watch)
	}
	ends := &driver.Trace{Verdict: engine.External, Outcomes: []driver.Outcome{{Branches: []*driver.Branch{
		{Verdict: engine.Rejected, Chassis: "hv1", Port: "sw0-p1"}, {Verdict: engine.External, Chassis: "hv2", Port: "eth1", Outside: true}}}}}
	if p := plan(t, ends, Place{}); !slices.Equal(p.Watch, []Place{{"hv1", "sw0-p1", false}, {"hv2", "eth1", true}}) || len(p.Outcomes[0].Hidden) > 0 {
		t.Errorf("watched: %v, hidden: %v", p.Watch, p.Outcomes[0].Hidden)
	}
	many := &driver.Trace{Verdict: engine.Delivered, Outcomes: make([]driver.Outcome, 1)}
	for i := range maxPlaces + 1 {
		many.Outcomes[0].Branches = append(many.Outcomes[0].Branches, &driver.Branch{Verdict: engine.Delivered, Port: string(rune('A' + i))})
	}
	for _, c := range []struct {
		trace *driver.Trace
		want  string
	}{
		{&driver.Trace{Verdict: engine.Unknown}, "the prediction is unknown"},
		{&driver.Trace{Verdict: engine.Dropped, Outcomes: []driver.Outcome{{Branches: []*driver.Branch{{Verdict: engine.Dropped}}}}}, "--to PORT names one"},
		{&driver.Trace{Verdict: engine.Host, Outcomes: []driver.Outcome{{Branches: []*driver.Branch{{Verdict: engine.Host, Chassis: "hv1", Port: "br-ex"}}}}}, "cannot be watched: host br-ex on hv1"},
		{many, "the packet may come out of 33 ports"},
	} {
		_, err := PlanOf(c.trace, Place{})
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Why, c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestPrepare(t *testing.T) {
	vif := driver.Start{Chassis: "hv1", Port: "sw0-p1", Via: "vif"}
	tagged, fragment, mpls, arp := tcp(client, srv1, 64), tcp(client, srv1, 64), packet.Packet{EthType: packet.EthMPLS, MPLS: []packet.MPLS{{}}},
		packet.Packet{EthType: packet.EthARP}
	tagged.VLANs, fragment.Frag = []packet.VLAN{{VID: 7}}, packet.FragFirst
	arp.Src, arp.Dst = netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("10.0.0.1")
	for _, c := range []struct {
		start driver.Start
		sent  packet.Packet
		want  string // of the error; empty: none
	}{
		{vif, tcp(client, srv1, 64), ""},
		{vif, arp, ""},
		{vif, packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoICMP, ICMPType: 8, HasID: true, Src: arp.Src, Dst: arp.Dst}, ""},
		{driver.Start{Via: "physical", Port: "ln0"}, tcp(client, srv1, 64), "ln0 has none"},
		{driver.Start{Via: "vif", Port: "c1", VLAN: 10}, tcp(client, srv1, 64), "loses the tag by which c1 is known"},
		{vif, tagged, "cannot send a tagged packet"},
		{vif, fragment, "a fragment is not sent"},
		{vif, mpls, "no MPLS labels"},
	} {
		p := &Plan{Sent: c.sent}
		err := p.Prepare(c.start)
		var e *Error
		switch {
		case c.want == "":
			if err != nil || p.Injection.Chassis != "hv1" || !strings.HasPrefix(p.Injection.Microflow, `inport == "sw0-p1" && `) {
				t.Errorf("%v: %+v, %v", c.sent, p.Injection, err)
			}
		case !errors.As(err, &e) || !strings.Contains(e.Why, c.want):
			t.Errorf("%v: %v, want %s", c.sent, err, c.want)
		}
	}
}

// The filter takes what may be the packet, and nothing else.
func TestFilter(t *testing.T) {
	p := balanced(t)
	e, err := pcapfilter.Parse(p.Filter())
	if err != nil {
		t.Fatalf("%s: %v", p.Filter(), err)
	}
	prog, err := pcapfilter.Compile(e, 1)
	if err != nil {
		t.Fatal(err)
	}
	vm, err := bpf.NewVM(prog)
	if err != nil {
		t.Fatal(err)
	}
	tagged := tcp(client, srv1, 63)
	tagged.VLANs = []packet.VLAN{{VID: 7}}
	udp := tcp(client, srv1, 63)
	udp.Proto = packet.ProtoUDP
	for _, c := range []struct {
		packet packet.Packet
		want   bool
	}{
		{tcp(client, srv1, 63), true},
		{tcp(client, srv2, 1), true},
		{tcp(client, vip, 64), true},              // not translated
		{tcp(client, "30.0.0.10:8080", 64), true}, // only its port is
		{tagged, true},
		{tcp("10.0.0.3:50001", srv1, 63), false},
		{tcp("10.0.0.4:50000", srv1, 63), false},
		{tcp(srv1, client, 64), false},
		{udp, false},
	} {
		frame, err := packettest.Encode(c.packet)
		if err != nil {
			t.Fatal(err)
		}
		n, err := vm.Run(frame)
		if err != nil || (n > 0) != c.want {
			t.Errorf("%v is %v, want %v (%v, %s)", c.packet, n > 0, c.want, err, hex.EncodeToString(frame))
		}
	}
	for _, q := range []packet.Packet{
		{EthType: packet.EthARP, Src: netip.MustParseAddr("10.0.0.3"), Dst: netip.MustParseAddr("10.0.0.1"), ARPOp: 1},
		{EthType: packet.EthIPv6, Proto: packet.ProtoICMPv6, Src: netip.MustParseAddr("fd00::1"), Dst: netip.MustParseAddr("fd00::2")},
		{EthType: 0x88cc}, {EthType: packet.EthRARP},
	} {
		p := &Plan{Sent: q}
		if _, err := pcapfilter.Parse(p.Filter()); err != nil {
			t.Errorf("%s: %v", p.Filter(), err)
		}
	}
}

// An echo request of a guest has an id; that of ovn-controller has none.
func TestOurs(t *testing.T) {
	ping := packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoICMP, ICMPType: packet.ICMPEchoRequest, HasID: true}
	other := ping
	other.ICMPID = 77
	p := plan(t, delivered(ping, Expected{Place: p2, Packet: ping}), Place{})
	if !p.Ours(ping) || p.Ours(other) || !p.Ours(tcp(client, srv1, 64)) {
		t.Error(p.Ours(ping), p.Ours(other))
	}
}

func TestIsNew(t *testing.T) {
	found := func(s ctstate.Source) *driver.Trace {
		return &driver.Trace{Hops: []*driver.Hop{{Segments: []*engine.Segment{{CT: []engine.CTStep{{}, {Result: ctstate.Result{Found: s}}}}}}}}
	}
	if !IsNew(found(ctstate.FromNone)) || !IsNew(found(ctstate.FromOverlay)) || IsNew(found(ctstate.FromKernel)) || IsNew(found(ctstate.FromUserspace)) {
		t.Error("wrong")
	}
}
