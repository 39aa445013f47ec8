package explain_test

import (
	"fmt"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

func dial(t *testing.T, d *ovntest.Deployment) (*ovn.SB, *ovn.NB) {
	t.Helper()
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: d.SB})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sb.Close() })
	nb, err := ovn.DialNB(t.Context(), ovsdb.Options{Remotes: d.NB})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nb.Close() })
	return sb, nb
}

// flowRow is a logical flow as the database has it, to compare with the Explainer's.
type flowRow struct {
	id       ovsdb.UUID
	pipeline string
	table    int
	priority int
	match    string
	stage    string
	hint     string
	group    bool
}

func flows(t *testing.T, sb *ovn.SB) []flowRow {
	t.Helper()
	res, err := sb.Select(t.Context(), ovsdb.From("Logical_Flow", "pipeline", "table_id", "priority", "match", "external_ids", "logical_dp_group"))
	if err != nil {
		t.Fatal(err)
	}
	var out []flowRow
	for _, r := range res[0] {
		ids := r.Map("external_ids")
		out = append(out, flowRow{r.UUID(), r.Str("pipeline"), int(r.Int("table_id")), int(r.Int("priority")), r.Str("match"),
			ids["stage-name"], ids["stage-hint"], !r.Ref("logical_dp_group").IsZero()})
	}
	return out
}

// base places the pipelines in OpenFlow tables where no release does, so that a built-in number
// fails.
func base(pipeline string) int {
	if pipeline == "egress" {
		return 123
	}
	return 11
}

func hit(f flowRow, metadata uint64) engine.TableHit {
	return engine.TableHit{Table: base(f.pipeline) + f.table, Cookie: uint64(ovn.Cookie(f.id)), Priority: f.priority, Match: fmt.Sprintf("ip,metadata=0x%x", metadata), Metadata: metadata}
}

// central starts a Southbound database without northd, for rows of chosen UUIDs.
func central(t *testing.T, rows string) *ovn.SB {
	t.Helper()
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: ovsdbtest.Lone(t, "ovn-sb.ovsschema", ovn.Southbound, rows)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sb.Close() })
	return sb
}

func northbound(t *testing.T, rows string) *ovn.NB {
	t.Helper()
	nb, err := ovn.DialNB(t.Context(), ovsdb.Options{Remotes: ovsdbtest.Lone(t, "ovn-nb.ovsschema", ovn.Northbound, rows)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nb.Close() })
	return nb
}

// way names the table hits of visits to a chassis.
func way(t *testing.T, e *explain.Explainer, chassis string, visits ...explain.Visit) *explain.Names {
	t.Helper()
	names, err := e.Names(t.Context(), chassis, visits)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// section names the hits of one segment, in which no bridge is named.
func section(t *testing.T, e *explain.Explainer, chassis, final string, hits ...engine.TableHit) *explain.Names {
	t.Helper()
	return way(t, e, chassis, explain.Visit{Segments: []*engine.Segment{{Parent: -1, Final: final, Tables: hits}}})
}

// on is a hit on a flow of datapath 1.
func on(table, priority int, cookie uint64) engine.TableHit {
	return engine.TableHit{Table: table, Priority: priority, Cookie: cookie, Match: "metadata=0x1", Metadata: 1}
}
