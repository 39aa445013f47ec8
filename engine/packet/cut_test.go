package packet

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// TestEveryCut cuts generated frames at every byte, with and without padding: what is read is the
// whole frame's packet, but for the quoted packet, which may be unknown; else a header was cut, and
// nothing is read.
func TestEveryCut(t *testing.T) {
	accepted, unknown := 0, 0
	for _, p := range generated(11, 400) {
		frame := mustEncode(t, p)
		if p.IsIP() {
			frame = append(frame, make([]byte, len(frame)%7)...) // padding or a trailer
		}
		whole, _, err := Decode(frame)
		if err != nil {
			t.Fatal(err)
		}
		for n := range frame {
			got, payload, err := DecodeCut(frame[:n], len(frame))
			if err != nil {
				var ce *CutError
				if !errors.As(err, &ce) || ce.Have != n || ce.Off > n {
					t.Fatalf("%x of %d: %v", frame[:n], len(frame), err)
				}
				continue
			}
			if accepted++; got.Inner == nil && whole.Inner != nil {
				got.Inner = whole.Inner
				unknown++
			}
			if diff := cmp.Diff(whole, got, cmpAddr); diff != "" {
				t.Fatalf("%x of %d: -whole +got\n%s", frame[:n], len(frame), diff)
			}
			if len(payload) > n {
				t.Fatalf("%d bytes behind the headers of %d", len(payload), n)
			}
		}
	}
	if accepted < 300 || unknown < 100 {
		t.Errorf("%d cut frames read, %d of them with an unknown quoted packet", accepted, unknown)
	}
}

