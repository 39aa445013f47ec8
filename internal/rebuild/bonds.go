package rebuild

import (
	"context"
	"fmt"
	"strings"
)

// bonds makes the same members of a bridge's bonds active as on the host: an active-backup bond
// takes packets from its active member only. The error says which bond's active member is not
// known.
func (b *builder) bonds(ctx context.Context, br *bridge) error {
	macs := map[string]string{} // by interface
	for _, r := range b.host.Interfaces {
		macs[strings.Trim(r["name"], `"`)] = strings.Trim(r["mac_in_use"], `"`)
	}
	for _, p := range br.ports {
		if len(p.ifaces) < 2 {
			continue
		}
		name, mode := p.row.Str("name"), p.row.Str("bond_mode")
		switch mode {
		case "balance-tcp":
			b.note("bond %s is balanced by the hash of a packet and LACP, of which the rebuilt one knows nothing: which of its members a packet leaves by is not known", name)
		case "balance-slb":
			b.note("bond %s is balanced by the source of a packet: to which of its members a source was assigned, and so by which one a packet leaves, is not known", name)
		}
		active := p.row.Str("bond_active_slave")
		if active == "" {
			continue // none is, or all carry packets
		}
		member := ""
		for _, i := range p.ifaces {
			if macs[i.name] == active {
				member = i.name
			}
		}
		if member == "" {
			return fmt.Errorf("which member of bond %s is active is not known: %s", name, orElse(b.host.InterfacesLack, "no interface has the MAC address "+active))
		}
		if _, err := b.sw.Appctl(ctx, "bond/set-active-member", name, member); err != nil {
			if _, old := b.sw.Appctl(ctx, "bond/set-active-slave", name, member); old != nil {
				return fmt.Errorf("the active member of bond %s cannot be restored: %w", name, err)
			}
		}
	}
	return nil
}
