package explain

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// routerPort adds to the reason of a packet that a router does not admit, or does not send, the row
// of the port by which it came or would leave, if that is disabled: northd writes no flows of
// lr_in_admission and lr_out_delivery for such a port (lrport_is_enabled).
func (e *Explainer) routerPort(ctx context.Context, r *Reason, f facts) error {
	port := r.Subject.Port
	switch r.Kind {
	case KindRouterPortDown:
	case KindNotForRouter:
		port = f.inport
	default:
		return nil
	}
	const table = "Logical_Router_Port"
	if e.nb == nil || port == "" {
		return nil
	}
	res, err := e.nb.Select(ctx, ovsdb.From(table, nbTables[table].columns...).Equal("name", port))
	if err != nil {
		return err
	}
	for _, row := range res[0] {
		if enabled := row.Bools("enabled"); len(enabled) == 0 || enabled[0] {
			continue
		}
		r.NB = &NBRow{Table: table, UUID: row.UUID()}
		r.NB.Name, r.NB.Summary = nbTables[table].describe(row)
		if r.Kind == KindNotForRouter {
			r.Kind, r.Subject.Port = KindRouterPortDown, port
			r.Text = fmt.Sprintf("router port %s is disabled, so that %s takes nothing from it (%s)", port, cmpOr(r.Flow.Datapath, "its router"), r.Stage)
		}
		return row.Err()
	}
	return nil
}
