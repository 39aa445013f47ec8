package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
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

// network is a Sender: a load balancer before servers on hv2, server N at port "srvN". A test
// changes the outcomes of one step.
type network struct {
	t       *testing.T
	servers int
	change  map[string]func(p packet.Packet, o []driver.Outcome) []driver.Outcome // by label
	fail    map[string]error
	log     []string
	packets []packet.Packet
	choices [][]engine.Choice // that each packet came with
}

// with adds a step to a world, whose overlays stand for the steps before.
func with(w driver.World, label string) driver.World {
	next := driver.World{Overlays: map[string]ctstate.OverlayData{label: {}}}
	for k, v := range w.Overlays {
		next.Overlays[k] = v
	}
	return next
}

func (n *network) Send(_ context.Context, w driver.World, start driver.Start, p packet.Packet, label, direction string) (*driver.Trace, error) {
	n.packets, n.choices = append(n.packets, p), append(n.choices, start.Choices)
	n.log = append(n.log, fmt.Sprintf("%s %s from %s after %d: %v", direction, label, start.Port, len(w.Overlays), p))
	sent := &driver.Trace{Label: label, Direction: direction, Packet: p, Warnings: []string{"seen once"}}
	if err := n.fail[label]; err != nil {
		return sent, err
	}
	if direction == "reply" {
		q := p
		q.Src = vip // un-NATed
		if q.Inner != nil {
			in := *q.Inner
			in.Dst, q.Inner = vip, &in
		}
		sent.Outcomes = []driver.Outcome{{World: with(w, label), Branches: []*driver.Branch{branch(engine.Delivered, "hv1", "sw0-p1", q)}}}
	}
	for i := range n.servers {
		// An entry pins the server that the first packet was given.
		if pinned := fmt.Sprintf("server %d", i); direction == "original" && (len(w.Overlays) == 0 || has(w, pinned)) {
			q := p
			q.Dst, q.TTL, q.EthSrc, q.EthDst = backend[i], 63, packet.MAC{2, 3}, packet.MAC{2, 4, byte(i)}
			o := driver.Outcome{World: with(with(w, label), pinned), Branches: []*driver.Branch{branch(engine.Delivered, "hv2", fmt.Sprintf("srv%d", i), q)}}
			if n.servers > 1 && len(w.Overlays) == 0 {
				o.Choices = []engine.Choice{{Kind: "lb-backend", Chosen: backend[i].String(), Share: 0.5}}
			}
			sent.Outcomes = append(sent.Outcomes, o)
		}
	}
	if f := n.change[label]; f != nil {
		sent.Outcomes = f(p, sent.Outcomes)
	}
	for _, o := range sent.Outcomes {
		sent.Branches = append(sent.Branches, o.Branches...)
	}
	return sent, nil
}

func has(w driver.World, key string) bool { _, ok := w.Overlays[key]; return ok }

func (n *network) ReplyStart(_ context.Context, b *driver.Branch) (driver.Start, error) {
	if err := n.fail["reply start"]; err != nil {
		return driver.Start{}, err
	}
	return driver.Start{Chassis: b.Chassis, Port: b.Port}, nil
}

func branch(v engine.Verdict, chassis, port string, p packet.Packet) *driver.Branch {
	return &driver.Branch{Verdict: v, Packet: p, Chassis: chassis, Port: port}
}

func dropped(chassis, why string) func(packet.Packet, []driver.Outcome) []driver.Outcome {
	return func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		b := branch(engine.Dropped, chassis, "", p)
		b.Cause = &driver.Cause{Why: why}
		return []driver.Outcome{{World: o[0].World, Branches: []*driver.Branch{b}}}
	}
}

