package diagnose_test

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

const causesNB = `
lsp-set-port-security sw0-p1 '50:54:00:00:00:03 10.0.0.3'
lsp-add sw1 off
lsp-set-addresses off '50:54:00:01:00:88 20.0.0.88'
lsp-set-enabled off disabled
lsp-add sw1 wanted
lsp-set-addresses wanted '50:54:00:01:00:77 20.0.0.77'
lsp-set-options wanted requested-chassis=hv9
lr-add far
lrp-add far far-sw1 00:00:00:00:ff:77 20.0.0.99/24
lrp-add far far-net 00:00:00:00:ff:78 66.0.0.1/24
lrp-add far far-1 00:00:00:00:ff:79 67.0.0.1/24
lrp-add far far-2 00:00:00:00:ff:7a 68.0.0.1/24
lrp-add far far-3 00:00:00:00:ff:7b 69.0.0.1/24
lr-route-add lr0 77.0.0.0/24 discard
lr-route-add lr0 78.0.0.0/24 20.0.0.50
lr-policy-add lr0 900 'ip4.dst == 79.0.0.1' drop
lb-add why-lb 31.0.0.1:80 20.0.0.3:8080 tcp
`

// dropped is a SYN to a destination that was dropped in a stage of a switch or router.
func dropped(code report.Code, dst, datapath, stage string, where map[string]string) *report.Report {
	h := header()
	h.IPDst = dst
	at := map[string]string{"datapath": datapath}
	for k, v := range where {
		at[k] = v
	}
	r := brokenAt("SYN", &report.Branch{Verdict: engine.Dropped, Header: h, Reason: &report.Reason{
		Code: code, Chassis: "hv1", Stage: stage, Text: "the reason", Where: at,
		LogicalFlow: &report.LogicalFlow{Datapath: datapath},
	}})
	r.Packets[0].Header = h
	return r
}

