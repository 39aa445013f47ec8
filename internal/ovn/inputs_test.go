package ovn_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// shared is a switch with two routers, ports that learn their way by DHCP, by router advertisements
// or not at all, and a provider network with a host that OVN has learned of.
const shared = `
lr-add ra
lr-add rb
ls-add lan
lrp-add ra ra-lan 02:00:00:00:0a:01 10.1.0.1/24 fd01::1/64
lrp-add rb rb-lan 02:00:00:00:0b:01 10.1.0.2/24 10.2.0.2/24 fd01::2/64
set logical_router_port rb-lan ipv6_ra_configs:address_mode=slaac
lsp-add lan lan-ra
lsp-set-type lan-ra router
lsp-set-addresses lan-ra router
lsp-set-options lan-ra router-port=ra-lan
lsp-add lan lan-rb
lsp-set-type lan-rb router
lsp-set-addresses lan-rb router
lsp-set-options lan-rb router-port=rb-lan
lsp-add lan vm-a
lsp-set-addresses vm-a '02:00:00:00:00:0a 10.1.0.10 fd01::10'
lsp-add lan vm-b
lsp-set-addresses vm-b '02:00:00:00:00:0b 10.1.0.11'
lsp-add lan vm-c
lsp-set-addresses vm-c '02:00:00:00:00:0c 10.1.0.12'
lsp-add lan vm-d
lsp-set-addresses vm-d '02:00:00:00:00:0d 10.1.0.13 10.2.0.13'
lsp-add lan vm-e
lsp-set-addresses vm-e '02:00:00:00:00:0e 10.2.0.14'
--id=@d create dhcp_options cidr=10.1.0.0/24 options:router=10.1.0.2 options:server_id=10.1.0.254 -- set logical_switch_port vm-b dhcpv4_options=@d
--id=@e create dhcp_options cidr=10.1.0.0/24 options:router=10.1.0.1 options:classless_static_route='"{169.254.169.254/32,10.1.0.11, 20.0.0.0/8,10.1.0.2, 20.1.0.0/16,10.1.0.10, 0.0.0.0/0,10.1.0.1}"' -- set logical_switch_port vm-c dhcpv4_options=@e
--id=@f create dhcp_options cidr=10.1.0.0/24 options:router=10.1.0.99 -- set logical_switch_port vm-d dhcpv4_options=@f
lsp-add lan vm-auto
lsp-set-addresses vm-auto dynamic
lsp-add lan vm-half
lsp-set-addresses vm-half '02:00:00:00:00:aa dynamic'
set logical_switch lan other_config:subnet=10.1.0.0/24
lb-add lb-lan 10.1.0.50:80 10.1.0.10:80
--id=@g create load_balancer_group name=group -- add logical_router ra load_balancer_group @g
`

