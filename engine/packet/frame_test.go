package packet_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
)

var cmpAddr = cmpopts.EquateComparable(netip.Addr{})

// TestFrameRoundTrip encodes generated packets and reads them back.
func TestFrameRoundTrip(t *testing.T) {
	for _, p := range packettest.Generate(3, 2000) {
		frame := packettest.Frame(t, p)
		got, _, err := packet.Decode(frame, len(frame))
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
	p := packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoUDP, Src: netip.MustParseAddr("1.1.1.1"), Dst: netip.MustParseAddr("2.2.2.2"), Length: 1500}
	frame := packettest.Frame(t, p)
	if len(frame) != 1514 {
		t.Fatalf("frame of %d bytes", len(frame))
	}
	got, payload, err := packet.Decode(frame, len(frame))
	if err != nil || got.Length != 1500 || len(payload) != 1500-28 {
		t.Fatalf("length %d, payload %d, %v", got.Length, len(payload), err)
	}
	// What Ethernet pads is not of the packet.
	p.Length = 0
	frame = append(packettest.Frame(t, p), make([]byte, 18)...)
	got, payload, err = packet.Decode(frame, len(frame))
	if err != nil || got.Length != 28 || len(payload) != 0 {
		t.Fatalf("length %d, payload %d, %v", got.Length, len(payload), err)
	}
}

// TestGopacketReads asks another decoder about the headers, lengths and checksums.
func TestGopacketReads(t *testing.T) {
	verified := 0
	for _, p := range packettest.Generate(4, 700) {
		if !p.IsIP() || p.Frag != packet.FragNo || p.Inner != nil { // it takes the cut packet for a whole one
			continue
		}
		frame := packettest.Frame(t, p)
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

// TestCutShort cuts generated frames at every byte: an error with the place, or a packet, but no
// panic.
func TestCutShort(t *testing.T) {
	for _, p := range packettest.Generate(5, 100) {
		frame := packettest.Frame(t, p)
		for n := range frame {
			_, _, err := packet.Decode(frame[:n], n)
			var de *packet.DecodeError
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
	for name, p := range map[string]packet.Packet{
		"no address":     {EthType: packet.EthIPv4},
		"mixed families": {EthType: packet.EthIPv4, Src: four, Dst: six},
		"wrong family":   {EthType: packet.EthIPv6, Src: four, Dst: four},
		"no type":        {},
		"too long":       {EthType: packet.EthIPv4, Src: four, Dst: four, Length: 70000},
		"tag":            {EthType: packet.EthIPv4, Src: four, Dst: four, VLANs: []packet.VLAN{{TPID: 0x800}}},
	} {
		if b, err := packettest.Encode(p); err == nil {
			t.Errorf("%s: %x", name, b)
		}
	}
}

func TestJSON(t *testing.T) {
	for _, p := range packettest.Generate(6, 200) {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got packet.Packet
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(p, got, cmpAddr); diff != "" {
			t.Fatalf("%s: -want +got\n%s", text, diff)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range packettest.Generate(7, 100) {
		f.Add(packettest.Frame(f, p))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		p, payload, err := packet.Decode(frame, len(frame))
		if err != nil {
			if diff := cmp.Diff(packet.Packet{}, p, cmpAddr); diff != "" || payload != nil {
				t.Fatal("an error and a value")
			}
			return
		}
		_ = p.String()
		again, err := packettest.Encode(p)
		if err != nil {
			return
		}
		q, _, err := packet.Decode(again, len(again))
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
