package ovn_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

func dialSB(t testing.TB, remote string) *ovn.SB {
	t.Helper()
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: remote})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sb.Close() })
	return sb
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestSouthbound(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	ctx := context.Background()
	if _, err := d.SBCtl(ctx, `
chassis-add hv1 geneve 192.168.0.1
chassis-add hv2 geneve 192.168.0.2
lsp-bind sw0-p1 hv1
lsp-bind sw1-p1 hv2
lsp-bind cr-lr0-public hv1
set chassis hv1 hostname=node1 other_config:ovn-bridge-mappings=physnet1:br-ex,physnet2:br-b
`); err != nil {
		t.Fatal(err)
	}
	sb := dialSB(t, d.SB)

	c := must[*ovn.Chassis](t)(sb.ChassisByEncapIP(ctx, netip.MustParseAddr("192.168.0.1")))
	if c.Name != "hv1" || c.Hostname != "node1" || c.BridgeMappings()["physnet2"] != "br-b" || c.Encaps[0].Type != "geneve" {
		t.Errorf("chassis by tunnel address: %+v", c)
	}
	if got := must[*ovn.Chassis](t)(sb.ChassisByName(ctx, "node1")); got.UUID != c.UUID {
		t.Errorf("chassis by hostname: %+v", got)
	}
	if all := must[[]*ovn.Chassis](t)(sb.AllChassis(ctx)); len(all) != 2 {
		t.Errorf("%d chassis", len(all))
	}

	// ovn-nbctl --wait has counted nb_cfg up, and northd has copied it.
	if _, err := d.SBCtl(ctx, "create chassis_private name=hv1 nb_cfg=0"); err != nil {
		t.Fatal(err)
	}
	f := must[ovn.Freshness](t)(sb.Freshness(ctx, "hv1"))
	if f.Have != 0 || f.Wanted == 0 || !f.Stale() {
		t.Errorf("freshness: %+v", f)
	}
	// Where no chassis confirms, none is behind.
	for _, command := range []string{"set nb_global . options:enable_chassis_nb_cfg_update=false", "remove nb_global . options enable_chassis_nb_cfg_update"} {
		if _, err := d.NBCtl(ctx, "--wait=sb "+command); err != nil {
			t.Fatal(err)
		}
		silent := strings.HasPrefix(command, "set")
		one, all := must[ovn.Freshness](t)(sb.Freshness(ctx, "hv1")), must[map[string]ovn.Freshness](t)(sb.FreshnessOfAll(ctx))
		if one.Stale() == silent || all["hv1"] != one {
			t.Errorf("%s: freshness %+v, of all %+v", command, one, all)
		}
		f = one
	}
	if _, err := d.SBCtl(ctx, fmt.Sprintf("set chassis_private hv1 nb_cfg=%d", f.Wanted)); err != nil {
		t.Fatal(err)
	}
	if f = must[ovn.Freshness](t)(sb.Freshness(ctx, "hv1")); f.Stale() {
		t.Errorf("freshness: %+v", f)
	}
	if all := must[map[string]ovn.Freshness](t)(sb.FreshnessOfAll(ctx)); all["hv1"] != f {
		t.Errorf("freshness of all: %+v", all)
	}

	p := must[*ovn.PortBinding](t)(sb.PortByName(ctx, "sw0-p1"))
	if p.Chassis != c.UUID || len(p.Addrs()) != 1 || p.Addrs()[0].MAC != "50:54:00:00:00:01" || len(p.Addrs()[0].IPs) != 2 {
		t.Errorf("port: %+v", p)
	}
	_, err := sb.PortByName(ctx, "sw0-p")
	var missing *ovn.NotFoundError
	if !errors.As(err, &missing) || len(missing.Nearest) == 0 {
		t.Errorf("unknown port: %v", err)
	}
	for _, try := range []struct {
		spec, network string
		want          []string
	}{
		{"sw0-p1", "", []string{"sw0-p1"}},
		{p.UUID.String(), "", []string{"sw0-p1"}},
		{p.UUID.String()[:10], "", []string{"sw0-p1"}},
		{"40:54:00:00:00:03", "", []string{"sw1-p1"}},
		{"20.0.0.3", "", []string{"sw1-p1"}},
		{"fd20::3", "", []string{"sw1-p1"}},
		{"20.0.0.1", "", []string{"lr0-sw1"}},
		{"20.0.0.3", "sw1", []string{"sw1-p1"}},
		{"20.0.0.3", "sw0", nil},
		{"pod:blue/web-2", "", []string{"blue_web-2"}},
		{"pod:blue/web", "", []string{"sw0-p2"}},
		{"server:0f4dcb8e-1d10-4cd6-93d2-000000000001", "", []string{"sw0-p2"}},
		{"lr0-sw0", "", []string{"lr0-sw0"}},
		{"nobody", "", nil},
	} {
		got, err := sb.FindPorts(ctx, try.spec, try.network)
		var names []string
		for _, p := range got {
			names = append(names, p.LogicalPort)
		}
		if len(names) != len(try.want) || (len(names) > 0 && names[0] != try.want[0]) {
			t.Errorf("FindPorts(%q, %q) = %v, %v; want %v", try.spec, try.network, names, err, try.want)
		}
		if len(try.want) == 0 && !errors.As(err, &missing) {
			t.Errorf("FindPorts(%q, %q): %v, want NotFoundError", try.spec, try.network, err)
		}
	}

	dp := must[*ovn.Datapath](t)(sb.DatapathByUUID(ctx, p.Datapath))
	if dp.Name != "sw0" || dp.IsRouter || dp.NB.IsZero() {
		t.Errorf("datapath: %+v", dp)
	}
	if again := must[*ovn.Datapath](t)(sb.DatapathByKey(ctx, dp.TunnelKey)); again.UUID != dp.UUID {
		t.Errorf("datapath by key: %+v", again)
	}
	if lr := must[*ovn.Datapath](t)(sb.DatapathByName(ctx, "lr0")); !lr.IsRouter {
		t.Errorf("router: %+v", lr)
	}
	if again := must[*ovn.PortBinding](t)(sb.PortByKey(ctx, p.Datapath, p.TunnelKey)); again.UUID != p.UUID {
		t.Errorf("port by key: %+v", again)
	}
	if routers := must[[]*ovn.PortBinding](t)(sb.PortsOfDatapath(ctx, p.Datapath, "patch", "router")); len(routers) != 1 {
		t.Errorf("router ports of sw0: %v", routers)
	}
	flood := must[[][]*ovsdb.Row](t)(sb.Select(ctx, ovsdb.From("Multicast_Group", "tunnel_key", "ports").
		Equal("datapath", p.Datapath).Equal("name", "_MC_flood")))[0]
	if len(flood) != 1 {
		t.Fatalf("multicast groups: %v", flood)
	}
	g := must[*ovn.MulticastGroup](t)(sb.MulticastByKey(ctx, p.Datapath, flood[0].Int("tunnel_key")))
	if g.Name != "_MC_flood" || len(g.Ports) == 0 || len(g.Ports) != len(flood[0].Refs("ports")) {
		t.Errorf("multicast by key: %v", g)
	}

	cr := must[*ovn.PortBinding](t)(sb.PortByName(ctx, "cr-lr0-public"))
	gw := must[*ovn.Gateway](t)(sb.GatewayOf(ctx, cr))
	if gw.Active == nil || gw.Active.Name != "hv1" || len(gw.Candidates) != 2 || gw.Candidates[0].Name != "hv1" || gw.Candidates[0].Priority != 20 {
		t.Errorf("gateway: %+v", gw)
	}
	for _, prefix := range []string{p.UUID.String(), p.UUID.String()[:8], p.UUID.String()[:20]} {
		rows := must[[]*ovsdb.Row](t)(sb.RowsByUUIDPrefix(ctx, "Port_Binding", prefix, "logical_port"))
		if len(rows) != 1 || rows[0].Str("logical_port") != "sw0-p1" {
			t.Errorf("rows by UUID prefix %s: %v", prefix, rows)
		}
	}
	if as := must[[]string](t)(sb.AddressSet(ctx, "as0")); len(as) != 2 {
		t.Errorf("address set: %v", as)
	}
	if pg := must[[]string](t)(sb.PortGroup(ctx, "pg0")); len(pg) != 1 || pg[0] != "sw0-p1" {
		t.Errorf("port group: %v", pg)
	}
}

