package replica

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// newSwitch returns chassis hv1 with an empty Open vSwitch, and its room; tools are those that are
// needed besides.
func newSwitch(t *testing.T, tools ...string) (*rebuild.Room, *chassis) {
	t.Helper()
	for _, tool := range append(tools, "ovs-vswitchd", "ovsdb-server", "ovs-vsctl") {
		testenv.Tool(t, tool)
	}
	room, err := rebuild.Open(rebuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { room.Close() })
	sw, err := room.Switch(t.Context(), "hv1", "")
	if err != nil {
		t.Fatal(err)
	}
	return room, &chassis{name: "hv1", bridge: "br-int", sw: sw}
}
