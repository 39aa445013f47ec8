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

// captured makes an exchange of the client with vip out of words: ">syn", "<syn-ack"; "<backend"
// and "<error" are a SYN-ACK from the first backend's own address and port unreachable.
func captured(proto uint8, words ...string) []session.Captured {
	var out []session.Captured
	for i, w := range words {
		p := first(proto)
		c := session.Captured{Frame: 2*i + 1, Reply: w[0] == '<'}
		if c.Reply {
			p.EthSrc, p.EthDst, p.Src, p.Dst, p.SrcPort, p.DstPort, p.TTL = p.EthDst, p.EthSrc, p.Dst, p.Src, p.DstPort, p.SrcPort, 63
		}
		p.Length = 60
		switch w[1:] {
		case "syn":
			p.TCPFlags = packet.FlagSYN
		case "syn-ack":
			p.TCPFlags = packet.FlagSYN | packet.FlagACK
		case "backend":
			p.TCPFlags, p.Src = packet.FlagSYN|packet.FlagACK, backend[0]
		case "ack":
			p.TCPFlags = packet.FlagACK
		case "data":
			p.TCPFlags = packet.FlagACK | packet.FlagPSH
		case "big":
			p.TCPFlags, p.Length = packet.FlagACK, 9000
		case "fin":
			p.TCPFlags = packet.FlagACK | packet.FlagFIN
		case "rst":
			p.TCPFlags = packet.FlagRST | packet.FlagACK
		case "reply":
			p.ICMPType = 0
		case "other":
			p.ICMPType, p.ICMPID = 0, 8
		case "error", "expired":
			p.Inner = &packet.Inner{Proto: proto, Src: client, Dst: vip, SrcPort: 1000, DstPort: 80}
			p.Proto, p.SrcPort, p.DstPort, p.ICMPType, p.ICMPCode = packet.ProtoICMP, 0, 0, 3, 3
			if w == "<expired" {
				p.ICMPType, p.ICMPCode = 11, 0
			}
		}
		c.Packet = p
		out = append(out, c)
	}
	return out
}

// replayed is a replay's report and result.
type replayed struct {
	*report.Report
	*session.Result
	err error
}

func replay(t *testing.T, n *network, exchange []session.Captured) replayed {
	t.Helper()
	n.t, n.servers = t, max(n.servers, 1)
	res, err := session.Replay(t.Context(), n, driver.World{}, entry, exchange, session.Options{})
	r := replayed{&report.Report{}, res, err}
	new(publish.Publisher).Session(t.Context(), r.Report, res)
	return r
}

// text returns the packets with frames and differences, in a line each, and the warnings.
func (r replayed) text() string {
	var out []string
	for _, p := range r.Packets {
		line := fmt.Sprintf("%s %d", p.Label, p.Frame)
		if p.Differs != "" {
			line += ": " + p.Differs
		}
		out = append(out, line)
	}
	for _, w := range r.Warnings {
		if w != "seen once" {
			out = append(out, "! "+w)
		}
	}
	if r.Undetermined() {
		out = append(out, "not determined")
	}
	return strings.Join(out, "\n")
}

type changes map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome

// atClient ends a packet at the client's port, as OVN's own answer from an address.
func byOVN(from netip.Addr) func(packet.Packet, []driver.Outcome) []driver.Outcome {
	return func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		p.Src, p.Dst, p.ICMPType = from, p.Src, 0
		return []driver.Outcome{{World: o[0].World, Branches: []*driver.Branch{branch(engine.Delivered, "hv1", "sw0-p1", p)}}}
	}
}

func ending(v engine.Verdict) func(packet.Packet, []driver.Outcome) []driver.Outcome {
	return func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		b := branch(v, "hv1", "", p)
		b.Cause = &driver.Cause{Why: "a rule"}
		return []driver.Outcome{{World: o[0].World, Branches: []*driver.Branch{b}}}
	}
}

