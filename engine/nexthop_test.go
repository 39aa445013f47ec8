package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// Buckets are named by the next hop that the table behind the group sets, also in a clone, where
// the final flow does not show it. Without a next hop they are named by their number, and by both
// if two buckets lead to the same next hop.
func TestECMPIsNamedByNextHop(t *testing.T) {
	const behind = "table=2,ip,reg8=1,actions=set_field:0x14000003->reg0,dec_ttl,resubmit(,3)\n" +
		"table=2,ip,reg8=2,actions=set_field:0x14000004->reg0,dec_ttl,resubmit(,3)\n" +
		"table=2,ip,reg8=3,actions=set_field:0x14000004->reg0,dec_ttl,resubmit(,3)\n" +
		"table=2,ip,reg8=4,actions=set_field:0x1->reg3,resubmit(,3)\n" +
		"table=3,reg8=1,actions=output:2\ntable=3,reg8=2,actions=output:3\ntable=3,reg8=3,actions=output:4\ntable=3,reg8=4,actions=output:5"
	const bucket = ",bucket=bucket_id:%,weight:100,actions=set_field:%->reg8,resubmit(,2)"
	group := func(ids ...string) string {
		s := "group_id=7,type=select,selection_method=dp_hash"
		for _, id := range ids {
			s += strings.ReplaceAll(bucket, "%", id)
		}
		return s
	}
	for _, c := range []struct {
		first   string
		buckets []string
		want    []string
	}{
		{"set_field:0x5->reg0,group:7", []string{"1", "2"}, []string{"20.0.0.3", "20.0.0.4"}},
		{"clone(set_field:0x5->reg0,set_field:0x6->reg3,group:7)", []string{"1", "2"}, []string{"20.0.0.3", "20.0.0.4"}},
		{"group:7", []string{"2", "3"}, []string{"20.0.0.4 (bucket 2)", "20.0.0.4 (bucket 3)"}},
		{"group:7", []string{"1", "4"}, []string{"20.0.0.3", "bucket 4"}},
	} {
		b, p := start(t, 5, behind)
		b.Ofctl("-O", "OpenFlow15", "add-group", "br0", group(c.buckets...))
		b.AddFlows("br0", "table=0,in_port=1,ip,actions="+c.first)
		e := eng(b, p, table{})
		e.OVN = true
		res := trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
		var got []string
		for _, o := range res.Outcomes {
			for _, l := range o.Leaves {
				for _, ch := range l.Choices {
					got = append(got, ch.Chosen)
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s with %v: %q, want %q", c.first, c.buckets, got, c.want)
		}
	}
}