func TestNextHop(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	sb := dialSB(t, d.SB)
	nb, err := ovn.DialNB(t.Context(), ovsdb.Options{Remotes: d.NB})
	if err != nil {
		t.Fatal(err)
	}
	defer nb.Close()
	for _, c := range []struct{ from, to, mac, kind, port string }{
		{"sw0-p1", "10.0.0.4", "50:54:00:00:00:02", "peer", "sw0-p2"},
		{"sw0-p1", "20.0.0.3", "00:00:00:00:ff:01", "router", "lr0-sw0"},
		{"sw0-p1", "30.0.0.10", "00:00:00:00:ff:01", "router", "lr0-sw0"},
		{"sw0-p1", "10.0.0.1", "00:00:00:00:ff:01", "router", "lr0-sw0"},
		{"sw0-p1", "fd20::3", "00:00:00:00:ff:01", "router", "lr0-sw0"},
		{"sw1-p1", "fd20::1", "00:00:00:00:ff:02", "router", "lr0-sw1"},
		{"sw0-any", "20.0.0.3", "00:00:00:00:ff:01", "router", "lr0-sw0"},
		{"ln-public", "172.16.0.110", "30:54:00:00:00:03", "router", "lr0-public"},
		{"ln-public", "172.16.0.100", "00:00:20:20:12:13", "router", "lr0-public"},
		{"sw0-p1", "10.0.0.77", "", "", ""},
		{"sw0-p1", "10.0.0.255", "ff:ff:ff:ff:ff:ff", "broadcast", ""},
		{"sw0-p1", "fe80::200:ff:fe00:ff01", "00:00:00:00:ff:01", "router", "lr0-sw0"},
		{"sw0-p1", "fe80::5254:ff:fe00:2", "50:54:00:00:00:02", "peer", "sw0-p2"},
		{"sw0-p1", "fe80::1234", "", "", ""},
		{"lr0-sw0", "20.0.0.3", "00:00:00:00:ff:01", "router", "lr0-sw0"},
		{"sw0-p1", "224.0.0.5", "01:00:5e:00:00:05", "multicast", ""},
		{"sw0-p1", "255.255.255.255", "ff:ff:ff:ff:ff:ff", "broadcast", ""},
		{"sw0-p1", "ff02::1", "33:33:00:00:00:01", "multicast", ""},
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
		if err != nil || h.MAC != c.mac || h.Kind != c.kind || h.Port != c.port {
			t.Errorf("%s to %s: %+v, %v; want %s %s %s", c.from, c.to, h, err, c.mac, c.kind, c.port)
		}
	}
}

func TestNameZones(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	sb := dialSB(t, d.SB)
	lr := must[*ovn.Datapath](t)(sb.DatapathByName(t.Context(), "lr0"))
	got := must[map[uint16]string](t)(sb.NameZones(t.Context(), map[uint16]string{
		1: lr.UUID.String() + "_snat", 2: "lr0_dnat", 3: "sw0-p1", 4: "0a1b2c3d-0000-1111-2222-333344445555_dnat",
	}))
	want := map[uint16]string{1: "lr0_snat", 2: "lr0_dnat", 3: "sw0-p1", 4: "0a1b2c3d-0000-1111-2222-333344445555_dnat"}
	for zone, name := range want {
		if got[zone] != name {
			t.Errorf("zone %d: %q, want %q", zone, got[zone], name)
		}
	}
}