// TestCauses checks for each code that the object is named and that a command mends it; the
// commands of ovn-nbctl are run.
func TestCauses(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology+causesNB)
	if _, err := d.SBCtl(t.Context(), "chassis-add hv1 geneve 192.168.0.1\nchassis-add hv2 geneve 192.168.0.2\n"+
		"set chassis hv2 other_config:ovn-bridge-mappings=physnet1:br-ex\nlsp-bind sw0-p1 hv1"); err != nil {
		t.Fatal(err)
	}
	in := over(t, d)
	row := func(r *report.Report, table, condition string) *report.Report {
		r.Packets[0].Branches[0].Reason.NB = &report.NB{Table: table, UUID: nbUUID(t, d, table, condition)}
		return r
	}
	for _, c := range []struct {
		name string
		live *report.Report
		code report.Code
		text string
		mend string
		runs bool // the command can be run as it is
	}{
		{"port security", dropped("port-security", "20.0.0.3", "sw0", "ls_in_check_port_sec", map[string]string{"port": "sw0-p1"}), "port-security",
			"port security of sw0-p1 refuses a packet from 50:54:00:00:00:03 10.0.0.3", "lsp-set-port-security sw0-p1", true},
		{"disabled", row(dropped("port-disabled", "20.0.0.88", "sw1", "ls_out_apply_port_sec", map[string]string{"port": "off"}), "Logical_Switch_Port", "name=off"),
			"port-disabled", "logical port off is disabled", "ovn-nbctl lsp-set-enabled off enabled", false},
		{"waits for a disabled port", dropped("next-hop-unresolved", "20.0.0.88", "lr0", "lr_in_arp_request", map[string]string{"address": "20.0.0.88"}), "port-disabled",
			"logical port off, which has the address 20.0.0.88, is disabled", "ovn-nbctl lsp-set-enabled off enabled", false},
		{"unbound", dropped("port-not-bound", "20.0.0.3", "sw1", "", map[string]string{"port": "sw1-p1"}), "port-not-bound",
			"logical port sw1-p1 is not bound to any chassis", "ovs-vsctl set Interface IFACE external_ids:iface-id=sw1-p1", false},
		{"requested elsewhere", dropped("port-not-bound", "20.0.0.77", "sw1", "", map[string]string{"port": "wanted"}), "requested-chassis-mismatch",
			"requested on hv9", "ovn-nbctl remove Logical_Switch_Port wanted options requested-chassis", true},
		{"no interface", dropped("interface-missing", "20.0.0.3", "sw1", "", map[string]string{"port": "sw1-p1", "chassis": "hv1"}), "interface-missing",
			"logical port sw1-p1 is bound to hv1, which has no interface for it", "# on hv1", false},
		{"no tunnel", dropped("no-tunnel", "20.0.0.3", "sw1", "", map[string]string{"port": "sw1-p1", "chassis": "hv2"}), "no-tunnel", "the reason", "ovn-encap-ip", false},
		{"no mapping", dropped("no-bridge-mapping", "20.0.0.3", "public", "", map[string]string{"network": "physnet1"}), "no-bridge-mapping",
			"chassis hv1 has no bridge mapping for provider network physnet1", "external_ids:ovn-bridge-mappings=physnet1:br-ex # on hv1", false},
		{"no route", dropped("no-route", "66.0.0.9", "lr0", "lr_in_ip_routing", nil), "no-route", "router lr0 has no route to 66.0.0.9",
			"ovn-nbctl lr-route-add lr0 66.0.0.0/24 20.0.0.99", true},
		{"discarded", row(dropped("blackhole-route", "77.0.0.1", "lr0", "lr_in_ip_routing", nil), "Logical_Router_Static_Route", "nexthop=discard"), "blackhole-route",
			"route 77.0.0.0/24 of router lr0 discards it", "ovn-nbctl lr-route-del lr0 77.0.0.0/24", true},
		{"policy", row(dropped("policy-drop", "79.0.0.1", "lr0", "lr_in_policy", nil), "Logical_Router_Policy", "priority=900"), "policy-drop",
			"routing policy 900 (ip4.dst == 79.0.0.1) of router lr0 drops it", "ovn-nbctl lr-policy-del lr0 900 'ip4.dst == 79.0.0.1'", true},
		{"next hop", dropped("next-hop-unresolved", "78.0.0.1", "lr0", "lr_in_arp_request", map[string]string{"address": "20.0.0.50"}), "next-hop-unresolved",
			"nobody has answered for 20.0.0.50, the next hop of router lr0", "ovn-nbctl static-mac-binding-add lr0-sw1 20.0.0.50 MAC", false},
		{"waits for a guest", dropped("next-hop-unresolved", "20.0.0.4", "lr0", "lr_in_arp_request", map[string]string{"address": "20.0.0.4", "port": "blue_web-2"}),
			"next-hop-unresolved", "port blue_web-2 has that address, and its guest must answer", "static-mac-binding-add lr0-sw1 20.0.0.4", false},
		{"its own next hop", dropped("route-via-self", "78.0.0.1", "lr0", "lr_in_arp_request", map[string]string{"address": "20.0.0.50"}), "route-via-self",
			"the next hop 20.0.0.50 of router lr0 is an address of the router itself", "ovn-nbctl lr-route-del lr0 78.0.0.0/24 20.0.0.50", true},
		{"VIP on another port", dropped("no-route", "30.0.0.10", "lr0", "lr_in_ip_routing", nil), "vip-other-port", "30.0.0.10 is a VIP on", "", false},
		{"load balancer that nothing has", dropped("no-route", "31.0.0.1", "lr0", "lr_in_ip_routing", nil), "lb-not-on-router",
			`VIP 31.0.0.1:80 of load balancer "why-lb"`, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in.Stock = nil // read anew: commands have changed it
			in.Live = c.live
			if c.code == report.CodeVIPOtherPort {
				port := 81
				c.live.Packets[0].Branches[0].Header.L4Dst = &port
			}
			f := diagnose.Why(t.Context(), in).Causes[0]
			if f.Code != c.code || !strings.Contains(f.Text, c.text) || f.Severity != report.SeverityError {
				t.Fatalf("%s %s: %q, want %s: %q", f.Severity, f.Code, f.Text, c.code, c.text)
			}
			if c.mend == "" {
				return
			}
			if len(f.Mend) == 0 || !strings.Contains(f.Mend[0], c.mend) {
				t.Fatalf("mend %q, want %q", f.Mend, c.mend)
			}
			if !c.runs {
				return
			}
			if _, err := d.NBCtl(t.Context(), strings.TrimPrefix(f.Mend[0], "ovn-nbctl ")); err != nil {
				t.Error(err)
			}
		})
	}
}
