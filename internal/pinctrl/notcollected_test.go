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
