package explain

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// kept is what an Explainer has read and may change in the databases; it is dropped as a whole.
type kept struct {
	meanings
	pipelines
	referents
	origins
}

// meanings are the Southbound rows that cookies name.
type meanings struct {
	flows  map[ovsdb.UUID]*LogicalFlow
	whole  map[ovsdb.UUID]*LogicalFlow // read together with their datapath's others, before they are needed
	rows   map[ovsdb.UUID]string       // rows of other tables than Logical_Flow, as text
	absent map[uint32]bool             // cookies that a fresh index did not explain
}

// pipelines are the datapaths, and which logical flows each has.
type pipelines struct {
	deployed   int                      // datapaths of the deployment, where they were counted
	datapaths  map[uint64]*ovn.Datapath // by tunnel key; nil for a key that no datapath has
	byUUID     map[ovsdb.UUID]*ovn.Datapath
	stages     map[ovsdb.UUID]map[stage][]brief   // by datapath
	groups     map[ovsdb.UUID][]ovsdb.UUID        // members
	groupsWith map[ovsdb.UUID]map[ovsdb.UUID]bool // datapath to the groups it is in
}

// referents are what logical matches refer to by name.
type referents struct {
	ports     map[portKey]string
	sets      map[setName][]ovnexpr.Constant
	residents map[seenFrom]residence
}

// origins are the Northbound rows that logical flows were made for.
type origins struct {
	hints  map[hint][]*NBRow
	owners map[ovsdb.UUID]*owner // switches and routers
}

func newKept() kept {
	return kept{
		meanings{flows: map[ovsdb.UUID]*LogicalFlow{}, whole: map[ovsdb.UUID]*LogicalFlow{}, rows: map[ovsdb.UUID]string{}, absent: map[uint32]bool{}},
		pipelines{
			datapaths: map[uint64]*ovn.Datapath{}, byUUID: map[ovsdb.UUID]*ovn.Datapath{}, stages: map[ovsdb.UUID]map[stage][]brief{},
			groups: map[ovsdb.UUID][]ovsdb.UUID{}, groupsWith: map[ovsdb.UUID]map[ovsdb.UUID]bool{},
		},
		referents{ports: map[portKey]string{}, sets: map[setName][]ovnexpr.Constant{}, residents: map[seenFrom]residence{}},
		origins{hints: map[hint][]*NBRow{}, owners: map[ovsdb.UUID]*owner{}},
	}
}
