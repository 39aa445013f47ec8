package packet

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

func mustEncode(t testing.TB, p Packet) []byte {
	t.Helper()
	b, err := Encode(p)
	if err != nil {
		t.Fatalf("%v: %v", p, err)
	}
	return b
}

// TestFrameRoundTrip encodes generated packets and reads them back.
func TestFrameRoundTrip(t *testing.T) {
	for _, p := range generated(3, 2000) {
		frame := mustEncode(t, p)
		got, _, err := Decode(frame)
		if err != nil {
			t.Fatalf("%v: %x: %v", p, frame, err)
		}
		if got.Length != len(frame)-14-4*len(p.VLANs) {
			t.Fatalf("%v: length %d of a frame of %d", p, got.Length, len(frame))
		}
		got.Length = 0
		if diff := cmp.Diff(p, got, cmpAddr); diff != "" {
			t.Fatalf("%v: %x: -want +got\n%s", p, frame, diff)
		}
	}
}

func TestLength(t *testing.T) {
	p := Packet{EthType: EthIPv4, Proto: ProtoUDP, Src: netip.MustParseAddr("1.1.1.1"), Dst: netip.MustParseAddr("2.2.2.2"), Length: 1500}
	frame := mustEncode(t, p)
	if len(frame) != 1514 {
		t.Fatalf("frame of %d bytes", len(frame))
	}
	got, payload, err := Decode(frame)
	if err != nil || got.Length != 1500 || len(payload) != 1500-28 {
		t.Fatalf("length %d, payload %d, %v", got.Length, len(payload), err)
	}
	// What Ethernet pads is not of the packet.
	p.Length = 0
	got, payload, err = Decode(append(mustEncode(t, p), make([]byte, 18)...))
	if err != nil || got.Length != 28 || len(payload) != 0 {
		t.Fatalf("length %d, payload %d, %v", got.Length, len(payload), err)
	}
}

// TestGopacketReads asks another decoder about the headers, lengths and checksums.
func TestGopacketReads(t *testing.T) {
	verified := 0
	for _, p := range generated(4, 700) {
		if !p.IsIP() || p.Frag != FragNo || p.Inner != nil { // it takes the cut packet for a whole one
			continue
		}
		frame := mustEncode(t, p)
		g := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
		err, bad := g.VerifyChecksums()
		if err != nil { // it looks for more behind some ports and protocols
			continue
		}
		verified++
		for _, b := range bad {
			t.Errorf("%v: %x: %v", p, frame, b)
		}
	}
	if verified < 100 {
		t.Errorf("checksums of %d packets only", verified)
	}
}

// TestOVSReads asks Open vSwitch's own decoder (flow_extract, by ovs-ofctl parse-pcap) about encoded frames: it
// extracts the packet that was meant, and that Decode reads.
func TestOVSReads(t *testing.T) {
	packets := generated(8, 1000)
	var frames [][]byte
	for _, p := range packets {
		frames = append(frames, mustEncode(t, p))
	}
	lines := ovsFlows(t, frames)
	for i, p := range packets {
		flow, err := openflow.Parse(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		got, err := FromFlow(flow)
		if err != nil {
			t.Fatalf("%s: %v", lines[i], err)
		}
		want := p // all is there but what no flow has
		want.ICMPID, want.HasID, want.Inner = 0, false, nil
		want.VLANs = slices.Clone(p.VLANs)
		for j := range want.VLANs {
			want.VLANs[j].TPID = EthVLAN
		}
		if diff := cmp.Diff(want, got, cmpAddr); diff != "" {
			t.Errorf("%v\n%s\n-want +got\n%s", p, lines[i], diff)
		}
	}
}

// TestCutShort cuts generated frames at every byte: an error with the place, or a packet, but no panic.
func TestCutShort(t *testing.T) {
	for _, p := range generated(5, 100) {
		frame := mustEncode(t, p)
		for n := range frame {
			_, _, err := Decode(frame[:n])
			var de *DecodeError
			if err != nil && (!errors.As(err, &de) || de.Off > n) {
				t.Fatalf("%x: %v", frame[:n], err)
			}
			if err == nil && n < 14 {
				t.Fatalf("%x: no error", frame[:n])
			}
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	four, six := netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("fd00::1")
	for name, p := range map[string]Packet{
		"no address":     {EthType: EthIPv4},
		"mixed families": {EthType: EthIPv4, Src: four, Dst: six},
		"wrong family":   {EthType: EthIPv6, Src: four, Dst: four},
		"no type":        {},
		"too long":       {EthType: EthIPv4, Src: four, Dst: four, Length: 70000},
		"tag":            {EthType: EthIPv4, Src: four, Dst: four, VLANs: []VLAN{{TPID: 0x800}}},
	} {
		if b, err := Encode(p); err == nil {
			t.Errorf("%s: %x", name, b)
		}
	}
}

func TestJSON(t *testing.T) {
	for _, p := range generated(6, 200) {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got Packet
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(p, got, cmpAddr); diff != "" {
			t.Fatalf("%s: -want +got\n%s", text, diff)
		}
	}
}

func TestHeader(t *testing.T) {
	p := Packet{EthSrc: MAC{0, 0, 0, 0, 0, 1}, EthDst: MAC{0, 0, 0, 0, 0, 2}, EthType: EthIPv4, Proto: ProtoTCP, TTL: 64,
		Src: netip.MustParseAddr("10.0.0.3"), Dst: netip.MustParseAddr("30.0.0.10"), SrcPort: 46982, DstPort: 80, TCPFlags: FlagSYN | FlagACK}
	got, _ := json.Marshal(p.Header())
	const want = `{"eth_src":"00:00:00:00:00:01","eth_dst":"00:00:00:00:00:02","eth_type":"0x0800","ip_src":"10.0.0.3",` +
		`"ip_dst":"30.0.0.10","ip_proto":"tcp","ip_ttl":64,"l4_src":46982,"l4_dst":80,"tcp_flags":"syn|ack"}`
	if string(got) != want {
		t.Errorf("%s", got)
	}
	p = Packet{EthType: EthIPv4, Proto: ProtoICMP, VLANs: []VLAN{{EthVLAN, 7, 0}}}
	got, _ = json.Marshal(p.Header())
	if !bytes.Contains(got, []byte(`"icmp_type":0,"icmp_code":0`)) || !bytes.Contains(got, []byte(`"vlan":7`)) {
		t.Errorf("%s", got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range generated(7, 100) {
		f.Add(mustEncode(f, p))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		p, payload, err := Decode(frame)
		if err != nil {
			if diff := cmp.Diff(Packet{}, p, cmpAddr); diff != "" || payload != nil {
				t.Fatal("an error and a value")
			}
			return
		}
		p.Fields()
		_, _ = p.String(), p.Header()
		again, err := Encode(p)
		if err != nil {
			return
		}
		q, _, err := Decode(again)
		if err != nil {
			t.Fatalf("%x: encoded as %x: %v", frame, again, err)
		}
		// Options, extension headers and truncated quotes are not kept; the headers are.
		p.Length, q.Length = 0, 0
		if !p.HasID { // cut before it
			q.HasID = false
		}
		if diff := cmp.Diff(p, q, cmpAddr); diff != "" {
			t.Fatalf("%x: encoded as %x: -first +again\n%s", frame, again, diff)
		}
	})
}
