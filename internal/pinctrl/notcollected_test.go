package pinctrl

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// The action of a rebuilt table ends a packet as unknown, with its reason, however long that is.
func TestNotCollected(t *testing.T) {
	for _, reason := range []string{"the dump of br-int's flows is cut", strings.Repeat("x", 3*maxReason)} {
		for action, all := range map[string]bool{NotCollected(reason): false, NotLearned(reason): true} {
			punt, err := Decode(action)
			if err != nil {
				t.Fatal(err)
			}
			if got := Lacking("load:0x1->NXM_NX_REG0[]," + action + ",resubmit(,9)"); got != reason[:min(len(reason), maxReason)] {
				t.Errorf("Lacking of %.60s: %q", action, got)
			}
			if punt.TakesAll() != all {
				t.Errorf("%.60s: takes all: %t", action, !all)
			}
			res := Responder{}.Answer(punt, packet.Packet{}, openflow.Flow{})
			if res.Hint != HintUnknown || res.Kind != KindUnknown || res.Text != reason[:min(len(reason), maxReason)] || res.Unknown != "" {
				t.Errorf("%.30q: %+v", reason, res)
			}
		}
	}
}

// An action of OVN's own is known, whatever data it has.
func TestLackingNothing(t *testing.T) {
	for _, actions := range []string{"drop", "controller(userdata=00.00.00.0e.00.00.00.00)", "controller(userdata=c7.ac.e0.02.00.00.00.00.61)"} {
		if why := Lacking(actions); why != "" {
			t.Errorf("%s: %q", actions, why)
		}
	}
}
