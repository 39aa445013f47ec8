package session_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/session"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

var (
	client  = netip.MustParseAddr("10.0.0.3")
	vip     = netip.MustParseAddr("30.0.0.10")
	backend = []netip.Addr{netip.MustParseAddr("20.0.0.3"), netip.MustParseAddr("20.0.0.4")}

	entry = driver.Start{Chassis: "hv1", Port: "sw0-p1", OFPort: 3, Via: "vif"}
)

func first(proto uint8) packet.Packet {
	p := packet.Packet{EthSrc: packet.MAC{2, 1}, EthDst: packet.MAC{2, 2}, EthType: packet.EthIPv4, Src: client, Dst: vip, Proto: proto, TTL: 64}
	switch proto {
	case packet.ProtoICMP:
		p.ICMPType, p.ICMPID, p.HasID = 8, 7, true
	default:
		p.SrcPort, p.DstPort = 1000, 80
	}
	return p
}

// played is the result of a handshake, and its report.
type played struct {
	*report.Report
	World   driver.World
	Unknown bool
}

// run plays a handshake and reports on it.
func run(t *testing.T, n *network, start driver.Start, p packet.Packet, opt session.Options) (*played, error) {
	t.Helper()
	res, err := session.Run(t.Context(), n, driver.World{}, start, p, opt)
	if res == nil {
		return nil, err
	}
	out := &played{Report: &report.Report{}, World: res.Shown().World, Unknown: res.Undetermined()}
	new(publish.Publisher).Session(t.Context(), out.Report, res)
	return out, err
}

func play(t *testing.T, n *network, p packet.Packet, opt session.Options) *played {
	t.Helper()
	n.t, n.servers = t, max(n.servers, 1)
	res, err := run(t, n, entry, p, opt)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func labels(res *played) string {
	var out []string
	for _, p := range res.Packets {
		out = append(out, p.Label)
	}
	return strings.Join(out, ", ")
}

func TestTCPEstablished(t *testing.T) {
	n := &network{}
	res := play(t, n, first(packet.ProtoTCP), session.Options{})
	want := []string{
		"original SYN from sw0-p1 after 0: tcp 10.0.0.3:1000 > 30.0.0.10:80 [syn] ttl 64",
		// The server answers what it received: its own address, the frame turned round.
		"reply SYN-ACK from srv0 after 2: tcp 20.0.0.3:80 > 10.0.0.3:1000 [syn|ack] ttl 64",
		"original ACK from sw0-p1 after 3: tcp 10.0.0.3:1000 > 30.0.0.10:80 [ack] ttl 64",
	}
	if d := cmp.Diff(want, n.log); d != "" {
		t.Error(d)
	}
	if p := n.packets[1]; p.EthSrc != (packet.MAC{2, 4}) || p.EthDst != (packet.MAC{2, 3}) {
		t.Errorf("the SYN-ACK's frame goes from %s to %s", p.EthSrc, p.EthDst)
	}
	if s := res.Session; !s.Established || s.BrokenAt != "" || s.Why != "" || s.Proto != "tcp" || s.Alternatives != nil {
		t.Errorf("%+v", s)
	}
	if labels(res) != "SYN, SYN-ACK, ACK" || len(res.World.Overlays) != 4 {
		t.Errorf("%s, world %v", labels(res), res.World)
	}
	if d := cmp.Diff([]string{"seen once"}, res.Warnings); d != "" {
		t.Error(d)
	}
}

func TestOtherProtocols(t *testing.T) {
	for _, c := range []struct {
		proto   uint8
		closing string
		want    string
	}{
		{packet.ProtoUDP, "", "request, response"},
		{packet.ProtoICMP, "", "echo request, echo reply"},
		{packet.ProtoSCTP, "", "INIT, INIT ACK, COOKIE ECHO, COOKIE ACK"},
		{packet.ProtoTCP, "none", "SYN, SYN-ACK, ACK"},
		{packet.ProtoTCP, "fin", "SYN, SYN-ACK, ACK, FIN, FIN-ACK, last ACK"},
		{packet.ProtoTCP, "rst", "SYN, SYN-ACK, ACK, RST"},
		{packet.ProtoUDP, "fin", "request, response"},
	} {
		n := &network{}
		res := play(t, n, first(c.proto), session.Options{Close: c.closing})
		if labels(res) != c.want || !res.Session.Established {
			t.Errorf("%s: %s %+v", packet.ProtoName(c.proto), labels(res), res.Session)
		}
		for i, l := range strings.Split(c.want, ", ") {
			if !strings.Contains(n.log[i], " "+l+" from ") {
				t.Errorf("step %d is %s", i, n.log[i])
			}
		}
		if c.closing == "fin" && c.proto == packet.ProtoTCP && !strings.Contains(n.log[4], "[fin|ack]") {
			t.Errorf("FIN-ACK is %s", n.log[4])
		}
		if c.closing == "rst" && !strings.Contains(n.log[3], "[rst|ack]") {
			t.Errorf("RST is %s", n.log[3])
		}
		if c.proto == packet.ProtoICMP && !strings.Contains(n.log[1], "echo reply id 7") {
			t.Errorf("echo reply is %s", n.log[1])
		}
	}
	if _, err := run(t, &network{}, entry, first(47), session.Options{}); err == nil || !strings.Contains(err.Error(), "no handshake") {
		t.Errorf("gre: %v", err)
	}
}

func TestBrokenAtEachStep(t *testing.T) {
	steps := []string{"SYN", "SYN-ACK", "ACK", "FIN", "FIN-ACK", "last ACK"}
	for i, label := range steps {
		n := &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{label: dropped("hv2", "by ACL no-"+label)}}
		res := play(t, n, first(packet.ProtoTCP), session.Options{Close: "fin"})
		want := report.Session{Proto: "tcp", BrokenAt: label, Why: "dropped on hv2: by ACL no-" + label, Verdict: engine.Dropped}
		if d := cmp.Diff(&want, res.Session); d != "" {
			t.Error(d)
		}
		if labels(res) != strings.Join(steps[:i+1], ", ") {
			t.Errorf("%s: packets %s", label, labels(res))
		}
	}
}

