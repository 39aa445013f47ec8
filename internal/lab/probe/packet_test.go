package probe

import (
	"encoding/json"
	"strings"
	"testing"
)

var samplePackets = []struct {
	p    Packet
	flow string // a part of the microflow
	head string // a part of the decoded header
}{
	{Packet{Proto: "tcp", Src: "10.0.0.3", Dst: "20.0.0.4", Sport: 1, Dport: 2, Flags: "syn|ack"}, "tcp.src == 1 && tcp.dst == 2 && tcp.flags == 18", "l4_src=1 l4_dst=2 tcp_flags=syn|ack"},
	{Packet{Proto: "udp", Src: "fd00::1", Dst: "fd00::2", Sport: 1, Dport: 2, TTL: 9}, "ip6.src == fd00::1 && ip6.dst == fd00::2 && ip.ttl == 9 && udp.src == 1", "ip_ttl=9"},
	{Packet{Proto: "icmp", Src: "10.0.0.3", Dst: "20.0.0.4", Type: 8}, "icmp4.type == 8 && icmp4.code == 0", "icmp_type=8 icmp_code=0"},
	{Packet{Proto: "icmp6", Src: "fd00::1", Dst: "fd00::2", Type: 128}, "icmp6.type == 128", "icmp_type=128"},
	{Packet{Proto: "arp", Op: 1, Src: "10.0.0.3", Dst: "10.0.0.4", SHA: "00:00:00:00:00:01", THA: "00:00:00:00:00:00"}, "arp.op == 1 && arp.spa == 10.0.0.3", "arp_op=1 arp_spa=10.0.0.3 arp_tpa=10.0.0.4"},
	{Packet{Proto: "nd_ns", Src: "fd00::1", Dst: "ff02::1:ff00:2", Target: "fd00::2", SHA: "00:00:00:00:00:01"}, "nd.target == fd00::2 && nd.sll == 00:00:00:00:00:01", "icmp_type=135 icmp_code=0 nd_target=fd00::2"},
	{Packet{Proto: "sctp", Src: "10.0.0.3", Dst: "20.0.0.4", Sport: 3, Dport: 4, Payload: SCTPInit(3, 4, 5)}, "sctp.src == 3 && sctp.dst == 4", "l4_src=3 l4_dst=4"},
	{Packet{Proto: "udp", VLAN: 7, Src: "10.0.0.3", Dst: "20.0.0.4", Sport: 1, Dport: 2}, "udp.src == 1", "vlan=7 eth_type=2048"},
	{Packet{Proto: "eth", EthType: 0x88b5}, "eth.type == 0x88b5", "eth_type=34997"},
}

// TestFramesReadBack checks that a decoded frame has the fields of its packet.
func TestFramesReadBack(t *testing.T) {
	for _, c := range samplePackets {
		c.p.EthSrc, c.p.EthDst = "50:54:00:00:00:03", "50:54:00:00:00:04"
		b, err := c.p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		f := DecodeFrame(b)
		if h := f.String(); !strings.Contains(h, c.head) || !strings.HasPrefix(h, "eth_src=50:54:00:00:00:03 eth_dst=50:54:00:00:00:04") {
			t.Errorf("%s: header %q lacks %q", c.p, h, c.head)
		}
		if m := c.p.Microflow("p"); !strings.HasPrefix(m, `inport == "p" && eth.src == 50:54:00:00:00:03`) || !strings.Contains(m, c.flow) {
			t.Errorf("%s: microflow %q lacks %q", c.p, m, c.flow)
		}
		if c.p.Proto != "eth" && c.p.Proto != "udp" && c.p.Proto != "icmp" && c.p.Proto != "icmp6" && c.p.Proto != "sctp" && !f.is(c.p, nil) {
			t.Errorf("%s: not known again", c.p)
		}
	}
}

