package publish

import (
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestAnswers checks which packets are the answers that OVN gives.
func TestAnswers(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("10.0.0.1")
	x, y := netip.MustParseAddr("fd00::3"), netip.MustParseAddr("fd00::1")
	arp := func(op uint16, src, dst netip.Addr) packet.Packet {
		return packet.Packet{EthType: packet.EthARP, ARPOp: op, Src: src, Dst: dst}
	}
	icmp := func(typ uint8, src, dst netip.Addr) packet.Packet {
		p := packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoICMP, ICMPType: typ, Src: src, Dst: dst}
		if src.Is6() {
			p.EthType, p.Proto = packet.EthIPv6, packet.ProtoICMPv6
		}
		return p
	}
	nd := func(typ uint8, target netip.Addr) packet.Packet {
		p := icmp(typ, x, y)
		p.NDTarget = target
		return p
	}
	udp := func(src, dst netip.Addr, sport, dport uint16) packet.Packet {
		return packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoUDP, Src: src, Dst: dst, SrcPort: sport, DstPort: dport}
	}
	for _, c := range []struct {
		name             string
		question, answer packet.Packet
		want             bool
	}{
		{"ARP", arp(1, a, b), arp(2, b, a), true},
		{"gratuitous ARP", arp(1, a, a), arp(2, a, a), true},
		{"the request itself", arp(1, a, b), arp(1, a, b), false},
		{"another's ARP", arp(1, a, b), arp(2, a, a), false},
		{"a reply that came", arp(2, a, b), arp(2, a, b), false},
		{"echo", icmp(8, a, b), icmp(0, b, a), true},
		{"echo to itself", icmp(8, a, b), icmp(8, b, a), false},
		{"IPv6 echo", icmp(128, x, y), icmp(129, y, x), true},
		{"ND", nd(135, y), nd(136, y), true},
		{"ND of another", nd(135, y), nd(136, x), false},
		{"router", icmp(133, x, y), icmp(134, y, x), true},
		{"DHCP", udp(a, b, 68, 67), udp(b, a, 67, 68), true},
		{"DNS", udp(a, b, 4000, 53), udp(b, a, 53, 4000), true},
		{"a hairpin's DNS", udp(a, b, 53, 53), udp(b, a, 53, 53), false},
		{"other UDP", udp(a, b, 4000, 54), udp(b, a, 54, 4000), false},
	} {
		if got := answers(c.question, c.answer); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestAnsweredByOVN checks the reason of a packet that OVN answers.
func TestAnsweredByOVN(t *testing.T) {
	addr := netip.MustParseAddr("10.0.0.50")
	question := packet.Packet{EthType: packet.EthARP, ARPOp: 1, Src: addr, Dst: addr}
	answer := question
	answer.ARPOp = 2
	p := named(t)
	const text = "OVN answers it itself (ls_in_arp_rsp of sw0)"
	for _, c := range []struct {
		name    string
		source  string
		port    string
		verdict engine.Verdict
		more    bool
		want    string
	}{
		{"gratuitous", "10.0.0.50", "sw0-p1", engine.Delivered, false, text + ", and no other port sees it or learns the address from this gratuitous ARP"},
		{"a request", "10.0.0.3", "sw0-p1", engine.Delivered, false, text + ", and no other port sees it"},
		{"of an outside host", "10.0.0.3", "ln", engine.External, false, text + ", and no other port sees it"},
		{"with a copy", "10.0.0.3", "sw0-p1", engine.Delivered, true, text},
		{"at another port", "10.0.0.3", "sw0-p2", engine.Delivered, false, ""},
		{"dropped", "10.0.0.3", "sw0-p1", engine.Dropped, false, ""},
	} {
		q := question
		q.Src = netip.MustParseAddr(c.source)
		b := &driver.Branch{Verdict: c.verdict, Chassis: "hv1", Port: c.port, Packet: answer, Way: []driver.Step{{}}}
		if c.verdict == engine.Dropped {
			b.Cause = &driver.Cause{Chassis: "hv1", Why: "lost"}
		}
		tr := traced(q, b, hit(8, 0, 0), hit(27, 50, 2), hit(28, 0, 0))
		if c.more {
			tr.Branches = append(tr.Branches, &driver.Branch{Verdict: engine.Delivered})
		}
		r := packetOf(t, p, tr).Branches[0].Reason
		switch {
		case c.want == "" && r != nil && r.Text != "lost", c.want != "" && (r == nil || r.Text != c.want):
			t.Errorf("%s: %+v, want %q", c.name, r, c.want)
		case c.want != "" && (r.Code != report.CodeAnsweredByOVN || r.Stage != "ls_in_arp_rsp" || *r.Table != 27 || r.Cookie != "0x2" || r.LogicalFlow == nil || r.LogicalFlow.Datapath != "sw0"):
			t.Errorf("%s: %+v", c.name, r)
		}
	}
	// A packet that OVN sends beside the traced one is not an answer to it, nor is a mirror's copy.
	aside := &driver.Branch{Verdict: engine.Delivered, Chassis: "hv1", Port: "sw0-p1", Packet: answer}
	copied := *aside
	copied.Mirror = "m1"
	tr := traced(question, &copied)
	tr.Asides = []*driver.Branch{aside}
	if out := packetOf(t, p, tr); out.Branches[0].Reason != nil || out.Generated[0].Reason != nil {
		t.Errorf("%+v, %+v", out.Branches[0].Reason, out.Generated[0].Reason)
	}
}
