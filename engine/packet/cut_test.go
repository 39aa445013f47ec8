package packet_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
)

// TestEveryCut cuts generated frames at every byte, with and without padding: what is read is the
// whole frame's packet, but for the quoted packet, which may be unknown; else a header was cut,
// which is an error (TestCutHeaders: with what was kept).
func TestEveryCut(t *testing.T) {
	accepted, unknown := 0, 0
	for _, p := range packettest.Generate(11, 400) {
		frame := packettest.Frame(t, p)
		if p.IsIP() {
			frame = append(frame, make([]byte, len(frame)%7)...) // padding or a trailer
		}
		whole, _, err := packet.Decode(frame, len(frame))
		if err != nil {
			t.Fatal(err)
		}
		for n := range frame {
			got, payload, err := packet.Decode(frame[:n], len(frame))
			if err != nil {
				var ce *packet.CutError
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
	quoting := packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoICMP, ICMPType: 3, ICMPCode: 3, TTL: 64, Src: netip.MustParseAddr("10.0.0.2"), Dst: netip.MustParseAddr("10.0.0.1"),
		Inner: &packet.Inner{Proto: packet.ProtoUDP, Src: netip.MustParseAddr("10.0.0.2"), Dst: netip.MustParseAddr("10.0.0.1"), SrcPort: 5353, DstPort: 4660}}
	tcp := packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoTCP, TCPFlags: packet.FlagACK, TTL: 64, Src: netip.MustParseAddr("10.0.0.2"), Dst: netip.MustParseAddr("10.0.0.1"), SrcPort: 1, DstPort: 2}
	options := packettest.Frame(t, tcp)
	options = append(options, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2) // a timestamp
	options[17], options[46] = 52, 0x80
	extended := packettest.Frame(t, packet.Packet{EthType: packet.EthIPv6, Proto: packet.ProtoUDP, TTL: 64, Src: netip.MustParseAddr("fd00::1"), Dst: netip.MustParseAddr("fd00::2"), SrcPort: 1, DstPort: 2})
	extended = append(extended[:54:54], append([]byte{17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, extended[54:]...)...)
	extended[19], extended[20] = extended[19]+16, 60
	for _, c := range []struct {
		name       string
		frame      []byte
		keep, wire int
		want       string
	}{
		{"quoted ports", packettest.Frame(t, quoting), 70, 70, "icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 about udp 10.0.0.2:5353 > 10.0.0.1:4660 ttl 64"},
		{"quoted ports", packettest.Frame(t, quoting), 66, 70, "icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 about udp 10.0.0.2:5353 > 10.0.0.1:4660 ttl 64"},
		{"quoted destination port", packettest.Frame(t, quoting), 64, 70, "icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 ttl 64"},
		{"quoted address", packettest.Frame(t, quoting), 60, 70, "icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 ttl 64"},
		{"quoted protocol", packettest.Frame(t, quoting), 43, 70, "icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 ttl 64"},
		{"icmp header", packettest.Frame(t, quoting), 39, 70, "! the capture cut it at 39 bytes, within the icmp header"},
		{"padding", packettest.Frame(t, tcp), 54, 60, "tcp 10.0.0.2:1 > 10.0.0.1:2 [ack] ttl 64"},
		{"trailer", packettest.Frame(t, tcp), 54, 1000, "tcp 10.0.0.2:1 > 10.0.0.1:2 [ack] ttl 64"},
		{"tcp header", packettest.Frame(t, tcp), 53, 60, "! the capture cut it at 53 bytes, within the tcp header"},
		{"tcp options", options, 58, 66, "tcp 10.0.0.2:1 > 10.0.0.1:2 [ack] ttl 64"},
		{"extension header", extended, 60, len(extended), "! the capture cut it at 60 bytes, within the IPv6 extension header"},
		{"behind extension header", extended, 72, len(extended), "! the capture cut it at 72 bytes, within the udp header"},
		{"no data", extended, len(extended), len(extended), "udp [fd00::1]:1 > [fd00::2]:2 ttl 64"},
		{"ethernet", extended, 13, len(extended), "! the capture cut it at 13 bytes, within the Ethernet header"},
		{"more than the wire", packettest.Frame(t, tcp), 54, 40, "tcp 10.0.0.2:1 > 10.0.0.1:2 [ack] ttl 64"},
	} {
		p, _, err := packet.Decode(c.frame[:c.keep], c.wire)
		got := p.String()
		if err != nil {
			got = "! " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %d of %d:\n got %s\nwant %s", c.name, c.keep, c.wire, got, c.want)
		}
	}
}

// TestCutHeaders: the packet of a cut transport header is the whole frame's, except for what the
// error names as lacking. The flow is known from four bytes of a header with ports on, and from two
// of an ICMP header.
func TestCutHeaders(t *testing.T) {
	seen := map[packet.Lack]int{}
	for _, p := range packettest.Generate(12, 400) {
		frame := packettest.Frame(t, p)
		whole, _, err := packet.Decode(frame, len(frame))
		if err != nil {
			t.Fatal(err)
		}
		for n := range frame {
			var cut *packet.CutError
			if _, _, err := packet.Decode(frame[:n], len(frame)); !errors.As(err, &cut) {
				continue
			}
			known := whole.IsIP() && (cut.What == packet.ProtoName(whole.Proto)+" header") && whole.Frag != packet.FragLater && !whole.IsIGMP() &&
				(whole.HasPorts() && n-cut.Off >= 4 || (whole.IsICMP() || whole.IsICMPv6()) && !whole.IsND() && n-cut.Off >= 2)
			if known != (cut.Packet != nil) {
				t.Fatalf("%x of %d bytes: packet %v, known: %v", frame[:n], len(frame), cut.Packet, known)
			}
			if cut.Packet == nil {
				continue
			}
			got, want := *cut.Packet, whole
			want.Inner = nil
			switch seen[cut.Lacks]++; cut.Lacks {
			case packet.LackTCPFlags:
				want.TCPFlags = 0
			case packet.LackICMPID:
				want.ICMPID, want.HasID = 0, false
			}
			if diff := cmp.Diff(want, got, cmpAddr); diff != "" {
				t.Fatalf("%x of %d bytes: -whole +got\n%s", frame[:n], len(frame), diff)
			}
		}
	}
	if seen[0] < 100 || seen[packet.LackTCPFlags] < 100 || seen[packet.LackICMPID] < 20 {
		t.Errorf("cut headers seen, by what they lack: %v", seen)
	}
}

// FuzzDecodeCut: of a frame that the capture cut nothing is read that the whole frame would
// contradict.
func FuzzDecodeCut(f *testing.F) {
	for _, p := range packettest.Generate(14, 60) {
		frame := packettest.Frame(f, p)
		f.Add(frame, len(frame)-1)
		f.Add(packettest.SNAP(frame, 12+4*len(p.VLANs), "aaaa03000000"), len(frame)/2)
	}
	f.Fuzz(func(t *testing.T, frame []byte, n int) {
		if n < 0 || n > len(frame) {
			return
		}
		got, _, err := packet.Decode(frame[:n], len(frame))
		if err != nil {
			return
		}
		whole, _, err := packet.Decode(frame, len(frame))
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
