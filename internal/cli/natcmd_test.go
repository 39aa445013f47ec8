package cli

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/gather"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// An address is nobody's only if every chassis was read.
func TestIsNobodys(t *testing.T) {
	z := &zones{all: []*view{{inv: inventory.New(&ovn.Configuration{}, &ovn.State{})}}}
	for want, c := range map[bool]*gather.Result{
		true:  {Chassis: []*gather.Chassis{{Name: "hv1"}}},
		false: {Chassis: []*gather.Chassis{{Name: "hv1"}, {Name: "hv2", Err: errors.New("no answer")}}},
	} {
		if z.isNobodys(netip.MustParseAddr("10.0.0.3"), c) != want {
			t.Errorf("not %t for %+v", want, c.Chassis)
		}
	}
	former := &gather.Result{Former: []connection.Record{{Chassis: "hv1"}}}
	if z.isNobodys(netip.MustParseAddr("10.0.0.3"), former) {
		t.Error("an entry of a former zone does not count")
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
