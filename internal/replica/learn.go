package replica

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// Learn lets a router of the copy learn an address, as it does from an answer that OVN gives
// itself: no packets run in a room. The router and its port are given by their tunnel keys. It
// returns when the copied ovn-controllers have done what that asks for.
func (r *Replica) Learn(ctx context.Context, router uint64, by uint32, addr netip.Addr, mac string) error {
	dp, err := r.sb.DatapathByKey(ctx, int64(router))
	if err != nil {
		return err
	}
	port, err := r.sb.PortByKey(ctx, dp.UUID, int64(by))
	if err != nil {
		return err
	}
	name := port.LogicalPort
	if port.Type == "chassisredirect" {
		name = strings.TrimPrefix(name, "cr-") // the answer comes in by the router's port itself
	}
	row := map[string]any{"logical_port": name, "ip": addr.String(), "mac": mac, "datapath": []any{"uuid", dp.UUID.String()}}
	if r.sb.Has("MAC_Binding", "timestamp") { // since 22.09: rows that are too old are removed
		row["timestamp"] = time.Now().UnixMilli()
	}
	const table = "MAC_Binding"
	old := []any{[]any{"logical_port", "==", name}, []any{"ip", "==", addr.String()}}
	err = r.SB.Transact(ctx, ovn.Southbound, map[string]any{"op": "delete", "table": table, "where": old}, map[string]any{"op": "insert", "table": table, "row": row})
	if err != nil {
		return fmt.Errorf("the address of %s: %w", addr, err)
	}
	return r.Settle(ctx)
}
