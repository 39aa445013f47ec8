package ovn

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// ErrTooLong is the error of FlowsOf for an answer that is longer than was asked for.
var ErrTooLong = errors.New("the answer is too long")

// ofDatapaths returns a query for each datapath's own logical flows; for a zero UUID, for those of
// all datapath groups.
func ofDatapaths(flows ovsdb.Query, datapaths []ovsdb.UUID) []ovsdb.Query {
	var qs []ovsdb.Query
	for _, dp := range datapaths {
		if dp.IsZero() {
			qs = append(qs, flows.Empty("logical_datapath"))
		} else {
			qs = append(qs, flows.Equal("logical_datapath", dp))
		}
	}
	return qs
}

// FlowsOf is FlowOutlines with whole rows, except for the last outlined datapaths of the list: the
// logical flows of each datapath are passed to yield, and the rows of others to also, in this
// order. It stops with ErrTooLong before it has read more than max bytes of whole rows: what was
// passed until then is right, and the last of them is perhaps not the last of its query. The rest
// of the answer is not read, for which the connection is closed.
func (s *SB) FlowsOf(ctx context.Context, datapaths []ovsdb.UUID, outlined, max int, yield func(datapath int, f LogicalFlow),
	others []ovsdb.Query, also func(query int, r *ovsdb.Row)) error {
	whole, own := len(datapaths)-outlined, len(datapaths)
	qs := append(ofDatapaths(logicalFlows, datapaths[:whole]), ofDatapaths(flowOutlines, datapaths[whole:])...)
	return s.Texts(ctx, append(qs, others...), func(q int, text []byte) error {
		if q < whole || q >= own {
			if max -= len(text); max < 0 {
				return ErrTooLong
			}
		}
		var r ovsdb.Row
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		if q >= own {
			also(q-own, &r)
			return r.Err()
		}
		f, err := s.logicalFlow(&r)
		if err == nil {
			yield(q, f)
		}
		return err
	})
}
