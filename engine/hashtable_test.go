package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofgroup"
)

// mgmt reads groups of a real bridge by OpenFlow.
type mgmt struct {
	dir   string
	asked int
	turn  int // by how many the buckets' numbers are moved, for a table that is not the switch's
	err   error
}

func (m *mgmt) SelectGroup(ctx context.Context, bridge string, group uint32) (out engine.SelectGroup, err error) {
	m.asked++
	g, err := ofgroup.Read(ctx, m.dir, bridge, group)
	if err := errors.Join(err, m.err); err != nil {
		return out, err
	}
	out.Method = g.Method
	for i, b := range g.Buckets {
		b.ID = g.Buckets[(i+m.turn)%len(g.Buckets)].ID
		out.Buckets = append(out.Buckets, engine.GroupBucket(b))
	}
	return out, nil
}

// all returns everything that a result's outcomes say of choices and of the hash.
func all(res *engine.Result) (out []string) {
	for _, o := range res.Outcomes {
		out = append(out, fmt.Sprintf("%s; %+v", way(o), o.Carried))
	}
	return out
}

// TestGroupsAnswerAsTrace: with a group's buckets read, ofproto/trace is asked once a bucket, and
// the outcomes are those that asking for every value finds.
func TestGroupsAnswerAsTrace(t *testing.T) {
	b, p := grouped(t, 5, "table=0,ip,actions=group:7", map[int]string{7: byHash + twoWays})
	weighed := func(weights ...int) string {
		s := ""
		for i, w := range weights {
			s += fmt.Sprintf(",bucket=bucket_id:%d,weight:%d,actions=set_field:%d->ip_dscp,output:2", i*3, w, i+1)
		}
		return s[1:]
	}
	const every = 1000 // as many questions as without groups
	for _, c := range []struct {
		group string
		calls int // with groups: one for the packet, one a bucket
	}{
		{byHash + twoWays, 3},
		{twoWays, 3},
		{byHash + weighed(100), 2},
		{byHash + weighed(100, 100, 100), 4},
		{byHash + weighed(1, 2, 3, 4, 5), 6},
		{byHash + weighed(7, 50, 3), 4},
		{byHash + weighed(0, 1, 0, 9), 3},
		{byHash + weighed(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 18}, // 32 values
		{byHash + weighed(255, 1), 3}, // 256 values
		// A bucket that is not alive: its values are the others'.
		{byHash + "bucket=bucket_id:0,watch_port:9,actions=output:2,bucket=bucket_id:1,watch_port:3,actions=output:3,bucket=bucket_id:2,watch_port:5,actions=output:5", every},
		// Two buckets that do the same.
		{byHash + "bucket=bucket_id:0,actions=output:2,bucket=bucket_id:1,actions=output:2", 3},
	} {
		b.Ofctl("-O", "OpenFlow15", "mod-group", "br0", "group_id=7,type=select,"+c.group)
		count := func(g engine.Groups) (list []string, calls int) {
			t.Helper()
			e := eng(b, p, table{})
			e.Groups, e.Limits.Buckets = g, 512
			b.calls = 0
			return all(trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})), b.calls
		}
		plain, most := count(nil)
		m := &mgmt{dir: b.RunDir}
		quick, calls := count(m)
		if !slices.Equal(plain, quick) {
			t.Errorf("%s: without groups\n%q\nwith\n%q", c.group, plain, quick)
		}
		if m.asked == 0 {
			t.Errorf("%s: the group was not read", c.group)
		}
		if c.calls == every && calls < most || c.calls != every && calls > c.calls+1 {
			t.Errorf("%s: %d calls, %d without groups, want %d", c.group, calls, most, c.calls)
		}
		// Neither a wrong table nor none changes an answer.
		for _, m := range []*mgmt{{dir: b.RunDir, turn: 1}, {dir: b.RunDir, err: errors.New("no")}, {dir: t.TempDir()}} {
			if got, _ := count(m); !slices.Equal(plain, got) {
				t.Errorf("%s, %+v: without groups\n%q\nwith\n%q", c.group, m, plain, got)
			}
		}
	}
}