func TestNextHopOfSeveral(t *testing.T) {
	d := ovntest.New(t, shared)
	lb := must[string](t)(d.NBCtl(t.Context(), "--bare --columns=_uuid find load_balancer name=lb-lan"))
	if _, err := d.NBCtl(t.Context(), "add load_balancer_group group load_balancer "+strings.TrimSpace(lb)); err != nil {
		t.Fatal(err)
	}
	sb := dialSB(t, d.SB)
	lr := must[*ovn.Datapath](t)(sb.DatapathByName(t.Context(), "ra"))
	if _, err := d.SBCtl(t.Context(), `create mac_binding logical_port=ra-lan ip=10.1.0.77 mac='"02:00:00:00:00:77"' datapath=`+lr.UUID.String()); err != nil {
		t.Fatal(err)
	}
	nb := must[*ovn.NB](t)(ovn.DialNB(t.Context(), ovsdb.Options{Remotes: d.NB}))
	defer nb.Close()
	sb.Dynamic = nb.DynamicAddresses
	auto := must[*ovn.PortBinding](t)(sb.PortByName(t.Context(), "vm-auto"))
	if len(auto.Addrs()) != 1 || len(auto.Addrs()[0].IPs) != 1 {
		t.Fatalf("dynamic addresses: %v", auto.MAC)
	}
	given := auto.Addrs()[0]
	for _, spec := range []string{given.MAC, given.IPs[0].Addr().String()} {
		if found, err := sb.FindPorts(t.Context(), spec, ""); err != nil || len(found) != 1 || found[0].LogicalPort != "vm-auto" {
			t.Errorf("FindPorts(%q): %v, %v", spec, found, err)
		}
	}
	half := must[*ovn.PortBinding](t)(sb.PortByName(t.Context(), "vm-half"))
	if a := half.Addrs(); len(a) != 1 || a[0].MAC != "02:00:00:00:00:aa" || len(a[0].IPs) != 1 {
		t.Errorf("a dynamic IP address of a given MAC address: %v", half.MAC)
	}
	for _, c := range []struct{ from, to, mac, port, net string }{
		{"vm-a", given.IPs[0].Addr().String(), given.MAC, "vm-auto", "10.1.0.0/24"},
		{"vm-a", "10.1.0.11", "02:00:00:00:00:0b", "vm-b", "10.1.0.0/24"},
		{"vm-a", "20.0.0.3", "", "", ""},                                   // two routers, and nothing says which
		{"vm-b", "20.0.0.3", "02:00:00:00:0b:01", "rb-lan", "10.1.0.0/24"}, // as DHCP says
		{"vm-c", "20.0.0.3", "02:00:00:00:0b:01", "rb-lan", "10.1.0.0/24"}, // by a static route of DHCP
		{"vm-c", "20.1.0.3", "02:00:00:00:00:0a", "vm-a", "10.1.0.0/24"},   // by a more specific one, through a port
		{"vm-c", "169.254.169.254", "02:00:00:00:00:0b", "vm-b", "10.1.0.0/24"},
		{"vm-c", "30.0.0.3", "02:00:00:00:0a:01", "ra-lan", "10.1.0.0/24"},
		{"vm-d", "20.0.0.3", "", "", ""}, // a router that no port has
		{"vm-d", "10.2.0.14", "02:00:00:00:00:0e", "vm-e", "10.2.0.0/24"},
		{"vm-e", "20.0.0.3", "02:00:00:00:0b:01", "rb-lan", ""},             // the one router on its network
		{"vm-a", "fd77::1", "02:00:00:00:0b:01", "rb-lan", ""},              // the one that advertises itself
		{"vm-a", "10.1.0.50", "02:00:00:00:0a:01", "ra-lan", "10.1.0.0/24"}, // a VIP of a router's group
		{"vm-a", "10.1.0.77", "02:00:00:00:00:77", "", "10.1.0.0/24"},       // learned
		{"vm-a", "10.1.0.78", "", "", ""},
	} {
		p := must[*ovn.PortBinding](t)(sb.PortByName(t.Context(), c.from))
		h, err := sb.NextHop(t.Context(), p, netip.MustParseAddr(c.to), nb)
		var none *ovn.NoNextHopError
		if c.mac == "" {
			if !errors.As(err, &none) {
				t.Errorf("%s to %s: %+v, %v; want NoNextHopError", c.from, c.to, h, err)
			}
			continue
		}
		net := ""
		if h.Net.IsValid() {
			net = h.Net.String()
		}
		if err != nil || h.MAC != c.mac || h.Port != c.port || net != c.net {
			t.Errorf("%s to %s: %+v, %v; want %s %s %s", c.from, c.to, h, err, c.mac, c.port, c.net)
		}
	}
}

// named are ports as Kubernetes and OpenStack name them.
const named = `
ls-add neutron-11111111-2222-3333-4444-555555555555
set logical_switch neutron-11111111-2222-3333-4444-555555555555 external_ids:neutron\:network_name=net1
lsp-add neutron-11111111-2222-3333-4444-555555555555 aaaaaaaa-0000-0000-0000-000000000001
lsp-set-addresses aaaaaaaa-0000-0000-0000-000000000001 '02:00:00:00:00:01 10.0.0.1'
set logical_switch_port aaaaaaaa-0000-0000-0000-000000000001 external_ids:neutron\:port_name=web external_ids:neutron\:device_id=bbbbbbbb-0000-0000-0000-000000000001
ls-add neutron-11111111-2222-3333-4444-666666666666
set logical_switch neutron-11111111-2222-3333-4444-666666666666 external_ids:neutron\:network_name=net1
lsp-add neutron-11111111-2222-3333-4444-666666666666 aaaaaaaa-0000-0000-0000-000000000002
lsp-set-addresses aaaaaaaa-0000-0000-0000-000000000002 '02:00:00:00:00:02 10.0.0.1'
ls-add node1
lsp-add node1 blue_web
set logical_switch_port blue_web external_ids:pod=true external_ids:namespace=blue
lsp-add node1 blue.udn_blue_web
set logical_switch_port blue.udn_blue_web external_ids:pod=true external_ids:namespace=blue
lsp-add node1 blue_other-web
set logical_switch_port blue_other-web external_ids:pod=true external_ids:namespace=blue
lsp-add node1 db.red
set logical_switch_port db.red external_ids:pod=red/db
lr-add lr0
ls-add public
lrp-add lr0 lr0-public 02:00:00:00:00:fe 172.16.0.1/24
lrp-set-gateway-chassis lr0-public hv1
lsp-add public public-lr0
lsp-set-type public-lr0 router
lsp-set-addresses public-lr0 router
lsp-set-options public-lr0 router-port=lr0-public
pg-add web blue_web blue.udn_blue_web aaaaaaaa-0000-0000-0000-000000000001
pg-add nobody
`