func TestWrongReplies(t *testing.T) {
	for name, c := range map[string]struct {
		proto  uint8
		label  string
		change func(packet.Packet, []driver.Outcome) []driver.Outcome
		why    string
	}{
		"not un-NATed": {packet.ProtoTCP, "SYN-ACK", rewrite(func(p *packet.Packet) { p.Src = backend[0] }),
			"the client asked 30.0.0.10:80 and hears from 20.0.0.3:80"},
		"wrong port": {packet.ProtoTCP, "SYN-ACK", rewrite(func(p *packet.Packet) { p.SrcPort = 8080 }),
			"the client asked 30.0.0.10:80 and hears from 30.0.0.10:8080"},
		"still for the gateway": {packet.ProtoUDP, "response", rewrite(func(p *packet.Packet) { p.Dst = netip.MustParseAddr("172.16.0.1") }),
			"it is addressed to 172.16.0.1:1000, the client is 10.0.0.3:1000"},
		"wrong identifier": {packet.ProtoICMP, "echo reply", rewrite(func(p *packet.Packet) { p.ICMPID = 8 }),
			"it has the identifier 8, the client sent 7"},
		"without ports": {packet.ProtoICMP, "echo reply", rewrite(func(p *packet.Packet) { p.Src = backend[0] }),
			"the client asked 30.0.0.10 and hears from 20.0.0.3"},
		"elsewhere": {packet.ProtoTCP, "SYN-ACK", func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
			o[0].Branches[0].Chassis, o[0].Branches[0].Port = "hv3", "other"
			return o
		}, "it ends at other on hv3 instead of the client's port sw0-p1 on hv1"},
		"nothing": {packet.ProtoTCP, "SYN-ACK", func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
			return []driver.Outcome{{World: o[0].World}}
		}, "its end is unknown"},
		"another server": {packet.ProtoTCP, "ACK", func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
			o[0].Branches[0].Port = "srv1"
			return o
		}, "it reaches srv1 on hv2, the first packet reached srv0 on hv2"},
		"another client port": {packet.ProtoTCP, "ACK", rewrite(func(p *packet.Packet) { p.SrcPort = 1001 }),
			"it arrives as tcp 10.0.0.3:1001 > 20.0.0.3:80 [ack] ttl 63, the first packet as tcp 10.0.0.3:1000 > 20.0.0.3:80 [syn] ttl 63"},
		"another address": {packet.ProtoTCP, "ACK", rewrite(func(p *packet.Packet) { p.Dst = vip }),
			"it arrives as tcp 10.0.0.3:1000 > 30.0.0.10:80 [ack] ttl 63, the first packet as tcp 10.0.0.3:1000 > 20.0.0.3:80 [syn] ttl 63"},
	} {
		t.Run(name, func(t *testing.T) {
			n := &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{c.label: c.change}}
			res := play(t, n, first(c.proto), session.Options{})
			if s := res.Session; s.Established || s.BrokenAt != c.label || s.Why != c.why {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A copy that the host's stack ignores does not reach a server.
func TestIgnoredCopy(t *testing.T) {
	n := &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		b := branch(engine.Host, "hv2", "br-ex", p)
		b.Cause, b.Ignored = &driver.Cause{Why: "not its MAC"}, true
		o[0].Branches = []*driver.Branch{b}
		return o
	}}}
	if s := play(t, n, first(packet.ProtoTCP), session.Options{}).Session; s.Established || s.BrokenAt != "SYN" || s.Why != "host on hv2: not its MAC" {
		t.Errorf("%+v", s)
	}
}

