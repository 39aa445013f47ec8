package openflow

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
)

// TestOVSReads gives encoded frames to Open vSwitch's own decoder (flow_extract, by ovs-ofctl
// parse-pcap): it must extract the packet that was encoded and that Decode reads.
func TestOVSReads(t *testing.T) {
	packets := packettest.Generate(8, 1000)
	var frames [][]byte
	for _, p := range packets {
		frames = append(frames, packettest.Frame(t, p))
	}
	lines := ovsFlows(t, frames)
	for i, p := range packets {
		flow, err := Parse(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		got, err := ToPacket(flow)
		if err != nil {
			t.Fatalf("%s: %v", lines[i], err)
		}
		want := p // all is there but what no flow has
		want.ICMPID, want.HasID, want.Inner = 0, false, nil
		want.VLANs = slices.Clone(p.VLANs)
		for j := range want.VLANs {
			want.VLANs[j].TPID = packet.EthVLAN
		}
		if diff := cmp.Diff(want, got, cmpAddr); diff != "" {
			t.Errorf("%v\n%s\n-want +got\n%s", p, lines[i], diff)
		}
	}
}

// TestSNAP checks that the packet behind a SNAP header is read as by Open vSwitch's own decoder
// (parse_ethertype).
func TestSNAP(t *testing.T) {
	var frames [][]byte
	for i, p := range packettest.Generate(12, 600) {
		if len(p.VLANs) > 1 {
			continue
		}
		frame, at := packettest.Frame(t, p), 12+4*len(p.VLANs)
		header := []string{"aaaa03000000", "aaaa03000000", "aaaa03000000", "aaab03000000", "aaaa03000001", "424203000000"}[i%6]
		frame = packettest.SNAP(frame, at, header)
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
		flow, err := Parse(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		want, err := ToPacket(flow)
		if err != nil {
			t.Fatalf("%s: %v", lines[i], err)
		}
		got, _, err := packet.Decode(frame, len(frame))
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

// TestSpoiltFrames changes bytes of generated frames at random. The flow that Open vSwitch extracts
// can always be read, and is the same packet if Decode accepts the frame.
func TestSpoiltFrames(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 13))
	var frames [][]byte
	for _, p := range packettest.Generate(13, 3000) {
		frame := packettest.Frame(t, p)
		for range r.IntN(4) {
			frame[r.IntN(min(len(frame), 80))] = packettest.Pick(r, byte(r.Uint32()), 0, 1, 6, 58, 0x86, 0x81, 0x45, 0x60, 135, 136)
		}
		frames = append(frames, frame)
	}
	lines := ovsFlows(t, frames)
	good := 0
	for i, frame := range frames {
		flow, err := Parse(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		want, err := ToPacket(flow)
		if err != nil {
			t.Errorf("%x: %s: %v", frame, lines[i], err)
			continue
		}
		got, _, err := packet.Decode(frame, len(frame))
		if err != nil {
			continue
		}
		good++
		got.ICMPID, got.HasID, got.Inner, got.Length = 0, false, nil, 0
		for j := range got.VLANs {
			got.VLANs[j].TPID = packet.EthVLAN
		}
		if got.ARPOp > 0xff { // miniflow_extract keeps operations of one byte only
			got.ARPOp = 0
		}
		unprinted(&got)
		unprinted(&want)
		if diff := cmp.Diff(want, got, cmpAddr); diff != "" {
			t.Errorf("%x: %s: -Open vSwitch +got\n%s", frame, lines[i], diff)
		}
	}
	if good < 1000 {
		t.Errorf("only %d frames are good", good)
	}
}