// rewrite changes the packet as it arrives.
func rewrite(f func(p *packet.Packet)) func(packet.Packet, []driver.Outcome) []driver.Outcome {
	return func(_ packet.Packet, o []driver.Outcome) []driver.Outcome {
		for i := range o {
			f(&o[i].Branches[0].Packet)
		}
		return o
	}
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

// Every backend is played to its end; the first that breaks is shown, all are listed. Where only
// some go through, the session is neither established nor broken, but unknown.
func TestAlternatives(t *testing.T) {
	n := &network{servers: 2}
	n.change = map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN-ACK": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		if p.Src == backend[1] {
			return dropped("hv2", "by ACL")(p, o)
		}
		return o
	}}
	res := play(t, n, first(packet.ProtoTCP), session.Options{})
	choice := func(i int) []engine.Choice {
		return []engine.Choice{{Kind: "lb-backend", Chosen: backend[i].String(), Share: 0.5}}
	}
	want := report.Session{Proto: "tcp", Why: "established in 1 of 2 alternatives, else broken at SYN-ACK: dropped on hv2: by ACL", Verdict: engine.Unknown, Alternatives: []report.SessionAlternative{
		{Choices: choice(0), Established: true, Verdict: engine.Delivered},
		{Choices: choice(1), BrokenAt: "SYN-ACK", Why: "dropped on hv2: by ACL", Verdict: engine.Dropped},
	}}
	if d := cmp.Diff(&want, res.Session); d != "" {
		t.Error(d)
	}
	if labels(res) != "SYN, SYN-ACK" || !res.Unknown {
		t.Errorf("shown: %s, unknown %v", labels(res), res.Unknown)
	}
	if len(n.log) != 1+3-1+1 {
		t.Errorf("sent %q", n.log)
	}

	// A session that breaks in all of them is broken.
	n.change = map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN-ACK": dropped("hv2", "by ACL")}
	res = play(t, n, first(packet.ProtoTCP), session.Options{})
	if s := res.Session; res.Unknown || s.BrokenAt != "SYN-ACK" || s.Verdict != engine.Dropped || len(s.Alternatives) != 2 {
		t.Errorf("%+v", s)
	}

	// An error in one of them: it is the one that is shown, and the session is unknown, though another
	// is broken.
	n.change = map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN-ACK": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		if p.Src == backend[0] {
			return dropped("hv2", "by ACL")(p, o)
		}
		return o
	}}
	gone := errors.New("chassis hv2 is gone")
	n.t, n.fail = t, map[string]error{"ACK": gone}
	res, err := run(t, n, entry, first(packet.ProtoTCP), session.Options{})
	if s := res.Session; !errors.Is(err, gone) || !res.Unknown || s.Established || s.BrokenAt != "ACK" || s.Why != gone.Error() || s.Verdict != engine.Unknown ||
		labels(res) != "SYN, SYN-ACK, ACK" || len(s.Alternatives) != 2 || s.Alternatives[0].Verdict != engine.Dropped {
		t.Errorf("%v: %+v, shown %s", err, s, labels(res))
	}
	// An error in the first: the second was not played.
	n.change, n.fail = nil, map[string]error{"reply start": gone}
	res, err = run(t, n, entry, first(packet.ProtoTCP), session.Options{})
	if s := res.Session; !errors.Is(err, gone) || !res.Unknown || s.BrokenAt != "SYN-ACK" || labels(res) != "SYN" || len(s.Alternatives) > 1 || res.Verdict != engine.Unknown {
		t.Errorf("%v: %+v, shown %s", err, s, labels(res))
	}

	n.change, n.fail = nil, nil
	res = play(t, n, first(packet.ProtoTCP), session.Options{})
	if !res.Session.Established || len(res.Session.Alternatives) != 2 || labels(res) != "SYN, SYN-ACK, ACK" {
		t.Errorf("%+v %s", res.Session, labels(res))
	}
}

// A reply lists the undetermined choices of the packet that it answers, with that packet's label.
func TestReplyDependsOnChoices(t *testing.T) {
	choices := []engine.Choice{{Kind: "nat-port", Chosen: "1024-65535", Share: 1}, {Kind: "lb-backend", Chosen: "20.0.0.3", Determined: true}}
	n := &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN": func(_ packet.Packet, o []driver.Outcome) []driver.Outcome {
		o[0].Branches[0].Choices = choices
		return o
	}}}
	play(t, n, first(packet.ProtoTCP), session.Options{Close: "fin"})
	want := [][]engine.Choice{nil, {{Kind: "nat-port", Chosen: "1024-65535", Share: 1, Of: "SYN"}}, nil, nil, {{Kind: "nat-port", Chosen: "1024-65535", Share: 1, Of: "SYN"}}, nil}
	if d := cmp.Diff(want, n.choices); d != "" {
		t.Error(d)
	}
}

// An alternative's entries are its own.
func TestAlternativesDoNotShareEntries(t *testing.T) {
	n := &network{servers: 2}
	res := play(t, n, first(packet.ProtoTCP), session.Options{})
	if has(res.World, "server 1") || !has(res.World, "server 0") {
		t.Errorf("world %v", res.World)
	}
}

