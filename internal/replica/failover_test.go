package replica

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// A gateway may stay on a dead chassis only where no other chassis of its group runs.
func TestStuck(t *testing.T) {
	sbctl := testenv.Tool(t, "ovn-sbctl")
	testenv.Tool(t, "ovsdb-server")
	room, err := rebuild.Open(rebuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer room.Close()
	db, err := room.CreateDB(t.Context(), "sb", "/usr/share/ovn/ovn-sb.ovsschema")
	if err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), sbctl, append([]string{"--db=" + db.Remote}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	do("chassis-add", "hv1", "geneve", "192.0.2.1", "--", "chassis-add", "hv2", "geneve", "192.0.2.2")
	uuid := func(name string) string { return do("--bare", "--columns=_uuid", "find", "Chassis", "name="+name) }
	on1, on2 := "chassis="+uuid("hv1"), "chassis="+uuid("hv2")
	do("--id=@d", "create", "Datapath_Binding", "tunnel_key=1", "--", "--id=@a", "create", "HA_Chassis", on1, "priority=20",
		"--", "--id=@b", "create", "HA_Chassis", on2, "priority=10", "--", "--id=@g", "create", "HA_Chassis_Group", "name=g", "ha_chassis=@a,@b",
		"--", "create", "Port_Binding", "logical_port=cr-p", "type=chassisredirect", "datapath=@d", "tunnel_key=1", on1, "ha_chassis_group=@g",
		"--", "create", "Port_Binding", "logical_port=vif", "datapath=@d", "tunnel_key=2", on1)
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: db.Remote})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	hv1, hv2 := &chassis{name: "hv1"}, &chassis{name: "hv2"}
	for _, c := range []struct {
		name   string
		copied map[string]*chassis
		down   map[string]bool
		stuck  bool
	}{
		{"nobody is down", map[string]*chassis{"hv1": hv1, "hv2": hv2}, nil, false},
		{"its chassis is down", map[string]*chassis{"hv1": hv1, "hv2": hv2}, map[string]bool{"hv1": true}, true},
		{"both are down", map[string]*chassis{"hv1": hv1, "hv2": hv2}, map[string]bool{"hv1": true, "hv2": true}, false},
		{"the other one is not copied", map[string]*chassis{"hv1": hv1}, map[string]bool{"hv1": true}, false},
	} {
		r := &Replica{room: room, sb: sb, chassis: c.copied, down: c.down}
		err := r.stuck(t.Context())
		var port *StuckError
		if errors.As(err, &port) != c.stuck || err != nil && port == nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.stuck && (port == nil || *port != StuckError{"cr-p", "hv1", "hv2"}) {
			t.Errorf("%s: %+v", c.name, port)
		}
	}
	do("set", "Port_Binding", "cr-p", on2)
	r := &Replica{room: room, sb: sb, chassis: map[string]*chassis{"hv1": hv1, "hv2": hv2}, down: map[string]bool{"hv1": true}}
	if err := r.stuck(t.Context()); err != nil {
		t.Errorf("after it has moved: %v", err)
	}
}
