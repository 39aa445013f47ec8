package main

import (
	"hash/fnv"
	"strconv"
)

// question is what to select of the logical flows.
type question struct {
	columns  []string
	datapath bool // of one datapath, instead of all
	ids      int  // this many by their UUIDs, in one transaction
	bar      bars
}

// bars are the highest ratios of ours to libovsdb's. An answer of a few hundred rows is to cost
// about the same, within the noise of some milliseconds; one of a whole table a good deal less,
// which is why the connection is our own.
type bars struct{ time, cpu, memory float64 }

var (
	alike = bars{time: 2, cpu: 1.5, memory: 1.2}
	less  = bars{time: 1.1, cpu: 1.1, memory: 0.5}
)

// order is the questions from the cheapest.
var order = []string{"rows", "datapath", "uuids", "outlines"}

var questions = map[string]question{
	"rows":     {columns: []string{"pipeline", "table_id", "priority", "match", "actions", "external_ids"}, ids: 200, bar: alike},
	"datapath": {columns: []string{"pipeline", "table_id", "priority", "match", "logical_dp_group"}, datapath: true, bar: alike},
	"uuids":    {bar: bars{time: 0.5, cpu: 0.5, memory: 0.5}},
	"outlines": {columns: []string{"pipeline", "table_id", "priority", "match", "logical_dp_group"}, bar: less},
}

// flow is a logical flow as a caller wants it.
type flow struct {
	id             [16]byte
	pipeline       string
	table, prio    int
	match, actions string
	stage          string
}

// sum is a number of all that the flow says, whatever the order in which flows are summed.
func (f flow) sum() uint64 {
	h := fnv.New64a()
	h.Write(f.id[:])
	for _, s := range []string{f.pipeline, strconv.Itoa(f.table), strconv.Itoa(f.prio), f.match, f.actions, f.stage} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return h.Sum64()
}