func TestNames(t *testing.T) {
	d := ovntest.New(t, named)
	ctx := t.Context()
	sb := dialSB(t, d.SB)
	nb := must[*ovn.NB](t)(ovn.DialNB(ctx, ovsdb.Options{Remotes: d.NB}))
	defer nb.Close()
	const net1, one, two = "neutron-11111111-2222-3333-4444-555555555555", "aaaaaaaa-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000002"
	for _, c := range []struct {
		spec, network string
		want          []string
	}{
		{one, "", []string{one}},
		{one[:12], "", []string{one, two}},
		{one[:12], net1, []string{one}},
		{"AAAAAAAA", net1, []string{one}},
		{"web", "", []string{one}},
		{"server:web", "", []string{one}},
		{"server:bbbbbbbb-0000-0000-0000-000000000001", "", []string{one}},
		{"10.0.0.1", "", []string{one, two}},
		{"10.0.0.1", net1, []string{one}},
		{"10.0.0.1", net1[len("neutron-"):], []string{one}},
		{"pod:blue/web", "", []string{"blue.udn_blue_web", "blue_web"}},
		{"pod:blue/web", "node1", []string{"blue.udn_blue_web", "blue_web"}},
		{"pod:blue/other-web", "", []string{"blue_other-web"}},
		{"pod:red/db", "", []string{"db.red"}},
		{"172.16.0.1", "", []string{"lr0-public"}}, // and not cr-lr0-public
		{"02:00:00:00:00:fe", "", []string{"lr0-public"}},
	} {
		found, err := sb.FindPorts(ctx, c.spec, c.network)
		var got []string
		for _, p := range found {
			got = append(got, p.LogicalPort)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("FindPorts(%q, %q) = %v, %v; want %v", c.spec, c.network, got, err, c.want)
		}
	}
	var many *ovn.AmbiguousError
	if _, err := sb.FindPorts(ctx, "10.0.0.1", "net1"); !errors.As(err, &many) || len(many.Candidates) != 2 {
		t.Errorf("two networks of one name: %v", err)
	}
	rows := must[[][]*ovsdb.Row](t)(nb.Select(ctx, ovsdb.From("Logical_Switch_Port", "name")))[0]
	for _, r := range rows {
		id := r.UUID().String()
		for _, spec := range []string{r.Str("name"), id, id[:13]} {
			if got := must[[]string](t)(nb.PortNames(ctx, spec)); !slices.Equal(got, []string{r.Str("name")}) {
				t.Errorf("PortNames(%q) = %v, want %s", spec, got, r.Str("name"))
			}
		}
	}
	want := []string{one, "blue.udn_blue_web", "blue_web"}
	if got := must[[]string](t)(sb.PortGroup(ctx, "web")); !slices.Equal(got, want) {
		t.Errorf("port group of the Southbound database: %v", got)
	}
	if got, ok, err := nb.PortGroup(ctx, "web"); err != nil || !ok || !slices.Equal(got, want) {
		t.Errorf("port group of the Northbound database: %v %v %v", got, ok, err)
	}
	if got, ok, err := nb.PortGroup(ctx, "nobody"); err != nil || !ok || len(got) != 0 {
		t.Errorf("empty port group: %v %v %v", got, ok, err)
	}
	if _, ok, err := nb.PortGroup(ctx, "nosuch"); err != nil || ok {
		t.Errorf("no port group: %v %v", ok, err)
	}
}
