package openflow

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/corpus"
)

// TestPrintedFlows reads the packet out of every flow that the recorded traces print.
func TestPrintedFlows(t *testing.T) {
	for _, in := range corpus.Values(t, "trace/*.txt", "Flow: ", "Final flow: ") {
		if in == "unchanged" {
			continue
		}
		flow, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ToPacket(flow); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}
