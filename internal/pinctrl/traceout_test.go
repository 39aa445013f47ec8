package pinctrl

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// TestTracePacketOut gives each generated packet and its actions to a real
// ofproto/trace-packet-out: it must accept them, and its final flow must be the one that the replay
// computes.
func TestTracePacketOut(t *testing.T) {
	o := dummy.Start(t)
	o.Vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath-type=dummy", "fail-mode=secure")
	n := 0
	for _, file := range testenv.Corpus(t, "testdata/answers-*.txt") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range messages(t, string(b)) {
			if in.head != "NXT_PACKET_IN2" {
				continue
			}
			p, err := Decode("controller(userdata=" + in.userdata + ")")
			if err != nil {
				t.Fatal(err)
			}
			got := Responder{}.Answer(p, in.packet, in.metadata)
			if got.Generated == nil {
				continue
			}
			n++
			flow := openflow.FlowOf(*got.Generated, got.InPort)
			out := o.Appctl("ofproto/trace-packet-out", "br0", flow.String(), got.Actions)
			checkFinal(t, got, out)
		}
	}
	if n == 0 {
		t.Error("nothing generated")
	}
}

func checkFinal(t *testing.T, got Result, out string) {
	t.Helper()
	_, final, ok := strings.Cut(out, "Final flow: ")
	if !ok {
		t.Errorf("%s: trace-packet-out says\n%s", got.Name, out)
		return
	}
	final, _, _ = strings.Cut(final, "\n")
	f, err := openflow.Parse(final)
	if err != nil {
		t.Fatal(err)
	}
	pkt, err := openflow.ToPacket(f)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(bare(pkt), bare(*got.Answer), addrs); d != "" {
		t.Errorf("%s: after its actions (-ofproto/trace +ours):\n%s\n%s", got.Name, d, out)
	}
	if d := cmp.Diff(ofreplay.RegistersOf(f).Fields(), got.AnswerMetadata); d != "" {
		t.Errorf("%s: registers (-ofproto/trace +ours):\n%s\n%s", got.Name, d, out)
	}
}
