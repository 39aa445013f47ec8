package whatif

import (
	"context"
	"maps"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// gateways returns which chassis has each gateway port in the copy.
func (t *task) gateways(ctx context.Context) (map[string]string, error) {
	res, err := t.copied.Southbound().Select(ctx, ovsdb.From("Port_Binding", "logical_port", "chassis").Equal("type", "chassisredirect"),
		ovsdb.From("Port_Binding", "logical_port", "chassis").Equal("type", "l3gateway"), ovsdb.From("Chassis", "name"))
	if err != nil {
		return nil, err
	}
	names := map[ovsdb.UUID]string{}
	for _, r := range res[2] {
		names[r.UUID()] = r.Str("name")
	}
	out := map[string]string{}
	for _, r := range slices.Concat(res[0], res[1]) {
		out[r.Str("logical_port")] = names[r.Ref("chassis")]
	}
	return out, nil
}

// moved reports the gateway ports that are on another chassis with the change.
func (t *task) moved(before, after map[string]string) {
	ports := maps.Clone(before)
	maps.Copy(ports, after)
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		if before[port] != after[port] {
			t.out.Gateways = append(t.out.Gateways, report.WhatIfGateway{Port: port, Before: before[port], After: after[port]})
		}
	}
}