// TestMarkers checks that a packet is distinguished from one sent before.
func TestMarkers(t *testing.T) {
	var r Runner
	a := Packet{EthSrc: "50:54:00:00:00:03", EthDst: "50:54:00:00:00:04", Proto: "udp", Src: "10.0.0.3", Dst: "20.0.0.4", Sport: 1, Dport: 2}
	b := a
	ma, mb := r.Stamp(&a), r.Stamp(&b)
	frame, err := a.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	f := DecodeFrame(frame)
	if !f.is(a, ma) || f.is(b, mb) {
		t.Fatal("the marker does not tell the packets apart")
	}
	s := a
	s.Proto, s.Payload = "sctp", nil
	ms := r.Stamp(&s)
	if frame, err = s.Bytes(); err != nil || !DecodeFrame(frame).is(s, ms) {
		t.Fatal("an SCTP packet is not known again", err)
	}
}

func TestVLANFromAuxdata(t *testing.T) {
	if got := withVLAN([]byte("abcdefghijklMM"), nil); string(got) != "abcdefghijklMM" {
		t.Fatalf("%q", got)
	}
}

func TestCanonical(t *testing.T) {
	for _, c := range [][3]string{
		{"eth_type", "0x0800", "2048"}, {"ip_proto", "tcp", "6"}, {"ip_proto", "89", "89"}, {"tcp_flags", "ack|syn", "syn|ack"},
		{"tcp_flags", "0x12", "syn|ack"}, {"eth_src", "AA:00:00:00:00:01", "aa:00:00:00:00:01"}, {"ip_src", "::ffff:10.0.0.1", "10.0.0.1"}, {"ip_src", "fd00:0::1", "fd00::1"},
	} {
		if got := canonical(c[0], c[1]); got != c[2] {
			t.Errorf("canonical(%s, %s) = %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

// TestFragments checks that a datagram's fragments are recognised by their markers and gathered
// into the first, and that missing ones are reported.
func TestFragments(t *testing.T) {
	for _, p := range []Packet{{Src: "10.0.0.3", Dst: "20.0.0.4"}, {Src: "fd00::1", Dst: "fd00::2"}} {
		p.EthSrc, p.EthDst, p.Proto, p.Sport, p.Dport = "50:54:00:00:00:03", "50:54:00:00:00:04", "udp", 1, 2
		p.Size, p.Cut = 1600, []int{800, 1400}
		var r Runner
		m := r.Stamp(&p)
		frames, err := p.Frames()
		if err != nil || len(frames) != 3 {
			t.Fatalf("%d fragments, %v", len(frames), err)
		}
		var seen []Seen
		for _, b := range frames {
			f := DecodeFrame(b)
			if !f.is(p, m) {
				t.Errorf("%s: not known again", f)
			}
			seen = append([]Seen{{"port x", f}}, seen...) // in reverse order
		}
		if got := gather(seen[1:])[0].Frame.Header["ip_frag"]; got != "the last fragment is missing, or is not the last" {
			t.Errorf("two of three: %q", got)
		}
		seen[2].Frame = DecodeFrame(frames[0])
		all := gather(seen)
		if len(all) != 1 || !strings.HasSuffix(all[0].Frame.String(), "ip_frag=first l4_src=1 l4_dst=2 (3 fragments)") {
			t.Errorf("gathered: %v", all[0].Frame)
		}
		p.Pieces = []int{1}
		if m := p.Microflow("x"); !strings.Contains(m, "ip.later_frag && ip.proto == 17") || strings.Contains(m, "udp.src") || !p.partial() {
			t.Errorf("later fragment: %s", m)
		}
		rest := p.rest()
		if rest.partial() || len(rest.Pieces) != 2 || rest.Pieces[0] != 0 {
			t.Errorf("rest: %v", rest.Pieces)
		}
	}
	if _, err := (Packet{EthSrc: "50:54:00:00:00:03", EthDst: "50:54:00:00:00:04", Proto: "udp", Src: "10.0.0.3", Dst: "20.0.0.4", Cut: []int{4}}).Frames(); err == nil {
		t.Error("cut at 4 bytes")
	}
}

// TestHeldPrediction checks that for a single fragment branches that are held for the others have
// no end, and that all other branches are expected.
func TestHeldPrediction(t *testing.T) {
	var p RPkt
	text := `{"branches": [{"verdict": "delivered", "end": {"port": "x"}, "held": {"chassis": "hv1", "zone": 5}, "segments": [[0, 1]]}, {"verdict": "delivered", "end": {"port": "y"}, "segments": [[0, 0]]}],
		"hops": [{"chassis": "hv1", "segments": [{"id": 0, "ct": [{"zone": 4}]}, {"id": 1, "ct": [{"zone": 5}]}]}]}`
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	lone := Packet{Cut: []int{8}, Pieces: []int{0}}
	got := p.of(lone)
	if wanted(got.Branches[0]) != "" || wanted(got.Branches[1]) != "port y" || got.Hops[0].Segments[1].CT != nil || len(got.Hops[0].Segments[0].CT) != 1 {
		t.Errorf("%+v", got)
	}
	if all := p.of(lone.rest()); wanted(all.Branches[0]) != "port x" || len(all.Hops[0].Segments[1].CT) != 1 {
		t.Errorf("%+v", all)
	}
}

// TestMayQuote checks which packets an ICMP error may be about.
func TestMayQuote(t *testing.T) {
	f := &Frame{Header: Header{"inner_sport": "35957", "inner_dport": "8080"}}
	for _, c := range []struct {
		p    Packet
		want bool
	}{
		{Packet{Proto: "udp", Sport: 35957, Dport: 53}, true},
		{Packet{Proto: "tcp", Sport: 41000, Dport: 8080}, true}, // its source port was translated
		{Packet{Proto: "udp", Sport: 41000, Dport: 80}, false},
		{Packet{Proto: "icmp", Type: 8}, false},
		{Packet{Proto: "arp", Op: 1}, false},
	} {
		if got := f.mayQuote(c.p); got != c.want {
			t.Errorf("%+v: %v", c.p, got)
		}
	}
	if !(&Frame{Header: Header{}}).mayQuote(Packet{Proto: "icmp", Type: 8}) {
		t.Error("an error that quotes no ports is not about a ping")
	}
}

// TestGiven checks that the first fragment is predicted, in whatever order the fragments are sent.
func TestGiven(t *testing.T) {
	p := Packet{EthSrc: "50:54:00:00:00:03", EthDst: "50:54:00:00:00:04", Proto: "udp", Src: "10.0.0.3", Dst: "10.0.0.4", Sport: 1, Dport: 2,
		Payload: make([]byte, 1600), Cut: []int{1400}, Pieces: []int{1, 0}}
	b, err := p.given()
	if err != nil || DecodeFrame(b).offset != 0 {
		t.Errorf("the fragment at %d is predicted: %v", DecodeFrame(b).offset, err)
	}
}

// TestAnswerToFragments checks that the answer to a ping has its identifier, in fragments too.
func TestAnswerToFragments(t *testing.T) {
	ping := Packet{EthSrc: "50:54:00:00:00:03", EthDst: "50:54:00:00:00:04", Proto: "icmp", Src: "10.0.0.3", Dst: "10.0.0.4", Type: 8, ID: 7, Seq: 9}
	for _, cut := range [][]int{nil, {1400}} {
		ping.Cut, ping.Payload = cut, make([]byte, 1600)
		frame, err := ping.given()
		if err != nil {
			t.Fatal(err)
		}
		p, err := (&Runner{}).answerTo(Seen{"port sw0-p2", DecodeFrame(frame)}, ping, "")
		if err != nil || p.ID != 7 || p.Seq != 9 || p.Src != ping.Dst {
			t.Errorf("cut at %v: the answer is %+v, %v", cut, p, err)
		}
	}
}
