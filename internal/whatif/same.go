package whatif

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// same returns a *DiffersError unless every port is where it is in the deployment.
func (t *task) same(ctx context.Context) error {
	where := func(sb *ovn.SB) (map[string]string, error) {
		res, err := sb.Select(ctx, ovsdb.From("Port_Binding", "logical_port", "chassis"), ovsdb.From("Chassis", "name"))
		if err != nil {
			return nil, err
		}
		names := map[ovsdb.UUID]string{}
		for _, r := range res[1] {
			names[r.UUID()] = r.Str("name")
		}
		out := map[string]string{}
		for _, r := range res[0] {
			out[r.Str("logical_port")] = names[r.Ref("chassis")]
		}
		return out, nil
	}
	real, err := where(t.live.SB)
	if err != nil {
		return err
	}
	ours, err := where(t.copied.Southbound())
	if err != nil {
		return err
	}
	return differences(real, ours)
}

// differences returns a *DiffersError unless the same ports are on the same chassis; a port that is
// on none has an empty name.
func differences(real, ours map[string]string) error {
	ports := maps.Clone(real)
	maps.Copy(ports, ours)
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		switch was, known := real[port]; {
		case !known:
			return &DiffersError{fmt.Sprintf("port %s is in the copy only", port)}
		case was != ours[port]:
			return &DiffersError{fmt.Sprintf("port %s is on chassis %q, and on %q in the copy", port, was, ours[port])}
		}
		if _, copied := ours[port]; !copied {
			return &DiffersError{fmt.Sprintf("port %s is not in the copy", port)}
		}
	}
	return nil
}
