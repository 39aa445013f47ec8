package ovn

import (
	"context"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// TimeoutPolicies returns the conntrack timeouts, in seconds, of the zones of a type of datapath:
// by zone, and then by the names of CT_Timeout_Policy. It does not contain zones without a policy.
func (o *OVS) TimeoutPolicies(ctx context.Context, datapathType string) (map[uint16]map[string]uint32, error) {
	res, err := o.Select(ctx, ovsdb.From("Open_vSwitch", "datapaths"))
	if err != nil || len(res[0]) == 0 {
		return nil, err
	}
	all := res[0][0]
	dp, ok := all.RefMap("datapaths")[datapathType]
	if !ok {
		return nil, all.Err()
	}
	if res, err = o.Select(ctx, ovsdb.From("Datapath", "ct_zones").Row(dp)); err != nil || len(res[0]) == 0 {
		return nil, err
	}
	zones := res[0][0].RefMap("ct_zones")
	if len(zones) == 0 {
		return nil, res[0][0].Err()
	}
	if res, err = o.Select(ctx, ovsdb.From("CT_Zone", "_uuid", "timeout_policy"),
		ovsdb.From("CT_Timeout_Policy", "_uuid", "timeouts")); err != nil {
		return nil, err
	}
	policies, of := map[ovsdb.UUID]map[string]uint32{}, map[ovsdb.UUID]ovsdb.UUID{}
	for _, r := range res[1] {
		t := map[string]uint32{}
		for name, text := range r.Map("timeouts") {
			v, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				return nil, o.Malformed("CT_Timeout_Policy", err)
			}
			t[name] = uint32(v)
		}
		policies[r.UUID()] = t
	}
	for _, r := range res[0] {
		of[r.UUID()] = r.Ref("timeout_policy")
	}
	out := map[uint16]map[string]uint32{}
	for text, row := range zones {
		zone, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return nil, o.Malformed("Datapath", err)
		}
		if p, ok := policies[of[row]]; ok {
			out[uint16(zone)] = p
		}
	}
	return out, nil
}
