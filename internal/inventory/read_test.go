package inventory_test

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// more adds what ovntest.Topology lacks.
const more = `
lsp-add sw0 sw0-dyn
set logical_switch sw0 other_config:subnet=10.0.0.0/24
lsp-set-addresses sw0-dyn '50:54:00:00:00:09 10.0.0.99' dynamic
set logical_switch_port blue_web-2 external_ids:namespace=blue external_ids:pod=true
--id=@hc create load_balancer_health_check vip='"30.0.0.10:80"' -- set load_balancer lb0 health_check=@hc ip_port_mappings:20.0.0.3='"sw1-p1:20.0.0.9"'
--id=@lb create load_balancer name=lb1 protocol=udp vips:'"[fd30::1]:53"'='"[fd20::3]:53"' -- --id=@g create load_balancer_group name=lbg0 load_balancer=@lb -- set logical_switch sw1 load_balancer_group=@g
`

func TestRead(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology+more)
	ctx := t.Context()
	if _, err := d.SBCtl(ctx, `
chassis-add hv1 geneve 192.168.0.1
chassis-add hv2 geneve 192.168.0.2
lsp-bind sw0-p1 hv2
lsp-bind cr-lr0-public hv1
set service_monitor sw1-p1 status=offline
`); err != nil {
		t.Fatal(err)
	}
	nb, err := ovn.DialNB(ctx, ovsdb.Options{Remotes: d.NB})
	if err != nil {
		t.Fatal(err)
	}
	defer nb.Close()
	sb, err := ovn.DialSB(ctx, ovsdb.Options{Remotes: d.SB})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	inv, err := inventory.Read(ctx, nb, sb)
	if err != nil {
		t.Fatal(err)
	}

	float := inv.NATByExternal(addr("172.16.0.110"))
	if len(float) != 1 || float[0].Type != "dnat_and_snat" || float[0].Chassis(inv) != "hv2" || float[0].Logical != prefix("10.0.0.3/32") ||
		float[0].ExternalMAC != "30:54:00:00:00:03" {
		t.Errorf("floating address: %+v", float)
	}
	snat := inv.NATByExternal(addr("172.16.0.100"))
	if len(snat) != 1 || snat[0].Chassis(inv) != "hv1" || snat[0].Router.Name != "lr0" {
		t.Errorf("snat: %+v", snat)
	}
	lr0 := inv.Router("lr0")
	if gw := lr0.GatewayPorts(); len(gw) != 1 || gw[0].Switch == nil || gw[0].Switch.Name != "public" || len(gw[0].Gateways) != 2 || gw[0].Gateways[0].Chassis != "hv1" {
		t.Errorf("gateway ports: %+v", gw)
	}
	if len(lr0.Routes) != 1 || lr0.Routes[0].NextHop != "172.16.0.1" || len(lr0.Policies) != 1 || lr0.Policies[0].Action != "drop" {
		t.Errorf("routes %+v, policies %+v", lr0.Routes, lr0.Policies)
	}
	vips := inv.VIP(6, endpoint("30.0.0.10:80"))
	if len(vips) != 1 || !vips[0].Checked || len(vips[0].Backends) != 2 || !vips[0].Backends[0].IsDown() || vips[0].Backends[1].IsDown() ||
		!vips[0].Balancer.OnRouter(lr0) || !vips[0].Balancer.OnSwitch(inv.Switch("sw0")) {
		t.Errorf("VIP: %+v", vips)
	}
	if v := inv.VIP(17, endpoint("[fd30::1]:53")); len(v) != 1 || !v[0].Has(endpoint("[fd20::3]:53")) || !v[0].Balancer.OnSwitch(inv.Switch("sw1")) {
		t.Errorf("VIP of a group: %+v", v)
	}
	for ip, want := range map[string]string{"20.0.0.4": "port blue_web-2 (pod blue/web-2)", "10.0.0.4": "port sw0-p2 (pod blue/web)",
		"10.0.0.99": "port sw0-dyn", "10.0.0.2": "port sw0-dyn"} {
		if o := inv.Owners(addr(ip)); len(o) != 1 || o[0].String() != want {
			t.Errorf("owners of %s: %v, want %s", ip, o, want)
		}
	}
	if p := inv.Port("sw0-lr0"); p == nil || p.Router != inv.RouterPort("lr0-sw0") || p.Switch.Name != "sw0" {
		t.Errorf("port to the router: %+v", p)
	}
}