func TestReplay(t *testing.T) {
	const tcp, udp, icmp = packet.ProtoTCP, packet.ProtoUDP, packet.ProtoICMP
	elsewhere := func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		o[0].Branches[0].Port = "sw0-p9"
		return o
	}
	for _, c := range []struct {
		name   string
		proto  uint8
		words  string
		change changes
		want   string
		broken string
	}{
		{"handshake", tcp, ">syn <syn-ack >ack", nil, "SYN 1\nSYN-ACK 3\nACK 5", ""},
		{"connection", tcp, ">syn <syn-ack >ack >data <ack <data >fin <fin >ack", nil,
			"SYN 1\nSYN-ACK 3\nACK 5\nACK (frame 9) 9\nFIN 13\nFIN-ACK 15\n! 3 packets of the connection have the headers of an earlier one, and are not traced again", ""},
		{"joined", tcp, ">syn <syn-ack >ack >big", nil,
			"SYN 1\nSYN-ACK 3\nACK 5\n! 1 packets of the connection have the headers of an earlier one, and are not traced again\n" +
				"! 1 tcp packets are longer than 1500 bytes, as offloading leaves them: their length is not used", ""},
		{"retransmission", tcp, ">syn >syn <syn-ack", nil, "SYN 1\nSYN (frame 3) 3\nSYN-ACK 5", ""},
		{"from another address", tcp, ">syn <backend >ack", nil,
			"SYN 1\nSYN-ACK 3: the capture has it from 20.0.0.3:80; predicted: from 30.0.0.10:80", "SYN-ACK"},
		{"NAT is not undone", tcp, ">syn <syn-ack", changes{"SYN-ACK": rewrite(func(p *packet.Packet) { p.Src = backend[0] })},
			"SYN 1\nSYN-ACK 3: the capture has it from 30.0.0.10:80; predicted: from 20.0.0.3:80", "SYN-ACK"},
		{"as captured: NAT is not undone", tcp, ">syn <backend", changes{"SYN-ACK": rewrite(func(p *packet.Packet) { p.Src = backend[0] })},
			"SYN 1\nSYN-ACK 3", ""},
		{"to another port", tcp, ">syn <syn-ack", changes{"SYN-ACK": rewrite(func(p *packet.Packet) { p.DstPort = 9 })},
			"SYN 1\nSYN-ACK 3: the capture has it to 10.0.0.3:1000; predicted: to 10.0.0.3:9", "SYN-ACK"},
		{"answered though dropped", tcp, ">syn <syn-ack >ack", changes{"SYN": dropped("hv1", "a rule")},
			"SYN 1: frame 3 answers it; predicted: dropped on hv1: a rule", "SYN"},
		{"reset though dropped", tcp, ">syn <rst", changes{"SYN": dropped("hv1", "a rule")},
			"SYN 1: frame 3 is a reset; predicted: dropped on hv1: a rule", "SYN"},
		{"answered though rejected", tcp, ">syn <syn-ack", changes{"SYN": ending(engine.Rejected)},
			"SYN 1: frame 3 answers it; predicted: rejected on hv1: a rule", "SYN"},
		{"rejected", tcp, ">syn <rst", changes{"SYN": ending(engine.Rejected)}, "SYN 1", "SYN"},
		{"rejected by an error", udp, ">request <error", changes{"request": ending(engine.Rejected)}, "request 1", "request"},
		{"expired", udp, ">request <expired", changes{"request": ending(engine.Controller)}, "request 1", "request"},
		{"expired though delivered", udp, ">request <expired", nil, "request 1\nicmp error 3", ""},
		{"lost, then answered", tcp, ">syn >syn <syn-ack", changes{"SYN": ending(engine.Controller)}, "SYN 1\nSYN (frame 3) 3\nSYN-ACK 5", "SYN"},
		{"reset", tcp, ">syn <rst", nil,
			"SYN 1\nRST 3: it is a reset; predicted: SYN is delivered, so that its receiver (srv0 on hv2) has refused it", "RST"},
		{"reset later", tcp, ">syn <syn-ack >ack <rst", nil, "SYN 1\nSYN-ACK 3\nACK 5\nRST 7", ""},
		{"refused", udp, ">request <error", nil,
			"request 1\nicmp error 3: it is an icmp error (type 3 code 3) about it; predicted: request is delivered, so that its receiver (srv0 on hv2) has refused it", "icmp error"},
		{"reply dropped", tcp, ">syn <syn-ack", changes{"SYN-ACK": dropped("hv2", "a rule")},
			"SYN 1\nSYN-ACK 3: the capture has it; predicted: dropped on hv2: a rule", "SYN-ACK"},
		{"reply elsewhere", tcp, ">syn <syn-ack", changes{"SYN-ACK": elsewhere},
			"SYN 1\nSYN-ACK 3: the capture has it; predicted: it ends at sw0-p9 on hv1 instead of the client's port sw0-p1 on hv1", "SYN-ACK"},
		{"unknown", tcp, ">syn <syn-ack", changes{"SYN": ending(engine.Unknown)}, "SYN 1\nnot determined", "SYN"},
		{"unknown reply", tcp, ">syn <syn-ack", changes{"SYN-ACK": ending(engine.Unknown)}, "SYN 1\nSYN-ACK 3\nnot determined", "SYN-ACK"},
		{"from the middle", tcp, "<data >ack <data", nil, "ACK 3\ndata (frame 5) 5\n! frame 1: not compared, the capture has nothing that it could answer", ""},
		{"udp", udp, ">request <response", nil, "request 1\nresponse 3", ""},
		{"ping", icmp, ">request <reply", nil, "echo request 1\necho reply 3", ""},
		{"another id", icmp, ">request <other", nil, "echo request 1\necho reply 3: the capture has it with identifier 8; predicted: with identifier 7", "echo reply"},
		{"answered by OVN", icmp, ">request <reply", changes{"echo request": byOVN(vip)}, "echo request 1", ""},
		{"not answered by OVN", icmp, ">request <other", changes{"echo request": byOVN(vip)},
			"echo request 1: frame 3 with identifier 8; predicted: OVN's own answer with identifier 7", "echo request"},
	} {
		r := replay(t, &network{change: c.change}, captured(c.proto, strings.Fields(c.words)...))
		if r.err != nil {
			t.Errorf("%s: %v", c.name, r.err)
		}
		if d := cmp.Diff(c.want, r.text()); d != "" {
			t.Errorf("%s: -want +got\n%s", c.name, d)
		}
		if r.Session.BrokenAt != c.broken || r.Session.Established != (c.broken == "") {
			t.Errorf("%s: %+v", c.name, r.Session)
		}
	}
}

