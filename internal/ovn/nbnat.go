package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// NATByExternalMAC lists the logical ports of the distributed NAT rules that answer for a MAC
// address.
func (n *NB) NATByExternalMAC(ctx context.Context, mac string) ([]string, error) {
	res, err := n.Select(ctx, ovsdb.From("NAT", "logical_port", "external_mac").Equal("external_mac", mac))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range res[0] {
		if p := r.Str("logical_port"); p != "" {
			out = append(out, p)
		}
		if err := r.Err(); err != nil {
			return nil, n.Malformed("NAT", err)
		}
	}
	return out, nil
}
