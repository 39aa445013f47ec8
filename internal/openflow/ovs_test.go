package openflow

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// ovsFlows asks Open vSwitch's own decoder (flow_extract, by ovs-ofctl parse-pcap) what it extracts
// of frames: one line of flow text for each.
func ovsFlows(t *testing.T, frames [][]byte) []string {
	t.Helper()
	ofctl := testenv.Tool(t, "ovs-ofctl")
	file := filepath.Join(t.TempDir(), "frames.pcap")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(65536, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for _, frame := range frames {
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(frame), Length: len(frame)}, frame); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(ofctl, "parse-pcap", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(frames) {
		t.Fatalf("%d flows of %d frames", len(lines), len(frames))
	}
	return lines
}