// TestReplaySends: each packet is sent over the entries of those before it; a reply has the flags
// of the captured one and the addresses of the packet that it answers.
func TestReplaySends(t *testing.T) {
	n := &network{}
	exchange := captured(packet.ProtoTCP, ">syn", "<syn-ack", ">ack", "<error")
	exchange[1].Packet.TOS, exchange[1].Packet.Length = 8, 700
	replay(t, n, exchange)
	if p := n.packets[1]; p.TOS != 8 || p.Length != 700 {
		t.Errorf("the reply has TOS %d and %d bytes", p.TOS, p.Length)
	}
	want := []string{
		"original SYN from sw0-p1 after 0: tcp 10.0.0.3:1000 > 30.0.0.10:80 [syn] ttl 64",
		"reply SYN-ACK from srv0 after 2: tcp 20.0.0.3:80 > 10.0.0.3:1000 [syn|ack] ttl 64",
		"original ACK from sw0-p1 after 3: tcp 10.0.0.3:1000 > 30.0.0.10:80 [ack] ttl 64",
		"reply icmp error from srv0 after 4: icmp 20.0.0.3 > 10.0.0.3 type 3 code 3 about tcp 10.0.0.3:1000 > 20.0.0.3:80 ttl 64",
	}
	if d := cmp.Diff(want, n.log); d != "" {
		t.Error(d)
	}
	// An error of a router on the way keeps its address.
	n = &network{}
	list := captured(packet.ProtoTCP, ">syn", "<expired")
	list[1].Packet.Src = netip.MustParseAddr("20.0.0.1")
	replay(t, n, list)
	if want := "reply icmp error from srv0 after 2: icmp 20.0.0.1 > 10.0.0.3 type 11 about tcp 10.0.0.3:1000 > 20.0.0.3:80 ttl 64"; n.log[1] != want {
		t.Errorf("got %s", n.log[1])
	}
}

