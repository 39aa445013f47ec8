package openflow

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// startDummy is an Open vSwitch without a datapath and with a bridge br0 whose port 1 is p1.
func startDummy(t *testing.T) *dummy.OVS {
	t.Helper()
	o := dummy.Start(t)
	o.Vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath-type=dummy")
	o.AddPorts("br0", map[string]int{"p1": 1})
	return o
}

// tracedFlow returns what follows "Flow: " in the trace of a flow.
func tracedFlow(t *testing.T, o *dummy.OVS, flow string) string {
	t.Helper()
	out := o.Appctl("ofproto/trace", "br0", flow)
	for line := range strings.Lines(out) {
		if text, ok := strings.CutPrefix(line, "Flow: "); ok {
			return strings.TrimSpace(text)
		}
	}
	t.Fatalf("no Flow in the trace of %s:\n%s", flow, out)
	return ""
}
