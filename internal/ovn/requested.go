package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Requested returns the number of the newest configuration that was counted (NB_Global.nb_cfg), and
// of the newest one that northd has processed (SB_Global.nb_cfg). Only ovn-nbctl --wait counts.
func (n *NB) Requested(ctx context.Context, sb *SB) (asked, done int64, err error) {
	north, err := n.Select(ctx, ovsdb.From("NB_Global", "nb_cfg"))
	if err != nil || len(north[0]) == 0 {
		return 0, 0, err
	}
	south, err := sb.Select(ctx, ovsdb.From("SB_Global", "nb_cfg"))
	if err != nil || len(south[0]) == 0 {
		return 0, 0, err
	}
	return north[0][0].Int("nb_cfg"), south[0][0].Int("nb_cfg"), nil
}

// Option returns an option of NB_Global; empty if it is not set.
func (n *NB) Option(ctx context.Context, key string) (string, error) {
	res, err := n.Select(ctx, ovsdb.From("NB_Global", "options"))
	if err != nil || len(res[0]) == 0 {
		return "", err
	}
	return res[0][0].Map("options")[key], nil
}

// FlushingBalancers returns the number of load balancers with options:ct_flush, of which
// ovn-controller removes the entries of backends that are removed, and the number of all.
func (n *NB) FlushingBalancers(ctx context.Context) (flushing, all int, err error) {
	q := ovsdb.From("Load_Balancer", "protocol")
	res, err := n.Select(ctx, q, q.IncludesPair("options", "ct_flush", "true"))
	if err != nil {
		return 0, 0, err
	}
	return len(res[1]), len(res[0]), nil
}
