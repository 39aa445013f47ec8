package cli

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/audit"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/gather"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// byName reaches chassis by their names.
type byName map[string]node.Node

func (ns byName) Node(_ context.Context, c *ovn.Chassis) (node.Node, error) {
	if n := ns[c.Name]; n != nil {
		return n, nil
	}
	return nil, errors.New("no way to " + c.Name)
}

// An address is nobody's only if every chassis was read.
func TestIsNobodys(t *testing.T) {
	inv := inventory.New(&ovn.Configuration{}, &ovn.State{})
	for want, c := range map[bool]*gather.Result{
		true:  {Chassis: []*gather.Chassis{{Name: "hv1"}}},
		false: {Chassis: []*gather.Chassis{{Name: "hv1"}, {Name: "hv2", Err: errors.New("no answer")}}},
	} {
		if isNobodys(netip.MustParseAddr("10.0.0.3"), inv, c) != want {
			t.Errorf("not %t for %+v", want, c.Chassis)
		}
	}
	former := &gather.Result{Former: []connection.Record{{Chassis: "hv1"}}}
	if isNobodys(netip.MustParseAddr("10.0.0.3"), inv, former) {
		t.Error("an entry of a former zone does not count")
	}
}

// How full a table is, and that it is not known.
func TestFillTables(t *testing.T) {
	rows := []*ovn.Chassis{{Name: "hv1"}, {Name: "hv2"}, {Name: "hv3"}, {Name: "hv4"}, {Name: "hv5"}, {Name: "hv6"}}
	facts := make([]audit.Chassis, len(rows))
	for i := range facts[:5] {
		facts[i].Zones = map[uint16]string{}
	} // the entries of hv6 were not read: that is reported elsewhere
	found := fillTables(t.Context(), byName{
		"hv1": &counted{answers: []*node.Health{{Conntrack: node.Conntrack{Count: 5, Max: 100}}}},
		"hv2": &counted{answers: []*node.Health{{Unknown: []string{"conntrack settings: no"}}}},
		"hv3": &counted{err: errors.New("no answer")},
		"hv4": struct{ node.Node }{},
	}, rows, facts)
	if facts[0].Count != 5 || facts[0].Max != 100 {
		t.Errorf("hv1: %+v", facts[0])
	}
	var got []string
	for _, f := range found {
		got = append(got, string(f.Severity)+" "+string(f.Code)+" "+f.Where["chassis"]+" "+f.Text)
	}
	want := []string{"info counters-unreadable hv2 conntrack settings: no", "info counters-unreadable hv3 no answer", "info counters-unreadable hv4 chassis hv4: its node cannot be asked",
		"info counters-unreadable hv5 no way to hv5"}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%s; want %s", got[i], want[i])
		}
	}
}

// A table with more entries than were to be read is no chassis that could not be reached.
func TestUnreadStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		listed node.ListResult
		want   int
	}{
		{"the limit", node.ListResult{Count: 10, Cut: true}, exitNotAsAsked},
		{"unreadable lines", node.ListResult{Unreadable: 1}, exitUnreachable},
		{"a table that changes", node.ListResult{Changed: true}, exitOK},
	} {
		var f findings
		f.unread(&gather.Chassis{Name: "hv1", Info: &node.Info{}, Listed: c.listed})
		if got := findingsStatus(f); got != c.want || len(f) != 1 {
			t.Errorf("%s: %d, want %d: %+v", c.name, got, c.want, f)
		}
	}
}