// The reason is that of the worst branch.
func TestWorstBranchIsTold(t *testing.T) {
	n := &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		r := branch(engine.Rejected, "hv1", "sw0-p1", p)
		r.Cause = &driver.Cause{Why: "reset"}
		u := branch(engine.Unknown, "hv3", "", p)
		u.Cause = &driver.Cause{Why: "cut short"}
		o[0].Branches = []*driver.Branch{r, u}
		return o
	}}}
	if s := play(t, n, first(packet.ProtoTCP), session.Options{}).Session; s.BrokenAt != "SYN" || s.Why != "unknown on hv3: cut short" {
		t.Errorf("%+v", s)
	}
}

// A reply that is flooded arrives at the client among others.
func TestFloodedReplyArrives(t *testing.T) {
	n := &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN-ACK": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		here := o[0].Branches[0]
		o[0].Branches = []*driver.Branch{branch(engine.Delivered, "hv3", "other", p), here, branch(engine.Dropped, "hv2", "", p)}
		return o
	}}}
	if s := play(t, n, first(packet.ProtoTCP), session.Options{}).Session; !s.Established {
		t.Errorf("%+v", s)
	}
}

// An echo to a router is answered by OVN itself: the first packet's own end is the reply.
func TestAnsweredByOVN(t *testing.T) {
	n := &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"echo request": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		o[0].Branches[0] = branch(engine.Delivered, "hv1", "sw0-p1", session.Reply(p))
		return o
	}}}
	res := play(t, n, first(packet.ProtoICMP), session.Options{})
	if !res.Session.Established || labels(res) != "echo request" || len(n.log) != 1 {
		t.Errorf("%+v %s %q", res.Session, labels(res), n.log)
	}
	// A hairpin is not an answer: it comes back to the same port as a request.
	n = &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		q := p
		q.Src, q.Dst = vip, client
		q.DstPort = 80
		o[0].Branches[0] = branch(engine.Delivered, "hv1", "sw0-p1", q)
		return o
	}}}
	play(t, n, first(packet.ProtoTCP), session.Options{})
	if len(n.log) < 2 || !strings.HasPrefix(n.log[1], "reply SYN-ACK from sw0-p1") {
		t.Errorf("%q", n.log)
	}
}

