package driver

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// TestOutlook checks who can answer the address request of a router, by the databases and by where
// the request ended.
func TestOutlook(t *testing.T) {
	ctx := t.Context()
	db := ovntest.New(t, ovntest.Topology+`lsp-add sw1 sw1-vip
lsp-set-type sw1-vip virtual
lsp-set-options sw1-vip virtual-ip=20.0.0.50 virtual-parents=sw1-p1
lsp-set-addresses sw1-vip '50:54:00:00:00:50 20.0.0.50'
lr-add lr1
lrp-add lr1 lr1-join 00:00:00:00:fe:01 100.64.0.9/24
`)
	if _, err := db.SBCtl(ctx, "chassis-add hv1 geneve 10.9.0.1"); err != nil {
		t.Fatal(err)
	}
	sb, err := ovn.DialSB(ctx, ovsdb.Options{Remotes: db.SB})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	nb, err := ovn.DialNB(ctx, ovsdb.Options{Remotes: db.NB})
	if err != nil {
		t.Fatal(err)
	}
	defer nb.Close()
	lr0, err := sb.DatapathByName(ctx, "lr0")
	if err != nil {
		t.Fatal(err)
	}
	ended := func(v engine.Verdict, port string) *Branch {
		return &Branch{Verdict: v, Chassis: "hv1", Port: port, Cause: &Cause{}}
	}
	at := func(ports ...string) (out []*Branch) {
		for _, p := range ports {
			out = append(out, ended(engine.Delivered, p))
		}
		return out
	}
	drop, lost, flood := ended(engine.Dropped, ""), ended(engine.Unknown, ""), ended(engine.Host, "br-ex")
	wire := ended(engine.External, "eth1")
	for _, c := range []struct {
		name, addr string
		noNB       bool
		reached    []*Branch
		want       Outlook
	}{
		{"a port's own address", "10.0.0.1", false, at("sw0-any"), Outlook{Kind: OutlookOwn, Is: "the address of router port lr0-sw0 itself"}},
		{"its own address, although the request is dropped", "20.0.0.1", true, []*Branch{drop}, Outlook{Kind: OutlookOwn, Is: "the address of router port lr0-sw1 itself"}},
		{"an IPv6 address of its own", "fd20::1", false, nil, Outlook{Kind: OutlookOwn, Is: "the address of router port lr0-sw1 itself"}},
		{"its VIP", "30.0.0.10", false, at("sw0-any"), Outlook{Kind: OutlookOwn, Is: "a VIP of load balancer lb0 of router lr0 itself"}},
		{"its NAT address", "172.16.0.110", false, []*Branch{wire}, Outlook{Kind: OutlookOwn, Is: "a NAT external address of router lr0 itself"}},
		{"another router's address", "100.64.0.9", false, []*Branch{drop}, Outlook{Kind: OutlookDropped, Dropped: drop}},
		{"its VIP, without the Northbound database", "30.0.0.10", true, []*Branch{drop}, Outlook{Kind: OutlookDropped, Dropped: drop}},
		{"dropped", "20.0.0.77", false, []*Branch{drop, ended(engine.Dropped, "")}, Outlook{Kind: OutlookDropped, Dropped: drop}},
		{"dropped but for a copy that the host gets", "20.0.0.77", false, []*Branch{flood, drop}, Outlook{Kind: OutlookDropped, Dropped: drop}},
		{"nothing is known of the request", "20.0.0.77", false, nil, Outlook{}},
		{"one copy's end is unknown", "20.0.0.3", false, append(at("sw1-p1"), lost), Outlook{}},
		{"a port that receives it", "20.0.0.3", false, append(at("sw1-p1", "blue_web-2"), drop), Outlook{Kind: OutlookPort, Ports: []string{"sw1-p1"}}},
		{"a port that does not receive it", "20.0.0.3", false, at("blue_web-2"), Outlook{Kind: OutlookNobody}},
		{"a virtual port", "20.0.0.50", false, at("sw1-p1"), Outlook{Kind: OutlookVirtual, Ports: []string{"sw1-vip"}}},
		{"a network outside", "172.16.0.1", false, []*Branch{wire, wire}, Outlook{Kind: OutlookOutside, Ports: []string{"eth1 on hv1"}}},
		{"unknown addresses", "10.0.0.77", false, at("sw0-p1", "sw0-any"), Outlook{Kind: OutlookUnlisted, Ports: []string{"sw0-any"}}},
		{"nobody", "20.0.0.77", false, at("sw1-p1", "blue_web-2"), Outlook{Kind: OutlookNobody}},
	} {
		addr := netip.MustParseAddr(c.addr)
		d := &Driver{SB: sb, NB: nb}
		if c.noNB {
			d.NB = nil
		}
		s := &sending{Driver: d, Trace: &Trace{}}
		waiting := ended(engine.Controller, "")
		q := s.asks(pinctrl.Await{Addr: addr, Datapath: uint64(lr0.TunnelKey), OutPort: 2}, waiting)
		for _, b := range c.reached {
			q.ends(b)
		}
		if s.outlooks(ctx); c.want.Kind != OutlookUnknown {
			c.want.Addr = addr
		}
		if diff := cmp.Diff(c.want, waiting.Cause.Outlook, cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreUnexported(Branch{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
	}

	// An answer of OVN itself counts if it is about the address asked for.
	d := &Driver{SB: sb, NB: nb}
	s := &sending{Driver: d, Trace: &Trace{}}
	waiting, mac := ended(engine.Controller, ""), packet.MAC{0x40, 0x54, 0, 0, 0, 3}
	asked := netip.MustParseAddr("20.0.0.3")
	q := s.asks(pinctrl.Await{Addr: asked, Datapath: uint64(lr0.TunnelKey), OutPort: 2}, waiting)
	q.ends(drop)
	for _, other := range []bool{true, false} {
		answer := packet.Packet{EthType: packet.EthARP, ARPOp: 2, Src: asked, ARPSHA: mac}
		want := Outlook{Kind: OutlookOVN, Addr: asked, Learns: &Binding{uint64(lr0.TunnelKey), 2, asked, mac}}
		if other {
			answer.Src = netip.MustParseAddr("20.0.0.4")
			want = Outlook{Kind: OutlookDropped, Addr: asked, Dropped: drop}
		}
		q.hears(answer)
		s.outlooks(ctx)
		if diff := cmp.Diff(want, waiting.Cause.Outlook, cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreUnexported(Branch{})); diff != "" {
			t.Errorf("an answer about another address %v: -want +got\n%s", other, diff)
		}
	}
}
