package microflow

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/capture"
)

// TestFillFrame: what a frame does not have is what the port sends with, and a note says so; what
// it has is not changed.
func TestFillFrame(t *testing.T) {
	whole, err := made("--to 10.0.0.5:80/tcp")
	if err != nil {
		t.Fatal(err)
	}
	ack := whole.Packet
	ack.TCPFlags, ack.TTL = packet.FlagACK, 7
	bare := ack
	bare.EthSrc, bare.EthDst = packet.MAC{}, packet.MAC{}
	other := ack
	other.EthSrc, other.EthDst = packet.MAC{2, 2}, packet.MAC{2, 3}
	echo := packet.Packet{EthSrc: packet.MAC{2, 2}, EthDst: packet.MAC{2, 3}, EthType: packet.EthIPv4, Proto: packet.ProtoICMP, ICMPType: 8,
		Src: ack.Src, Dst: ack.Dst, TTL: 9}
	arp := packet.Packet{EthType: packet.EthARP, ARPOp: 2, ARPSHA: packet.MAC{2, 2}, ARPTHA: packet.MAC{2, 3}, Src: ack.Src, Dst: ack.Dst}
	cut := func(what string, l packet.Lack) *packet.CutError {
		return &packet.CutError{Have: 46, What: what, Lacks: l}
	}
	for _, c := range []struct {
		name  string
		frame capture.Frame
		want  func(p *packet.Packet)
		notes []string
	}{
		{"ethernet", capture.Frame{Packet: other, Link: "Ethernet"}, func(*packet.Packet) {}, nil},
		{"raw", capture.Frame{Packet: bare, Link: "raw IP", NoSrc: true, NoDst: true},
			func(p *packet.Packet) { p.EthSrc, p.EthDst = vm1().MAC, hop },
			[]string{"raw IP has no Ethernet addresses: eth.src 0a:00:00:00:00:01 and eth.dst 0a:00:00:00:00:fe are what vm1 sends with"}},
		{"cooked", capture.Frame{Packet: other, Link: "Linux cooked v2", NoDst: true, Interface: "ifindex 4", Comments: []string{"one", "two"}},
			func(p *packet.Packet) { p.EthDst = hop },
			[]string{"captured on ifindex 4 (Linux cooked v2)", "comment: one", "comment: two",
				"Linux cooked v2 has no Ethernet destination: eth.dst 0a:00:00:00:00:fe is what vm1 sends with"}},
		{"source", capture.Frame{Packet: other, Link: "nflog", NoSrc: true}, func(p *packet.Packet) { p.EthSrc = vm1().MAC },
			[]string{"nflog has no Ethernet source: eth.src 0a:00:00:00:00:01 is what vm1 sends with"}},
		{"arp", capture.Frame{Packet: arp, Link: "Linux cooked v1", NoSrc: true, NoDst: true},
			func(p *packet.Packet) { p.EthSrc, p.EthDst = vm1().MAC, packet.MAC{2, 3} },
			[]string{"Linux cooked v1 has no Ethernet addresses: eth.src 0a:00:00:00:00:01 and eth.dst 02:03:00:00:00:00 are what vm1 sends with"}},
		{"cut flags", capture.Frame{Packet: func() packet.Packet { p := other; p.TCPFlags = 0; return p }(), Cut: cut("tcp header", packet.LackTCPFlags)},
			func(p *packet.Packet) { p.TCPFlags = packet.FlagSYN },
			[]string{"the capture cut it at 46 bytes, within the tcp header: tcp flags are missing, and taken as syn"}},
		{"cut id", capture.Frame{Packet: echo, Cut: cut("icmp header", packet.LackICMPID)},
			func(p *packet.Packet) { p.ICMPID, p.HasID, p.IDChosen = DefaultICMPID, true, true },
			[]string{"the capture cut it at 46 bytes, within the icmp header: the icmp id is missing, and taken as 1"}},
		{"cut harmlessly", capture.Frame{Packet: other, Cut: cut("udp header", 0)}, func(*packet.Packet) {},
			[]string{"the capture cut it at 46 bytes, within the udp header: nothing that a trace uses is missing"}},
	} {
		c.frame.File, c.frame.Number = "x.pcap", 3
		mf := FromFrame(c.frame)
		if err := Fill(&mf, vm1(), Destination{}, FillOptions{NextHop: hop}); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		want := c.frame.Packet
		c.want(&want)
		if d := cmp.Diff(want.String()+want.EthSrc.String()+want.EthDst.String(), mf.Packet.String()+mf.Packet.EthSrc.String()+mf.Packet.EthDst.String()); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		var notes []string
		for _, n := range mf.Notes() {
			text, ok := strings.CutPrefix(n, "frame 3 of x.pcap: ")
			if !ok {
				t.Errorf("%s: %s", c.name, n)
			}
			notes = append(notes, text)
		}
		if d := cmp.Diff(c.notes, notes); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	mf := FromFrame(capture.Frame{File: "x.pcap", Number: 3, Packet: bare, Link: "raw IP", NoSrc: true, NoDst: true})
	if err := Fill(&mf, Endpoint{Port: "ln"}, Destination{}, FillOptions{}); err == nil ||
		err.Error() != "frame 3 of x.pcap has no Ethernet source (raw IP), and ln has no MAC address to take for it" {
		t.Error(err)
	}
	mf = FromFrame(capture.Frame{File: "x.pcap", Number: 3, Packet: bare, Link: "raw IP", NoSrc: true, NoDst: true})
	if err := Fill(&mf, vm1(), Destination{}, FillOptions{}); err == nil ||
		err.Error() != "frame 3 of x.pcap has no Ethernet destination (raw IP), and none is known for the next hop to 10.0.0.5" {
		t.Error(err)
	}
}