// TestReplayAlternatives: an undetermined choice is followed until an alternative agrees; the one
// that agrees longest is shown where none does.
func TestReplayAlternatives(t *testing.T) {
	ofServer := func(i int, v func(packet.Packet, []driver.Outcome) []driver.Outcome) func(packet.Packet, []driver.Outcome) []driver.Outcome {
		return func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
			if p.Src == backend[i] {
				return v(p, o)
			}
			return o
		}
	}
	words := []string{">syn", "<syn-ack", ">ack"}
	n := &network{servers: 2, change: changes{"SYN-ACK": ofServer(0, dropped("hv2", "a rule"))}}
	r := replay(t, n, captured(packet.ProtoTCP, words...))
	if r.text() != "SYN 1\nSYN-ACK 3\nACK 5" || !r.Session.Established || r.Shown().Choices[0].Chosen != backend[1].String() || r.Session.Alternatives != nil {
		t.Errorf("%s: %+v", r.text(), r.Session)
	}
	n = &network{servers: 2}
	if replay(t, n, captured(packet.ProtoTCP, words...)); len(n.log) != 3 {
		t.Errorf("the second alternative was followed although the first agrees: %q", n.log)
	}
	// The first differs at once, the second later.
	n = &network{servers: 2, change: changes{"SYN-ACK": ofServer(0, dropped("hv2", "a rule")), "data": ofServer(1, dropped("hv2", "another rule"))}}
	r = replay(t, n, captured(packet.ProtoTCP, ">syn", "<syn-ack", ">ack", "<data"))
	if want := "SYN 1\nSYN-ACK 3\nACK 5\ndata 7: the capture has it; predicted: dropped on hv2: another rule"; r.text() != want {
		t.Errorf("got %s", r.text())
	}
	// One differs, of the other an end is unknown: it may agree.
	n = &network{servers: 2, change: changes{"SYN-ACK": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		if p.Src == backend[0] {
			return dropped("hv2", "a rule")(p, o)
		}
		return ending(engine.Unknown)(p, o)
	}}}
	if r = replay(t, n, captured(packet.ProtoTCP, words...)); r.text() != "SYN 1\nSYN-ACK 3\nnot determined" {
		t.Errorf("got %s", r.text())
	}
}

func TestReplayErrors(t *testing.T) {
	for _, label := range []string{"SYN", "SYN-ACK", "reply start"} {
		err := errors.New("no way")
		r := replay(t, &network{fail: map[string]error{label: err}}, captured(packet.ProtoTCP, ">syn", "<syn-ack"))
		if !errors.Is(r.err, err) || r.Session.Why != "no way" {
			t.Errorf("%s: %v, %+v", label, r.err, r.Session)
		}
	}
}