func TestDecodeCut(t *testing.T) {
	quoting := Packet{EthType: EthIPv4, Proto: ProtoICMP, ICMPType: 3, ICMPCode: 3, TTL: 64, Src: netip.MustParseAddr("10.0.0.2"), Dst: netip.MustParseAddr("10.0.0.1"),
		Inner: &Inner{Proto: ProtoUDP, Src: netip.MustParseAddr("10.0.0.2"), Dst: netip.MustParseAddr("10.0.0.1"), SrcPort: 5353, DstPort: 4660}}
	tcp := Packet{EthType: EthIPv4, Proto: ProtoTCP, TCPFlags: FlagACK, TTL: 64, Src: netip.MustParseAddr("10.0.0.2"), Dst: netip.MustParseAddr("10.0.0.1"), SrcPort: 1, DstPort: 2}
	options := mustEncode(t, tcp)
	options = append(options, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2) // a timestamp
	options[17], options[46] = 52, 0x80
	extended := mustEncode(t, Packet{EthType: EthIPv6, Proto: ProtoUDP, TTL: 64, Src: netip.MustParseAddr("fd00::1"), Dst: netip.MustParseAddr("fd00::2"), SrcPort: 1, DstPort: 2})
	extended = append(extended[:54:54], append([]byte{17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, extended[54:]...)...)
	extended[19], extended[20] = extended[19]+16, 60
	for _, c := range []struct {
		name       string
		frame      []byte
		keep, wire int
		want       string
	}{
		{"quoted ports", mustEncode(t, quoting), 70, 70, "icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 about udp 10.0.0.2:5353 > 10.0.0.1:4660 ttl 64"},
		{"quoted ports", mustEncode(t, quoting), 66, 70, "icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 about udp 10.0.0.2:5353 > 10.0.0.1:4660 ttl 64"},
		{"quoted destination port", mustEncode(t, quoting), 64, 70, "icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 ttl 64"},
		{"quoted address", mustEncode(t, quoting), 60, 70, "icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 ttl 64"},
		{"quoted protocol", mustEncode(t, quoting), 43, 70, "icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 ttl 64"},
		{"icmp header", mustEncode(t, quoting), 39, 70, "! the capture cut it at 39 bytes, within the icmp header"},
		{"padding", mustEncode(t, tcp), 54, 60, "tcp 10.0.0.2:1 > 10.0.0.1:2 [ack] ttl 64"},
		{"trailer", mustEncode(t, tcp), 54, 1000, "tcp 10.0.0.2:1 > 10.0.0.1:2 [ack] ttl 64"},
		{"tcp header", mustEncode(t, tcp), 53, 60, "! the capture cut it at 53 bytes, within the tcp header"},
		{"tcp options", options, 58, 66, "tcp 10.0.0.2:1 > 10.0.0.1:2 [ack] ttl 64"},
		{"extension header", extended, 60, len(extended), "! the capture cut it at 60 bytes, within the IPv6 extension header"},
		{"behind extension header", extended, 72, len(extended), "! the capture cut it at 72 bytes, within the udp header"},
		{"no data", extended, len(extended), len(extended), "udp [fd00::1]:1 > [fd00::2]:2 ttl 64"},
		{"ethernet", extended, 13, len(extended), "! the capture cut it at 13 bytes, within the Ethernet header"},
		{"more than the wire", mustEncode(t, tcp), 54, 40, "tcp 10.0.0.2:1 > 10.0.0.1:2 [ack] ttl 64"},
	} {
		p, _, err := DecodeCut(c.frame[:c.keep], c.wire)
		got := p.String()
		if err != nil {
			got = "! " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %d of %d:\n got %s\nwant %s", c.name, c.keep, c.wire, got, c.want)
		}
	}
}

// snap puts an 802.2 header with SNAP, or bytes of that length, in front of an Ethernet type.
func snap(frame []byte, at int, header string) []byte {
	b, _ := hex.DecodeString(header)
	out := append(frame[:at:at], byte(len(frame)>>8), byte(len(frame)))
	return append(append(out, b...), frame[at:]...)
}

// TestSNAP: what is behind a SNAP header is read as Open vSwitch's own decoder does
// (parse_ethertype).
func TestSNAP(t *testing.T) {
	var frames [][]byte
	for i, p := range generated(12, 600) {
		if len(p.VLANs) > 1 {
			continue
		}
		frame, at := mustEncode(t, p), 12+4*len(p.VLANs)
		header := []string{"aaaa03000000", "aaaa03000000", "aaaa03000000", "aaab03000000", "aaaa03000001", "424203000000"}[i%6]
		frame = snap(frame, at, header)
		switch {
		case i%17 == 0:
			frame[len(frame)-1-i%2], frame[at+8] = 0, 0x05 // a SNAP type that is a length
		case i%19 == 0:
			frame = frame[:at+2+i%8]
		}
		frames = append(frames, frame)
	}
	lines := ovsFlows(t, frames)
	ip := 0
	for i, frame := range frames {
		flow, err := openflow.Parse(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		want, err := FromFlow(flow)
		if err != nil {
			t.Fatalf("%s: %v", lines[i], err)
		}
		got, _, err := Decode(frame)
		if err != nil {
			t.Errorf("%x: %v; Open vSwitch: %s", frame, err, lines[i])
			continue
		}
		if got.IsIP() {
			ip++
		}
		got.ICMPID, got.HasID, got.Inner, got.Length = 0, false, nil, 0
		if diff := cmp.Diff(want, got, cmpAddr); diff != "" {
			t.Errorf("%x: -Open vSwitch +got\n%s\n%s", frame, lines[i], diff)
		}
	}
	if ip < 100 {
		t.Errorf("%d frames are IP", ip)
	}
}

// FuzzDecodeCut: of a frame that the capture cut nothing is read that the whole frame would
// contradict.
func FuzzDecodeCut(f *testing.F) {
	for _, p := range generated(14, 60) {
		frame := mustEncode(f, p)
		f.Add(frame, len(frame)-1)
		f.Add(snap(frame, 12+4*len(p.VLANs), "aaaa03000000"), len(frame)/2)
	}
	f.Fuzz(func(t *testing.T, frame []byte, n int) {
		if n < 0 || n > len(frame) {
			return
		}
		got, _, err := DecodeCut(frame[:n], len(frame))
		if err != nil {
			return
		}
		whole, _, err := Decode(frame)
		if err != nil {
			t.Fatalf("%x: %v, and cut at %d it is %v", frame, err, n, got)
		}
		if got.Inner == nil {
			got.Inner = whole.Inner
		}
		if diff := cmp.Diff(whole, got, cmpAddr); diff != "" {
			t.Fatalf("%x cut at %d: -whole +got\n%s", frame, n, diff)
		}
	})
}
