package diagnose_test

import (
	"slices"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestTooLarge checks that the router port is named whose MTU the packet exceeds, not the one by
// which it came, nor another one with an MTU.
func TestTooLarge(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology+"set logical_router_port lr0-sw1 options:gateway_mtu=900\nset logical_router_port lr0-sw0 options:gateway_mtu=800\n")
	port := func(name string) *report.NB {
		return &report.NB{Table: "Logical_Router_Port", Name: name, UUID: nbUUID(t, d, "logical_router_port", "name="+name)}
	}
	hit := func(stage, actions, cookie string, row *report.NB) report.Table {
		return report.Table{Stage: stage, Cookie: cookie, LogicalFlow: &report.LogicalFlow{Datapath: "lr0", Actions: actions}, NB: row}
	}
	in := over(t, d)
	r := dropped(report.CodeMTUExceeded, "20.0.0.3", "lr0", "lr_in_larger_pkts", map[string]string{"mtu": "900"})
	b := r.Packets[0].Branches[0]
	b.Segments = [][2]int{{0, 0}}
	b.Reason.Cookie, b.Reason.NB = "0x2", port("lr0-sw0")
	r.Packets[0].Hops = []*report.Hop{{Chassis: "hv1", Segments: []*report.Segment{{Tables: []report.Table{
		hit("lr_in_chk_pkt_len", "reg9[1] = check_pkt_larger(918); next;", "0x1", port("lr0-sw1")),
		hit("lr_in_larger_pkts", "icmp4_error {};", "0x2", port("lr0-sw0")),
		hit("lr_in_chk_pkt_len", "reg9[1] = check_pkt_larger(818); next;", "0x3", port("lr0-sw0")), // the answer's
	}}}}}
	in.Live = r
	f := diagnose.Why(t.Context(), in).Causes[0]
	if f.Code != report.CodeMTUExceeded || f.NB == nil || f.NB.Name != "lr0-sw1" || f.Where["port"] != "lr0-sw1" ||
		f.Text != "the packet is larger than the MTU 900 of router port lr0-sw1 (options:gateway_mtu=900)" {
		t.Errorf("%+v, row %+v", f, f.NB)
	}
	if want := []string{"ovn-nbctl set Logical_Router_Port lr0-sw1 options:gateway_mtu=1500"}; !slices.Equal(f.Mend, want) {
		t.Errorf("mend %q", f.Mend)
	}
}
