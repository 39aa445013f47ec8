package rebuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// A bridge of which the learned addresses are not all known forwards to groups and to known
// addresses as it is; another address is unknown, for another port may be the one to it.
func TestUnlearned(t *testing.T) {
	for _, tool := range []string{"ovs-vswitchd", "ovsdb-server", "ovs-ofctl"} {
		testenv.Tool(t, tool)
	}
	room, err := Open(Options{Parent: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer room.Close()
	sw, err := room.NewSwitch(t.Context(), "hv1")
	if err != nil {
		t.Fatal(err)
	}
	if err := sw.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	const at = "02:00:00:00:00:01"
	if err := sw.Vsctl(t.Context(), strings.Fields("add-br br0 -- set bridge br0 fail_mode=secure -- add-port br0 p1 -- set Interface p1 type=dummy ofport_request=1 -- add-port br0 p2 -- set Interface p2 type=dummy ofport_request=2")...); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(sw.RunDir, "flows")
	n, err := writeFlows(part("priority=1,udp actions=mod_dl_src:02:00:00:00:00:09,NORMAL\npriority=0 actions=NORMAL\n"), file, func(string, string) string { return "" })
	if err != nil || !n.normal {
		t.Fatal(n, err)
	}
	b := &builder{room: room, host: &Host{}, sw: sw, out: &Chassis{}}
	c, err := readConf(t.Context(), sw.DB.Remote)
	if err != nil || len(c.bridges) != 1 {
		t.Fatal(c, err)
	}
	br := c.bridges[0]
	macs := part(" port  VLAN  MAC                Age\n    2     0  " + at + "  1\n    2   300  02:00:00:00:00:02  1\n")
	macs.Cut = "it is cut"
	known, err := b.macs(t.Context(), br, macs)
	if err != nil || len(known) != 2 {
		t.Fatal(known, err)
	}
	if err := b.unlearned(file, n, br, macs, known); err != nil {
		t.Fatal(err)
	}
	if _, err := sw.Ofctl(t.Context(), openFlow, "--bundle", "replace-flows", "br0", file); err != nil {
		t.Fatal(err)
	}
	for flow, unknown := range map[string]bool{
		"dl_dst=" + at: false, "dl_dst=02:00:00:00:00:03": true, "dl_dst=ff:ff:ff:ff:ff:ff": false, "dl_dst=02:00:00:00:00:02": true,
		"dl_vlan=300,dl_dst=02:00:00:00:00:02": false, "udp,dl_dst=02:00:00:00:00:03": true,
	} {
		text, err := sw.Appctl(t.Context(), "ofproto/trace", "br0", "in_port=1,dl_src=02:00:00:00:00:08,"+flow)
		if err != nil {
			t.Fatal(err)
		}
		_, actions, _ := strings.Cut(text, "Datapath actions: ")
		if strings.Contains(actions, "userspace(") != unknown {
			t.Errorf("%s: %s", flow, actions)
		}
	}
	if text, _ := os.ReadFile(file); strings.Count(string(text), "NORMAL") != 3 {
		t.Errorf("%s", text)
	}
}
