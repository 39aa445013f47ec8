package explain

import (
	"context"
	"errors"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// maxWhole bounds what readWhole reads, in bytes of rows: about 5,000 logical flows. How many flows
// a datapath has is not known before they are read.
const maxWhole = 2 << 20

// maxShared bounds the datapaths of a deployment in which the flows of datapath groups are read
// whole: northd makes groups of few datapaths too, whose flows grow in number with the deployment,
// and of most of them the packet's datapaths are no part.
const maxShared = 1000

// described are the tables whose rows readWhole reads with the columns of describe, not their UUIDs
// alone: their cookies are not those of the ports on the way.
var described = []string{"Multicast_Group", "Static_MAC_Binding", "MAC_Binding", "FDB"}

// tableRow is a row that has the columns of describe.
type tableRow struct {
	table string
	row   *ovsdb.Row
}

// readWhole reads in one request the logical flows of datapaths and of datapath groups, whole, and
// the rows of parts. A flow that is named then needs no request of its own. Where that is too much,
// the error is ovn.ErrTooLong, and those datapaths are kept that were complete by then. It returns
// the rows of the described tables that the hits' cookies may mean, for keepRow.
func (e *Explainer) readWhole(ctx context.Context, hits []engine.TableHit, ids []ovsdb.UUID, parts []part) (found []tableRow, err error) {
	of := e.unread(ids)
	if len(of) == 0 {
		return nil, nil
	}
	cookies := map[uint32]bool{}
	for _, h := range hits {
		if c, ok := cookieOf(h); ok {
			cookies[c] = true
		}
	}
	want, qs := e.sbIndex.missing(parts)
	for i, p := range want {
		if slices.Contains(described, p.table) {
			qs[i] = p.query(describe[p.table].columns...)
		}
	}
	read, last := newBriefs(of), 0
	rows := map[string][]ovsdb.UUID{}
	outlined := 0
	if of[len(of)-1] == shared && e.deployed > maxShared {
		outlined = 1
	}
	err = e.sb.FlowsOf(ctx, of, outlined, maxWhole, func(dp int, f ovn.LogicalFlow) {
		last = dp
		read.add(dp, stage{f.Pipeline, f.TableID}, brief{id: f.UUID, group: f.Group, priority: f.Priority, match: f.Match})
		if dp < len(of)-outlined {
			e.whole[f.UUID] = logicalFlow(f)
		}
	}, qs, func(q int, r *ovsdb.Row) {
		last = len(of)
		table := want[q].table
		rows[table] = append(rows[table], r.UUID())
		if cookies[ovn.Cookie(r.UUID())] && slices.Contains(described, table) {
			found = append(found, tableRow{table, r})
		}
	})
	switch {
	case errors.Is(err, ovn.ErrTooLong):
		e.keepBriefs(read, last)
		return nil, err
	case err != nil:
		return nil, err
	}
	e.keepBriefs(read, len(of))
	e.sbIndex.keep(want, rows)
	return found, nil
}
