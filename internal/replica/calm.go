package replica

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// never is a time in milliseconds that no run lasts.
const never = 86400000

// calm makes ovn-controller's own probes wait: nobody answers BFD and health checks in a room, and
// what the databases say of their state is to stay as it is.
func (r *Replica) calm(ctx context.Context) error {
	res, err := r.nb.Select(ctx, ovsdb.From("BFD"), ovsdb.From("Load_Balancer_Health_Check"))
	if err != nil {
		return err
	}
	rare := int64(never)
	if most, bounded := r.nb.MaxInteger("BFD", "min_rx"); bounded {
		rare = min(rare, most)
	}
	var args []string
	for _, row := range res[0] {
		args = append(args, "--", "set", "BFD", row.UUID().String(), fmt.Sprintf("min_rx=%d", rare))
	}
	for _, row := range res[1] {
		args = append(args, "--", "set", "Load_Balancer_Health_Check", row.UUID().String(), "options:timeout=86400", "options:interval=86400")
	}
	if len(args) == 0 {
		return nil
	}
	_, err = r.nbctl(ctx, args...)
	return err
}
