package driver

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// testRefusal checks that a packet which OVN refuses is rejected wherever the refusal goes, and
// that the look-up that refused it is the cause.
func testRefusal(t *testing.T, d *Driver, hv1 *fakeNode) {
	const reject = "controller(userdata=00.00.00.16.00.00.00.00.ff.ff.00.10.00.00.23.20.00.0e.ff.f8.21.00.00.00)" // next(table=33)
	hv1.info.BridgeMappings = nil
	for port, want := range map[string]string{"eth1": "rejected external hv1 eth1", "tap0": "rejected port hv1 sw0-p1"} {
		hv1.trace = func(req node.TraceRequest) (*engine.Result, error) {
			if req.InPort == ofppController {
				return result(output(hv1.port(t, port), req.Packet)), nil
			}
			return result(engine.Leaf{Kind: engine.LeafController, Packet: tcpSYN(), Path: []int{0},
				Controller: &engine.ControllerLeaf{Action: reject, Table: 8, FlowRegs: "tcp"}}), nil
		}
		sent := send(t, d, tcpSYN())
		if got := ends(sent); !strings.HasPrefix(got, want+": ") || sent.Verdict != engine.Rejected || sent.Branches[0].Cause.Lookup == nil {
			t.Errorf("%s: %v, %+v", got, sent.Verdict, sent.Branches[0].Cause)
		}
	}
}
