package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Interface is an Interface row with data of its Port row.
type Interface struct {
	Name        string
	Type        string // "" for a system device, internal, patch, geneve, ...
	Options     map[string]string
	ExternalIDs map[string]string
	MAC         string // in use
	Port        string
	Tag         int64  // VLAN of an access port; 0 for none
	Bonded      bool   // Port has several interfaces
	ActiveMAC   string // MAC of the bond's active interface; empty if none is active, or if all carry packets
}

// IfaceID returns the logical port that ovn-controller binds to the interface.
func (i *Interface) IfaceID() string { return i.ExternalIDs["iface-id"] }

// AllInterfaces reads the node's interfaces, by name.
func (o *OVS) AllInterfaces(ctx context.Context) (map[string]*Interface, error) {
	res, err := o.Select(ctx, ovsdb.From("Interface", "name", "type", "options", "external_ids", "mac_in_use"),
		ovsdb.From("Port", "name", "interfaces", "tag", "bond_active_slave"))
	if err != nil {
		return nil, err
	}
	ports := map[ovsdb.UUID]*ovsdb.Row{}
	for _, p := range res[1] {
		for _, i := range p.Refs("interfaces") {
			ports[i] = p
		}
	}
	out := map[string]*Interface{}
	for _, r := range res[0] {
		i := &Interface{Name: r.Str("name"), Type: r.Str("type"), Options: r.Map("options"),
			ExternalIDs: r.Map("external_ids"), MAC: r.Str("mac_in_use")}
		if p := ports[r.UUID()]; p != nil {
			i.Port, i.Tag, i.ActiveMAC = p.Str("name"), p.Int("tag"), p.Str("bond_active_slave")
			i.Bonded = len(p.Refs("interfaces")) > 1
			if err := p.Err(); err != nil {
				return nil, o.Malformed("Port", err)
			}
		}
		if err := r.Err(); err != nil {
			return nil, o.Malformed("Interface", err)
		}
		out[i.Name] = i
	}
	return out, nil
}