// TestReplayAtServer: a capture where the connection arrives is compared there; what is sent there
// is sent as captured, and is known to arrive only where the client goes on.
func TestReplayAtServer(t *testing.T) {
	for _, c := range []struct {
		name, words string
		change      changes
		seen        netip.Addr // the server's address in the capture
		want        string
		broken      string
	}{
		{"agrees", ">syn <syn-ack >ack", nil, backend[0], "SYN 1\nSYN-ACK 3\nACK 5", ""},
		{"dropped", ">syn <syn-ack", changes{"SYN": dropped("hv1", "a rule")}, backend[0], "SYN 1: the capture has it; predicted: dropped on hv1: a rule", "SYN"},
		{"another server", ">syn <syn-ack", nil, backend[1],
			"SYN 1: the capture has it to 20.0.0.4:80; predicted: to 20.0.0.3:80", "SYN"},
		{"the answer is lost", ">syn <syn-ack >syn <syn-ack", changes{"SYN-ACK": dropped("hv2", "a rule"), "SYN-ACK (frame 7)": dropped("hv2", "a rule")}, backend[0],
			"SYN 1\nSYN-ACK 3\nSYN (frame 5) 5\nSYN-ACK (frame 7) 7", "SYN-ACK"},
		{"the answer is not lost", ">syn <syn-ack >ack", changes{"SYN-ACK": dropped("hv2", "a rule")}, backend[0],
			"SYN 1\nSYN-ACK 3: frame 5 goes on after it; predicted: dropped on hv2: a rule", "SYN-ACK"},
		{"the answer is changed", ">syn <syn-ack >ack", changes{"SYN-ACK": rewrite(func(p *packet.Packet) { p.Src = backend[0] })}, backend[0],
			"SYN 1\nSYN-ACK 3: frame 5 goes on after it; predicted: the client asked 30.0.0.10:80 and hears from 20.0.0.3:80", "SYN-ACK"},
		{"the second arrives", ">syn <syn-ack <syn-ack >ack", changes{"SYN-ACK": dropped("hv2", "a rule")}, backend[0],
			"SYN 1\nSYN-ACK 3\nSYN-ACK (frame 5) 5\nACK 7", "SYN-ACK"},
		{"unknown", ">syn <syn-ack >ack", changes{"SYN-ACK": ending(engine.Unknown)}, backend[0], "SYN 1\nSYN-ACK 3\nnot determined", "SYN-ACK"},
	} {
		list := captured(packet.ProtoTCP, strings.Fields(c.words)...)
		for i := range list {
			p := list[i].Packet
			if list[i].Reply {
				list[i].Packet.Src, list[i].Packet.TOS = c.seen, 4
				continue
			}
			p.Dst, p.TTL = c.seen, 63
			list[i].Arrived = &p
		}
		n := &network{change: c.change}
		r := replay(t, n, list)
		if d := cmp.Diff(c.want, r.text()); d != "" || r.err != nil {
			t.Errorf("%s: %v: -want +got\n%s", c.name, r.err, d)
		}
		if r.Session.BrokenAt != c.broken || r.Session.Established != (c.broken == "") {
			t.Errorf("%s: %+v", c.name, r.Session)
		}
		if len(n.packets) > 1 && n.packets[1].Src == c.seen && n.packets[1].TOS != 4 {
			t.Errorf("%s: the answer is not sent as captured: %v", c.name, n.packets[1])
		}
	}
}

// A replay settles each packet's entries, and a reply lists the choices of the packet that it
// answers, as a session does.
func TestReplaySettlesAndDepends(t *testing.T) {
	choices := []engine.Choice{{Kind: "nat-port", Chosen: "1024-65535", Share: 1}}
	n := &network{t: t, servers: 1, change: changes{"SYN": func(_ packet.Packet, o []driver.Outcome) []driver.Outcome {
		o[0].Branches[0].Choices = choices
		return o
	}}}
	settled := 0
	opt := session.Options{Settle: func(context.Context, driver.World) (driver.World, error) {
		settled++
		return driver.World{Overlays: map[string]ctstate.OverlayData{"settled": {}, "server 0": {}}}, nil
	}}
	exchange := captured(packet.ProtoTCP, ">syn", "<syn-ack", ">ack")
	if _, err := session.Replay(t.Context(), n, driver.World{}, entry, exchange, opt); err != nil || settled != 3 || !strings.Contains(n.log[2], "after 2") {
		t.Errorf("settled %d times, %v: %q", settled, err, n.log)
	}
	want := [][]engine.Choice{nil, {{Kind: "nat-port", Chosen: "1024-65535", Share: 1, Of: "SYN"}}, nil}
	if d := cmp.Diff(want, n.choices); d != "" {
		t.Error(d)
	}
	full := errors.New("no room in the table")
	opt.Settle = func(context.Context, driver.World) (driver.World, error) { return driver.World{}, full }
	if _, err := session.Replay(t.Context(), n, driver.World{}, entry, exchange, opt); !errors.Is(err, full) {
		t.Error(err)
	}
}
