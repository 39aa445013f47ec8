package ovn_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// TestDirectory checks that the chassis that are asked for while connecting are those that the rows
// themselves say: names, addresses, marks.
func TestDirectory(t *testing.T) {
	d := ovntest.New(t, "")
	if _, err := d.SBCtl(t.Context(), `
chassis-add hv1 geneve,vxlan 10.9.0.1
chassis-add hv2 geneve fd09::2
chassis-add far geneve 10.9.0.3
chassis-add vtep vxlan 10.9.0.4
chassis-add oldvtep vxlan 10.9.0.5
chassis-add twin vxlan 10.9.0.3
set chassis hv1 hostname=host1
--id=@e create encap type=geneve ip=10.9.0.9 chassis_name=hv2 -- add chassis hv2 encaps @e
set chassis far other_config:is-remote=true
set chassis vtep other_config:is-vtep=true
set chassis oldvtep vtep_logical_switches=sw0
`); err != nil {
		t.Fatal(err)
	}
	ctx := ovn.First(t.Context(), ovn.Beginning{})
	sb, err := ovn.DialSB(ctx, ovsdb.Options{Remotes: d.SB})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	ctx = ovsdb.WithAhead(ctx)
	dir, ok := sb.Directory(ctx)
	if !ok {
		t.Fatal("there is none")
	}
	if _, again := sb.Directory(ctx); again {
		t.Error("its answer was used twice")
	}
	all, err := sb.AllChassis(ctx)
	if err != nil || len(all) != 6 {
		t.Fatalf("%d chassis, %v", len(all), err)
	}
	addrs := func(c *ovn.Chassis) (out []netip.Addr) {
		for _, e := range c.Encaps {
			if !slices.Contains(out, e.IP) {
				out = append(out, e.IP)
			}
		}
		slices.SortFunc(out, netip.Addr.Compare)
		return out
	}
	for _, want := range all {
		got := dir.ByUUID(want.UUID)
		if got == nil || dir.ByName(want.Name) != got {
			t.Fatalf("%s: by its row %+v, by its name %+v", want.Name, got, dir.ByName(want.Name))
		}
		if got.Name != want.Name || got.Hostname != want.Hostname || got.IsRemote() != want.IsRemote() || got.IsVTEP() != want.IsVTEP() ||
			!slices.Equal(addrs(got), addrs(want)) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	for addr, want := range map[string]string{"10.9.0.1": "hv1", "fd09:0::2": "hv2", "10.9.0.4": "vtep", "10.9.0.9": "hv2", "10.9.0.3": "", "10.9.0.99": ""} {
		name := ""
		if c := dir.ByEncapIP(netip.MustParseAddr(addr)); c != nil {
			name = c.Name
		}
		if name != want {
			t.Errorf("%s belongs to %q, want %q", addr, name, want)
		}
	}
}
