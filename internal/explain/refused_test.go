package explain_test

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// TestRefusedTables checks that hits are named from the tables that may be read, and that the
// others are reported: a logical flow is named without the table of neighbours.
func TestRefusedTables(t *testing.T) {
	hits := []engine.TableHit{
		{Table: 46, Cookie: 1, Priority: 2001, Match: "metadata=0x1", Metadata: 1},
		{Table: 53, Cookie: 8, Priority: 50, Match: "metadata=0x1", Metadata: 1},
		{Table: 66, Cookie: 0x77, Priority: 100, Match: "metadata=0x1", Metadata: 1}, // a neighbour's
	}
	rows := aclRows() + `,{"op":"insert","table":"MAC_Binding","uuid":"00000077-0000-4000-8000-000000000000","row":{"logical_port":"p1","ip":"10.0.0.9","mac":"00:00:00:00:00:09","datapath":["named-uuid","d"]}}`
	for _, c := range []struct {
		refused []string
		named   string // by letters: f a flow, r a row, - nothing
	}{
		{nil, "ffr"},
		{[]string{"MAC_Binding"}, "ff-"},
		{[]string{"MAC_Binding", "FDB", "Chassis", "Datapath_Binding"}, "ff-"},
		{[]string{"Logical_Flow"}, "--r"},
		{[]string{"Port_Binding", "Logical_DP_Group"}, "ffr"},
	} {
		remote := ovsdbtest.Refusing(t, ovsdbtest.Lone(t, "ovn-sb.ovsschema", ovn.Southbound, rows), ovsdbtest.OnTables(c.refused...))
		sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: remote})
		if err != nil {
			t.Fatal(err)
		}
		defer sb.Close()
		named, err := explain.New(sb, nil).Explain(t.Context(), hits)
		got := ""
		for _, n := range named {
			switch {
			case n.Flow != nil:
				got += "f"
			case n.Row != "":
				got += "r"
			default:
				got += "-"
				if n.Gone || !strings.Contains(n.Why, "permission error") {
					t.Errorf("without %v: %+v", c.refused, n)
				}
			}
		}
		if got != c.named || strings.Contains(got, "-") != (err != nil) {
			t.Errorf("without %v: named %s, want %s; error %v", c.refused, got, c.named, err)
		}
	}
}
