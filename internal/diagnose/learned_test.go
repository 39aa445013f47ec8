package diagnose_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestMisled checks that a learned MAC address on a packet's way is its cause if the owner of the
// address has another one, and not if it has this one.
func TestMisled(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	owner := strings.Fields(mustNB(t, d, "--bare --columns=addresses find logical_switch_port name=sw1-p1"))[0]
	for _, c := range []struct {
		mac  string
		code report.Code
	}{{"52:54:00:de:ad:3c", report.CodeStaleMACBinding}, {owner, report.CodeUnknown}} {
		if _, err := d.SBCtl(t.Context(), "--all destroy mac_binding"); err != nil {
			t.Fatal(err)
		}
		row, err := d.SBCtl(t.Context(), fmt.Sprintf(`--id=@d get datapath_binding lr0 -- create mac_binding logical_port=lr0-sw1 ip='"20.0.0.3"' mac='"%s"' datapath=@d`, c.mac))
		if err != nil {
			t.Fatal(err, row)
		}
		fields := strings.Fields(row)
		id := fields[len(fields)-1]
		in := over(t, d)
		in.Live = dropped("", "20.0.0.3", "sw1", "ls_in_l2_unknown", nil)
		p := in.Live.Packets[0]
		p.Branches[0].Segments = [][2]int{{0, 0}}
		p.Hops = []*report.Hop{{Chassis: "hv1", Segments: []*report.Segment{{Tables: []report.Table{
			{Table: 66, Cookie: "0x" + strings.TrimLeft(id[:8], "0"), Row: "MAC_Binding 20.0.0.3 is " + c.mac + " at lr0-sw1"}}}}}}
		f := diagnose.Why(t.Context(), in).Causes[0]
		if f.Code != c.code {
			t.Fatalf("%s: %+v, want %s", c.mac, f, c.code)
		}
		if c.code == report.CodeUnknown {
			continue
		}
		if f.Where["port"] != "lr0-sw1" || f.Where["address"] != "20.0.0.3" || len(f.Mend) != 1 || f.Mend[0] != "ovn-sbctl destroy mac_binding "+id {
			t.Errorf("%+v", f)
		}
	}
}

// mustNB returns what a command of ovn-nbctl prints.
func mustNB(t *testing.T, d *ovntest.Deployment, command string) string {
	t.Helper()
	out, err := d.NBCtl(t.Context(), command)
	if err != nil {
		t.Fatal(err, out)
	}
	return out
}
