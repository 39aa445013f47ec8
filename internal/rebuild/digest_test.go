package rebuild

import (
	"strings"
	"testing"
)

// A digest differs where something that is used does, and not by what is passed over.
func TestDigest(t *testing.T) {
	type texts struct{ interfaces, routes, neighbours, flows, groups, meters, tlvs, macs string }
	whole := texts{
		"1", "Route Table:\nCached: 172.31.0.0/24 dev br-phy SRC 172.31.0.1\n", "IP MAC Bridge\n172.31.0.2 02:00:00:00:00:02 br-phy\n",
		"NXST_FLOW reply\n priority=1 actions=drop\n", "group reply\n group_id=1,type=select\n", "meter reply\n meter=1 kbps bands=\n",
		"reply\n 0x102 0x80 4 tun_metadata0\n", " port VLAN MAC Age\n 1 0 02:00:00:00:00:03 1\n",
	}
	digest := func(x texts) string {
		var out strings.Builder
		h := &Host{Interfaces: []Row{{"name": "p", "ofport": x.interfaces, "statistics": x.interfaces[:1]}}, Routes: part(x.routes), Neighbours: part(x.neighbours)}
		h.Bridge = func(string) *Bridge {
			return &Bridge{Flows: part(x.flows), Groups: part(x.groups), Meters: part(x.meters), TLVs: part(x.tlvs), MACs: part(x.macs)}
		}
		h.Digest(&out, []string{"br-int"})
		return out.String()
	}
	want := digest(whole)
	for _, c := range []struct {
		part     func(x *texts) *string
		old, new string
	}{
		{func(x *texts) *string { return &x.routes }, "172.31.0.1", "172.31.0.9"},
		{func(x *texts) *string { return &x.neighbours }, "00:02", "00:09"},
		{func(x *texts) *string { return &x.groups }, "select", "all"},
		{func(x *texts) *string { return &x.meters }, "kbps", "pktps"},
		{func(x *texts) *string { return &x.tlvs }, "0x80", "0x81"},
		{func(x *texts) *string { return &x.macs }, "00:03", "00:09"},
	} {
		x := whole
		p := c.part(&x)
		text := *p
		lines := strings.SplitAfterN(text, "\n", 2)
		if *p = "ply\n" + lines[1] + "a line that is c"; digest(x) != want {
			t.Errorf("%q and %q differ", text, *p)
		}
		for _, other := range []string{lines[0], strings.Replace(text, c.old, c.new, 1)} {
			if *p = other; digest(x) == want {
				t.Errorf("%q and %q do not differ", text, other)
			}
		}
	}
	x := whole
	if x.interfaces = "12"; digest(x) == want {
		t.Error("an interface's port number makes no difference")
	}
	x = whole
	if x.flows = "NXST_FLOW reply\n"; digest(x) == want {
		t.Error("flows make no difference")
	}
}
