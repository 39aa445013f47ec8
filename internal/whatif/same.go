package whatif

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// same returns a *DiffersError unless every port is where it is in the deployment, and has its keys:
// flows that Open vSwitch has learned name them.
func (t *task) same(ctx context.Context) error {
	real, err := places(ctx, t.live.SB)
	if err != nil {
		return err
	}
	ours, err := places(ctx, t.copied.Southbound())
	if err != nil {
		return err
	}
	return differences(real, ours)
}

// binding is what a port has in the Southbound database.
type binding struct {
	chassis       string // empty: it is on none
	datapath, key int64  // tunnel keys
}

// places returns the bindings of all ports.
func places(ctx context.Context, sb *ovn.SB) (map[string]binding, error) {
	res, err := sb.Select(ctx, ovsdb.From("Port_Binding", "logical_port", "chassis", "datapath", "tunnel_key"), ovsdb.From("Chassis", "name"),
		ovsdb.From("Datapath_Binding", "tunnel_key"))
	if err != nil {
		return nil, err
	}
	names, keys := map[ovsdb.UUID]string{}, map[ovsdb.UUID]int64{}
	for _, r := range res[1] {
		names[r.UUID()] = r.Str("name")
	}
	for _, r := range res[2] {
		keys[r.UUID()] = r.Int("tunnel_key")
	}
	out := map[string]binding{}
	for _, r := range res[0] {
		out[r.Str("logical_port")] = binding{names[r.Ref("chassis")], keys[r.Ref("datapath")], r.Int("tunnel_key")}
	}
	return out, nil
}

// differences returns a *DiffersError unless the same ports have the same bindings.
func differences(real, ours map[string]binding) error {
	ports := maps.Clone(real)
	maps.Copy(ports, ours)
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		was, known := real[port]
		is, copied := ours[port]
		switch {
		case !known:
			return &DiffersError{fmt.Sprintf("port %s is in the copy only", port)}
		case !copied:
			return &DiffersError{fmt.Sprintf("port %s is not in the copy", port)}
		case was.chassis != is.chassis:
			return &DiffersError{fmt.Sprintf("port %s is on chassis %q, and on %q in the copy", port, was.chassis, is.chassis)}
		case was != is:
			return &DiffersError{fmt.Sprintf("port %s has key %d of datapath %d, and key %d of %d in the copy", port, was.key, was.datapath, is.key, is.datapath)}
		}
	}
	return nil
}
