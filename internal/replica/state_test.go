package replica

import (
	"os/exec"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// The state changes with what a trace depends on, and with nothing that each configuration changes.
func TestState(t *testing.T) {
	ctx := t.Context()
	room, c := newSwitch(t, "ovn-sbctl", "ovn-nbctl")
	r := &Replica{room: room, chassis: map[string]*chassis{"hv1": c}}
	defer r.Close()
	var err error
	if r.SB, err = room.CreateDB(ctx, "sb", "/usr/share/ovn/ovn-sb.ovsschema"); err != nil {
		t.Fatal(err)
	}
	if r.NB, err = room.CreateDB(ctx, "nb", "/usr/share/ovn/ovn-nb.ovsschema"); err != nil {
		t.Fatal(err)
	}
	if r.sb, err = ovn.DialSB(ctx, ovsdb.Options{Remotes: r.SB.Remote}); err != nil {
		t.Fatal(err)
	}
	if r.nb, err = ovn.DialNB(ctx, ovsdb.Options{Remotes: r.NB.Remote}); err != nil {
		t.Fatal(err)
	}
	if c.ovs, err = ovn.DialOVS(ctx, ovsdb.Options{Remotes: c.sw.DB.Remote}); err != nil {
		t.Fatal(err)
	}
	defer c.ovs.Close()
	do := func(tool, db string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(ctx, tool, append([]string{"--db=" + db}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v: %s", tool, args, err, out)
		}
	}
	sbctl := func(args ...string) { t.Helper(); do("ovn-sbctl", r.SB.Remote, args...) }
	nbctl := func(args ...string) { t.Helper(); do("ovn-nbctl", r.NB.Remote, args...) }
	vsctl := func(args ...string) { t.Helper(); do("ovs-vsctl", c.sw.DB.Remote, args...) }

	sbctl("init", "--", "--id=@d", "create", "Datapath_Binding", "tunnel_key=1", "--", "create", "Port_Binding", "logical_port=p", "datapath=@d", "tunnel_key=1")
	sbctl("chassis-add", "hv1", "geneve", "192.0.2.1")
	nbctl("init", "--", "lr-add", "r", "--", "lr-nat-add", "r", "snat", "192.0.2.9", "10.0.0.0/24")
	vsctl("add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=dummy", "--", "add-port", "br-int", "p")
	last := ""
	for _, step := range []struct {
		name    string
		do      func()
		changes bool
	}{
		{"nothing", func() {}, false},
		{"a configuration's number", func() { sbctl("set", "SB_Global", ".", "nb_cfg=7") }, false},
		{"a logical flow", func() {
			sbctl("create", "Logical_Flow", "pipeline=ingress", "table_id=1", "priority=1", `match="1"`, `actions="drop;"`)
		}, false},
		{"statistics of an interface", func() { vsctl("set", "Interface", "p", "statistics:rx_bytes=7") }, false},
		{"an option of all", func() { sbctl("set", "SB_Global", ".", "options:always_tunnel=true") }, true},
		{"a port", func() { sbctl("set", "Port_Binding", "p", "options:requested-chassis=hv1") }, true},
		{"a tunnel endpoint", func() { sbctl("set", "Encap", ".", "ip=192.0.2.2") }, true},
		{"a learned address", func() {
			sbctl("--id=@d", "get", "Datapath_Binding", ".", "--", "create", "MAC_Binding", "logical_port=p", `ip="192.0.2.7"`, `mac="02:00:00:00:00:07"`, "datapath=@d")
		}, true},
		{"a translation", func() { nbctl("set", "NAT", ".", "external_mac=\"02:00:00:00:00:09\"") }, true},
		{"an interface", func() { vsctl("set", "Interface", "p", "type=dummy") }, true},
		{"a port's VLAN", func() { vsctl("set", "Port", "p", "tag=5") }, true},
		{"another port", func() { vsctl("add-port", "br-int", "q") }, true},
	} {
		step.do()
		if r.settled, err = r.places(ctx); err != nil { // as Settle does
			t.Fatal(err)
		}
		is, err := r.State(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" && (is != last) != step.changes {
			t.Errorf("%s: the state changes: %v", step.name, is != last)
		}
		last = is
	}
}
