package whatif

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/replica"
)

// Only a connection of which every packet arrives, and none meets a changed flow, is not traced
// again.
func TestUntouched(t *testing.T) {
	changes, ok := replica.ParseFlowChanges("NXST_FLOW_MONITOR reply (xid=0x0):\n event=ADDED table=44 cookie=0x1 ip,metadata=0x3 actions=drop\n")
	if !ok {
		t.Fatal("the changes are not read")
	}
	flows := map[string]*replica.FlowChanges{"hv1": changes}
	hop := func(chassis string, hits ...engine.TableHit) *driver.Hop {
		return &driver.Hop{Chassis: chassis, Segments: []*engine.Segment{{Tables: hits}}}
	}
	hit := func(table int, metadata uint64, actions ...string) engine.TableHit {
		return engine.TableHit{Bridge: "br-int", Table: table, Metadata: metadata, Actions: actions}
	}
	arrives := func(hops ...*driver.Hop) passage {
		return passage{at: &driver.Branch{}, trace: &driver.Trace{Hops: hops}}
	}
	far := arrives(hop("hv1", hit(8, 3), hit(44, 2)))
	for _, c := range []struct {
		name  string
		flows map[string]*replica.FlowChanges
		b     both
		want  bool
	}{
		{"another datapath", flows, both{original: far, reply: far}, true},
		{"one way", flows, both{original: far, oneWay: true}, true},
		{"the table and the datapath", flows, both{original: arrives(hop("hv1", hit(8, 3), hit(44, 3))), reply: far}, false},
		{"the answer's way", flows, both{original: far, reply: arrives(hop("hv1", hit(44, 3)))}, false},
		{"the second hop", flows, both{original: arrives(hop("hv1", hit(8, 3)), hop("hv1", hit(44, 3))), oneWay: true}, false},
		{"a flow for any datapath", flows, both{original: arrives(hop("hv1", hit(44, 0))), oneWay: true}, false},
		{"the table, maybe of another bridge", flows, both{original: arrives(hop("hv1", engine.TableHit{Bridge: "br-ex", Table: 44, Metadata: 3})), oneWay: true}, false},
		{"an action set", flows, both{original: arrives(hop("hv1", hit(-1, 0))), oneWay: true}, true},
		{"a group", flows, both{original: arrives(hop("hv1", hit(8, 3, "group:7"))), oneWay: true}, false},
		{"a chassis of which the changes are unknown", flows, both{original: arrives(hop("hv2", hit(8, 3))), oneWay: true}, false},
		{"something else is different", nil, both{original: far, oneWay: true}, false},
		{"it does not arrive", flows, both{original: passage{trace: far.trace, verdict: engine.Dropped}}, false},
		{"its answer does not arrive", flows, both{original: far}, false},
	} {
		u := untouched{c.flows, map[*driver.Trace]bool{}}
		if got := u.has(&c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// What ovn-controller removes from conntrack on any chassis is a difference.
func TestFlushesNone(t *testing.T) {
	for _, c := range []struct {
		f    flushes
		want bool
	}{
		{nil, true},
		{flushes{"hv1": nil, "hv2": {}}, true},
		{flushes{"hv1": nil, "hv2": {{Text: "zone 7", Zone: 7}}}, false},
	} {
		if got := c.f.none(); got != c.want {
			t.Errorf("%v: %v", c.f, got)
		}
	}
}
