package gather

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/audit"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// counted is a node that answers only for its counters.
type counted struct {
	node.Node
	health *node.Health
	err    error
}

func (c *counted) Health(context.Context) (*node.Health, error) { return c.health, c.err }

// byName reaches chassis by their names.
type byName map[string]node.Node

func (ns byName) Node(_ context.Context, c *ovn.Chassis) (node.Node, error) {
	if n := ns[c.Name]; n != nil {
		return n, nil
	}
	return nil, errors.New("no way to " + c.Name)
}

// Of which chassis entries may be missing: of one that was not read whole, and of all while
// connections lead on to others.
func TestFactsOf(t *testing.T) {
	for _, c := range []struct {
		unfinished int
		chassis    Chassis
		partial    bool
	}{
		{0, Chassis{}, false},
		{1, Chassis{}, true},
		{0, Chassis{Err: errors.New("no answer")}, true},
		{0, Chassis{Listed: node.ListResult{Cut: true}}, true},
		{0, Chassis{Listed: node.ListResult{Changed: true}}, true},
		{0, Chassis{Listed: node.ListResult{Unreadable: 1}}, true},
		{0, Chassis{Listed: node.ListResult{Lacks: "its end"}}, true},
	} {
		if got := (&Result{Unfinished: c.unfinished}).FactsOf(&c.chassis).Partial; got != c.partial {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

// How full a table is, and that it is not known.
func TestFillTables(t *testing.T) {
	rows := []*ovn.Chassis{{Name: "hv1"}, {Name: "hv2"}, {Name: "hv3"}, {Name: "hv4"}, {Name: "hv5"}, {Name: "hv6"}}
	facts := make([]audit.Chassis, len(rows))
	for i := range facts[:5] {
		facts[i].Zones = map[uint16]string{}
	} // the entries of hv6 were not read: that is reported elsewhere
	got := FillTables(t.Context(), byName{
		"hv1": &counted{health: &node.Health{Conntrack: node.Conntrack{Count: 5, Max: 100}}},
		"hv2": &counted{health: &node.Health{Unknown: []string{"conntrack settings: no"}}},
		"hv3": &counted{err: errors.New("no answer")},
		"hv4": struct{ node.Node }{},
	}, rows, facts)
	if facts[0].Count != 5 || facts[0].Max != 100 {
		t.Errorf("hv1: %+v", facts[0])
	}
	want := []Unread{{"hv2", "conntrack settings: no"}, {"hv3", "no answer"}, {"hv4", "chassis hv4: its node cannot be asked"}, {"hv5", "no way to hv5"}}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i, w := range want {
		if got[i].Chassis != w.Chassis || !strings.HasPrefix(got[i].Text, w.Text) {
			t.Errorf("%s; want %s", got[i], w)
		}
	}
}
