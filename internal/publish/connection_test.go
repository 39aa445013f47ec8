package publish_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// A switch's zones have names like a router's: the switch is no router, and its marks have no way
// back of ECMP symmetric reply.
func TestZoneOfSwitch(t *testing.T) {
	inv := inventory.New(&ovn.Configuration{
		Switches: []ovn.SwitchRow{{UUID: ovsdb.UUID{15: 1}, Name: "sw0"}},
		Routers:  []ovn.RouterRow{{UUID: ovsdb.UUID{15: 2}, Name: "lr0"}},
	}, &ovn.State{})
	orig, err := ctstate.ParseTuple("tcp 10.0.0.3:4000>10.0.0.4:80")
	if err != nil {
		t.Fatal(err)
	}
	reply, _ := orig.Invert()
	var c connection.Connection
	for _, zone := range []string{"sw0_snat", "lr0_dnat", "gone_dnat"} {
		c.Legs = append(c.Legs, connection.Record{Chassis: "hv1", ZoneName: zone, Entry: ctstate.Entry{Orig: orig, Reply: reply, Mark: 7 << 16}})
	}
	of := func(string) *inventory.Inventory { return inv }
	counter := publish.NewCounter(of)
	counter.Add(&c)
	if got, want := counter.Summary().Routers, []report.Count{{Name: "gone", Count: 1}, {Name: "lr0", Count: 1}}; !slices.Equal(got, want) {
		t.Errorf("routers: %v, want %v", got, want)
	}
	legs := publish.Connection(&c, of).Legs
	for i, want := range []int{0, 1, 1} {
		if len(legs[i].Marks) != want {
			t.Errorf("marks in %s: %q", legs[i].ZoneName, legs[i].Marks)
		}
	}
}

// An entry that was made in the future, as clocks have it, is not younger than now.
func TestAgeOfTheFuture(t *testing.T) {
	orig := ctstate.Tuple{Proto: ctstate.ProtoUDP, Src: netip.MustParseAddrPort("10.0.0.1:1"), Dst: netip.MustParseAddrPort("10.0.0.2:2")}
	e := ctstate.Entry{Zone: 5, Orig: orig, Source: ctstate.FromKernel, Created: time.Now().Add(time.Hour).Unix()}
	e.Reply, _ = orig.Invert()
	c := publish.Connection(&connection.Connection{Legs: []connection.Record{{Chassis: "hv1", Entry: e}}}, func(string) *inventory.Inventory { return nil })
	if age := c.Legs[0].Age; age == nil || *age != 0 {
		t.Errorf("age %v", age)
	}
}
