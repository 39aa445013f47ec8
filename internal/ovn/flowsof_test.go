package ovn_test

import (
	"errors"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// TestFlowsOf checks that only whole rows count against the bound: outlines were always read all.
func TestFlowsOf(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: d.SB})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	shared := []ovsdb.UUID{{}} // the flows of all datapath groups
	for _, c := range []struct {
		outlined, most int
		err            error
	}{{0, 1 << 20, nil}, {0, 1000, ovn.ErrTooLong}, {1, 1000, nil}} {
		n, actions := 0, 0
		err := sb.FlowsOf(t.Context(), shared, c.outlined, c.most, func(_ int, f ovn.LogicalFlow) {
			n++
			if f.Actions != "" {
				actions++
			}
		}, nil, nil)
		if !errors.Is(err, c.err) || (c.err == nil && n < 50) || (actions > 0) != (c.outlined == 0) {
			t.Errorf("outlined %d, at most %d bytes: %v, %d flows, %d with actions", c.outlined, c.most, err, n, actions)
		}
	}
}
