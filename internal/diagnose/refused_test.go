package diagnose_test

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestRefused checks the answers about packets that cannot be sent.
func TestRefused(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology+"lb-add why-lb 10.0.0.77:80 20.0.0.3:8080 tcp\n"+
		"lb-add why-switch 10.0.0.78:80 20.0.0.3:8080 tcp\nls-lb-add sw0 why-switch\nlb-add why-none 10.0.0.79:80 20.0.0.3:8080 tcp\nlr-lb-add lr0 why-none\n"+
		"set load_balancer why-none options:neighbor_responder=none\n")
	in := over(t, d)
	vip, port := header(), 81
	vip.IPDst = "10.0.0.77"
	onSwitch, silent := vip, vip
	onSwitch.IPDst, silent.IPDst = "10.0.0.78", "10.0.0.79"
	other := vip
	other.L4Dst = &port
	udp := vip
	udp.IPProto = "udp"
	for _, c := range []struct {
		ref   diagnose.Refusal
		first report.Code
		text  string
		mend  string
	}{
		{diagnose.Refusal{Code: report.CodePortNotBound, Port: "sw0-p1"}, "port-not-bound", "logical port sw0-p1 is not bound", "iface-id=sw0-p1"},
		{diagnose.Refusal{Code: report.CodePortNotBound, Port: "cr-lr0-public"}, "port-not-bound", "gateway port lr0-public is on no chassis", "lrp-set-gateway-chassis lr0-public"},
		{diagnose.Refusal{Code: report.CodeInterfaceMissing, Port: "sw0-p1", Chassis: "hv1"}, "interface-missing", "bound to hv1", "# on hv1"},
		{diagnose.Refusal{Code: report.CodeChassisGone, Port: "sw0-p1"}, "chassis-gone", "no longer in the Southbound database", "ovn-appctl -t ovn-controller recompute # on the chassis of the workload"},
		{diagnose.Refusal{Code: report.CodeNorthdBehind, Port: "new", Text: "no binding"}, "northd-behind", "no binding", "ovn-nbctl --wait=sb sync"},
		{diagnose.Refusal{Code: report.CodeNextHopUnresolved, Port: "sw0-p1", Text: "nobody has it", Packet: vip}, "lb-not-on-router", `VIP 10.0.0.77:80 of load balancer "why-lb"`, "ovn-nbctl ls-lb-add sw0 why-lb"},
		{diagnose.Refusal{Code: report.CodeNextHopUnresolved, Port: "sw0-p1", Text: "nobody has it", Packet: other}, "vip-other-port", "10.0.0.77 is a VIP on 80/tcp", "ovn-nbctl lb-add why-lb 10.0.0.77:81 20.0.0.3:8080 tcp"},
		{diagnose.Refusal{Code: report.CodeNextHopUnresolved, Port: "sw0-p1", Text: "nobody has it", Packet: udp}, "vip-other-port", "10.0.0.77 is a VIP on 80/tcp of load balancer \"why-lb\", not on 80/udp", ""},
		{diagnose.Refusal{Code: report.CodeNextHopUnresolved, Port: "sw0-p1", Text: "nobody has it", Packet: onSwitch}, "lb-unanswered-vip",
			`nobody answers on switch sw0 for VIP 10.0.0.78:80 of load balancer "why-switch"`, "ovn-nbctl lr-lb-add lr0 "},
		{diagnose.Refusal{Code: report.CodeNextHopUnresolved, Port: "sw0-p1", Text: "nobody has it", Packet: silent}, "lb-unanswered-vip",
			`VIP 10.0.0.79:80 of load balancer "why-none"`, "options:neighbor_responder=all"},
		{diagnose.Refusal{Code: report.CodeNoRoute, Port: "sw0-p1", Text: "no router", Packet: header()}, "no-route", "the guest behind sw0-p1 finds no way to 20.0.0.3: no router", ""},
	} {
		w := diagnose.Refused(t.Context(), in, c.ref, nil, report.Versions{})
		f := w.Causes[0]
		if f.Code != c.first || !strings.Contains(f.Text, c.text) || (c.mend == "") != (len(f.Mend) == 0) || c.mend != "" && !strings.Contains(f.Mend[0], c.mend) {
			t.Errorf("%s: %s, %q, mend %q", c.ref.Code, f.Code, f.Text, f.Mend)
		}
		if w.Reaches == nil || *w.Reaches || w.Answered == nil || *w.Answered || w.Packets == nil || w.Warnings == nil {
			t.Errorf("%s: %+v", c.ref.Code, w)
		}
	}
}
