package node

import (
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/dpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// joinPorts returns the ports of dpif/show, with their rows in the database.
func joinPorts(shown []dpif.Port, rows map[string]*ovn.Interface, mirrors []*ovn.Mirror) []Port {
	var out []Port
	for _, s := range shown {
		p := Port{Backer: s.Backer, Port: engine.Port{Datapath: s.Datapath, Name: s.Name, Bridge: s.Bridge, OFPort: s.OFPort, Type: s.Type}}
		if row := rows[s.Name]; row != nil {
			p.Options, p.ExternalIDs = row.Options, row.ExternalIDs
			p.IfaceID = row.IfaceID()
			p.MAC, p.Tag = row.MAC, row.Tag
			if row.Bonded {
				p.Bond, p.Active = row.Port, row.MAC != "" && row.MAC == row.ActiveMAC
			}
		}
		if p.Options == nil {
			p.Options = map[string]string{}
		}
		for k, v := range s.Options() {
			// The database may be unreachable; dpif/show has the tunnel's options too.
			if p.Options[k] == "" {
				p.Options[k] = v
			}
		}
		if p.Options["psk"] != "" {
			p.Options["psk"] = "***" // the tool only needs to know that there is a key
		}
		p.Peer = p.Options["peer"]
		p.Kind = kindOf(s, p.IfaceID)
		for _, m := range mirrors {
			if m.Bridge == p.Bridge && slices.Contains(m.Output, p.Name) {
				p.Mirrors = append(p.Mirrors, m.Name)
			}
		}
		out = append(out, p)
	}
	return onlyMirrors(out)
}

// onlyMirrors clears the mirror flag of a port that shares its datapath port with a port without
// the flag, as tunnels do: the datapath's actions do not distinguish them.
func onlyMirrors(ports []Port) []Port {
	plain := map[[2]string]bool{}
	key := func(p Port) [2]string { return [2]string{p.Backer, p.Datapath} }
	for _, p := range ports {
		plain[key(p)] = plain[key(p)] || p.Mirrors == nil
	}
	for i := range ports {
		if plain[key(ports[i])] {
			ports[i].Mirrors = nil
		}
	}
	return ports
}

// kindOf returns the kind of a port.
func kindOf(p dpif.Port, ifaceID string) engine.PortKind {
	switch {
	case dpif.IsTunnel(p.Type):
		return engine.PortTunnel
	case ifaceID != "":
		return engine.PortVIF
	case p.Host():
		return engine.PortHost
	}
	return engine.PortPhysical
}

// untold returns a warning for each mirror whose copies cannot be distinguished from the packet:
// those that leave by a patch port or on a VLAN.
func untold(mirrors []*ovn.Mirror, rows map[string]*ovn.Interface) []string {
	var out []string
	for _, m := range mirrors {
		if m.Bridge == "" {
			continue
		}
		if m.Output == nil {
			out = append(out, fmt.Sprintf("mirror %s of %s sends copies on VLAN %d: they cannot be distinguished from the packet's own branches", m.Name, m.Bridge, m.VLAN))
		}
		for _, name := range m.Output {
			if r := rows[name]; r != nil && r.Type == "patch" {
				out = append(out, fmt.Sprintf("mirror %s of %s sends copies through patch port %s: they cannot be distinguished from the packet's own branches", m.Name, m.Bridge, name))
			}
		}
	}
	return out
}
