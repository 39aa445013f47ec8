package packet

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/corpus"
)

// TestPrintedFlows reads the packet out of every flow that the recorded traces print.
func TestPrintedFlows(t *testing.T) {
	for _, in := range corpus.Values(t, "trace/*.txt", "Flow: ", "Final flow: ") {
		if in == "unchanged" {
			continue
		}
		flow, err := openflow.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := FromFlow(flow); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// TestSpoiltFrames changes bytes of generated frames at random. Whatever Open vSwitch extracts of
// them is read, and where Decode takes the frame for a good one it is the same packet.
func TestSpoiltFrames(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 13))
	var frames [][]byte
	for _, p := range generated(13, 3000) {
		frame := mustEncode(t, p)
		for range r.IntN(4) {
			frame[r.IntN(min(len(frame), 80))] = pick(r, byte(r.Uint32()), 0, 1, 6, 58, 0x86, 0x81, 0x45, 0x60, 135, 136)
		}
		frames = append(frames, frame)
	}
	lines := ovsFlows(t, frames)
	good := 0
	for i, frame := range frames {
		flow, err := openflow.Parse(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		want, err := FromFlow(flow)
		if err != nil {
			t.Errorf("%x: %s: %v", frame, lines[i], err)
			continue
		}
		got, _, err := Decode(frame)
		if err != nil {
			continue
		}
		good++
		got.ICMPID, got.HasID, got.Inner, got.Length = 0, false, nil, 0
		for j := range got.VLANs {
			got.VLANs[j].TPID = EthVLAN
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