// TestBegins: a packet that begins no handshake is refused; a warning names what is ignored.
func TestBegins(t *testing.T) {
	arp := packet.Packet{EthType: packet.EthARP, ARPOp: 1, Src: client, Dst: vip}
	later := first(packet.ProtoUDP)
	later.Frag = packet.FragLater
	unreachable := first(packet.ProtoICMP)
	unreachable.ICMPType, unreachable.HasID = 3, false
	ack := first(packet.ProtoTCP)
	ack.TCPFlags = 0x10
	for _, c := range []struct {
		p          packet.Packet
		closing    string
		want, warn string
	}{
		{arp, "", "no handshake is known for arp", ""},
		{later, "", "a later fragment begins no handshake", ""},
		{unreachable, "", "a session begins with a request", ""},
		{first(47), "", "no handshake is known for protocol", ""},
		{ack, "", "", "a session begins with a SYN"},
		{first(packet.ProtoUDP), "rst", "", "only TCP is closed by rst, the session is udp"},
		{first(packet.ProtoTCP), "rst", "", ""},
	} {
		res, err := run(t, &network{t: t, servers: 1}, entry, c.p, session.Options{Close: c.closing})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: %v, want %s", c.p, err, c.want)
			}
			continue
		}
		if err != nil || !strings.Contains(strings.Join(res.Warnings, "; "), c.warn) {
			t.Errorf("%v: %v, warnings %q, want %q", c.p, err, res.Warnings, c.warn)
		}
	}
}

// A client on a provider network hears an answer that leaves for its MAC by that network, on its
// VLAN, whichever chassis it leaves by.
func TestClientOutside(t *testing.T) {
	outside := driver.Start{Chassis: "hv2", Port: "ln-public", OFPort: 1, Via: "physical", Network: "physnet1", VLAN: 200}
	for _, c := range []struct {
		name   string
		change func(b *driver.Branch)
		why    string
	}{
		{"answered", func(*driver.Branch) {}, ""},
		{"for another MAC", func(b *driver.Branch) { b.Packet.EthDst[5]++ }, "it leaves by eth1 on hv3 for 02:01:00:00:00:01, the client is 02:01:00:00:00:00 on provider network physnet1"},
		{"by another network", func(b *driver.Branch) { b.Network = "physnet2" }, "it leaves by eth1 on hv3"},
		{"on another VLAN", func(b *driver.Branch) { b.Packet.VLANs = nil }, "it leaves by eth1 on hv3"},
		{"into OVN", func(b *driver.Branch) { b.Verdict, b.Chassis, b.Port = engine.Delivered, "hv1", "sw0-p1" }, "it ends at sw0-p1 on hv1 instead of the client's port ln-public on hv2"},
	} {
		n := &network{t: t, servers: 1, change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{
			"SYN-ACK": func(_ packet.Packet, o []driver.Outcome) []driver.Outcome {
				b := o[0].Branches[0]
				b.Verdict, b.Chassis, b.Port, b.Network = engine.External, "hv3", "eth1", "physnet1"
				b.Packet.VLANs, b.Packet.EthDst = []packet.VLAN{{TPID: packet.EthVLAN, VID: 200}}, packet.MAC{2, 1}
				c.change(b)
				return o
			},
		}}
		res, err := run(t, n, outside, first(packet.ProtoTCP), session.Options{})
		if err != nil || res.Session.Established != (c.why == "") || !strings.Contains(res.Session.Why, c.why) {
			t.Errorf("%s: %v %+v", c.name, err, res.Session)
		}
	}
}
