package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Bridge is a Bridge row.
type Bridge struct {
	Name        string
	ExternalIDs map[string]string
}

// AllBridges reads the node's bridges.
func (o *OVS) AllBridges(ctx context.Context) ([]*Bridge, error) {
	res, err := o.Select(ctx, ovsdb.From("Bridge", "name", "external_ids"))
	if err != nil {
		return nil, err
	}
	var out []*Bridge
	for _, r := range res[0] {
		out = append(out, &Bridge{Name: r.Str("name"), ExternalIDs: r.Map("external_ids")})
		if err := r.Err(); err != nil {
			return nil, o.Malformed("Bridge", err)
		}
	}
	return out, nil
}

// Mirror is a Mirror row of a bridge.
type Mirror struct {
	Name   string
	Bridge string
	Output []string // interfaces of its output port; empty if it sends its copies to a VLAN
	VLAN   int64    // output_vlan, if there is no output port
}

// Mirrors reads the mirrors of all bridges.
func (o *OVS) Mirrors(ctx context.Context) ([]*Mirror, error) {
	res, err := o.Select(ctx, ovsdb.From("Mirror", "name", "output_port", "output_vlan"))
	if err != nil {
		return nil, err
	}
	var out []*Mirror
	for _, r := range res[0] {
		m := &Mirror{Name: r.Str("name"), VLAN: r.Int("output_vlan")}
		at, err := o.Select(ctx, ovsdb.From("Bridge", "name").Includes("mirrors", r.UUID()),
			ovsdb.From("Port", "interfaces").Row(r.Ref("output_port")))
		if err != nil {
			return nil, err
		}
		if len(at[0]) > 0 {
			m.Bridge = at[0][0].Str("name")
		}
		for _, port := range at[1] {
			for _, u := range port.Refs("interfaces") {
				i, err := o.Select(ctx, ovsdb.From("Interface", "name").Row(u))
				if err != nil {
					return nil, err
				}
				for _, row := range i[0] {
					m.Output = append(m.Output, row.Str("name"))
				}
			}
		}
		if err := r.Err(); err != nil {
			return nil, o.Malformed("Mirror", err)
		}
		out = append(out, m)
	}
	return out, nil
}