func TestTooManyAlternatives(t *testing.T) {
	n := &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN": func(_ packet.Packet, o []driver.Outcome) []driver.Outcome {
		for len(o) < session.MaxChains+1 {
			o = append(o, o[0])
		}
		return o
	}}}
	res := play(t, n, first(packet.ProtoTCP), session.Options{})
	if res.Session.Established || !res.Unknown || !strings.Contains(res.Session.Why, "more were not") || len(n.log) > 3*session.MaxChains {
		t.Errorf("%d sent, %+v", len(n.log), res.Session)
	}
	n.change["SYN-ACK"] = dropped("hv2", "by ACL")
	if res = play(t, n, first(packet.ProtoTCP), session.Options{}); !res.Unknown || res.Session.BrokenAt != "" || !strings.Contains(res.Session.Why, "are broken") {
		t.Errorf("all that were played break: %+v", res.Session)
	}
}

// With an error the session returns what was played before.
func TestErrors(t *testing.T) {
	broken := errors.New("chassis hv2: trace: no answer")
	n := &network{servers: 1, fail: map[string]error{"SYN-ACK": broken}}
	res, err := run(t, n, entry, first(packet.ProtoTCP), session.Options{})
	if !errors.Is(err, broken) || labels(res) != "SYN, SYN-ACK" || res.Session.Established || res.Session.BrokenAt != "SYN-ACK" {
		t.Errorf("%v %+v", err, res)
	}
	n = &network{servers: 1, fail: map[string]error{"reply start": broken}}
	res, err = run(t, n, entry, first(packet.ProtoTCP), session.Options{})
	if !errors.Is(err, broken) || res.Session.Established || res.Session.BrokenAt != "SYN-ACK" || labels(res) != "SYN" {
		t.Errorf("%v %+v", err, res)
	}
}

// Settle is called after every packet that arrived, and returns the world of the next one.
func TestSettle(t *testing.T) {
	n := &network{}
	var asked []int
	res := play(t, n, first(packet.ProtoTCP), session.Options{Settle: func(_ context.Context, w driver.World) (driver.World, error) {
		asked = append(asked, len(w.Overlays))
		return driver.World{Overlays: map[string]ctstate.OverlayData{"settled": {}, "server 0": {}}}, nil
	}})
	if !res.Session.Established || len(asked) != 3 || !strings.Contains(n.log[1], "after 2") || !strings.Contains(n.log[2], "after 2") {
		t.Errorf("%+v %v %q", res.Session, asked, n.log)
	}
	broken := errors.New("no room in the table")
	n = &network{servers: 1}
	res, err := run(t, n, entry, first(packet.ProtoTCP), session.Options{Settle: func(context.Context, driver.World) (driver.World, error) {
		return driver.World{}, broken
	}})
	if !errors.Is(err, broken) || res.Session.Established {
		t.Errorf("%v %+v", err, res)
	}
}

// TestVerdict: a broken handshake has the verdict of the packet that broke it, an established one
// that of the first packet.
func TestVerdict(t *testing.T) {
	turned := func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		o[0].Branches[0].Packet.Src = client
		return o
	}
	outside := func(_ packet.Packet, o []driver.Outcome) []driver.Outcome {
		o[0].Branches[0].Verdict = engine.External
		return o
	}
	for _, c := range []struct {
		label  string
		change func(packet.Packet, []driver.Outcome) []driver.Outcome
		want   engine.Verdict
		whole  bool
	}{
		{"none", nil, engine.Delivered, true},
		{"SYN", outside, engine.External, true},
		{"SYN", dropped("hv1", "acl"), engine.Dropped, false},
		{"SYN-ACK", dropped("hv2", "acl"), engine.Dropped, false},
		{"ACK", dropped("hv2", "acl"), engine.Dropped, false},
		{"SYN-ACK", turned, engine.Delivered, false}, // delivered, and not as the client expects it
	} {
		n := &network{t: t, servers: 1, change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{c.label: c.change}}
		if c.change == nil {
			n.change = nil
		}
		res, err := run(t, n, entry, first(packet.ProtoTCP), session.Options{})
		if err != nil || res.Session.Verdict != c.want || res.Session.Established != c.whole {
			t.Errorf("%s: %v, established %v, %v; want %v, %v", c.label, res.Session.Verdict, res.Session.Established, err, c.want, c.whole)
		}
	}
	// One server of two drops: both alternatives have their own verdict.
	n := &network{t: t, servers: 2, change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{
		"SYN": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
			o[1].Branches[0].Verdict = engine.Rejected
			return o
		}}}
	res, err := run(t, n, entry, first(packet.ProtoTCP), session.Options{})
	if err != nil || len(res.Session.Alternatives) != 2 || res.Session.Verdict != engine.Unknown ||
		res.Session.Alternatives[0].Verdict != engine.Delivered || res.Session.Alternatives[1].Verdict != engine.Rejected {
		t.Errorf("alternatives: %+v, %v", res.Session, err)
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
