package explain

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// votes decide in which OpenFlow table a pipeline begins, which differs between releases: each
// logical flow that explains a hit beyond doubt has one vote, and the majority decides.
type votes struct {
	voted map[ovsdb.UUID]bool
	bases map[string]map[int]int // pipeline to (OpenFlow table - table_id) to votes
}

func newVotes() votes { return votes{map[ovsdb.UUID]bool{}, map[string]map[int]int{}} }

// cast notes that a logical flow was hit in an OpenFlow table.
func (v votes) cast(f *LogicalFlow, table int) {
	if v.voted[f.UUID] {
		return
	}
	v.voted[f.UUID] = true
	if v.bases[f.Pipeline] == nil {
		v.bases[f.Pipeline] = map[int]int{}
	}
	v.bases[f.Pipeline][table-f.TableID]++
}

// base returns the table in which a pipeline begins; ok is false where no flow has voted.
func (v votes) base(pipeline string) (table int, ok bool) {
	best := 0
	for b, n := range v.bases[pipeline] {
		if n > best || n == best && b < table {
			table, best = b, n
		}
	}
	return table, best > 0
}
