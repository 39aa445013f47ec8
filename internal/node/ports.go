package node

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// joinPorts makes ports out of what ovs-vswitchd has (dpif/show) and what the database says.
func joinPorts(shown []shownPort, rows map[string]*ovn.Interface) []Port {
	var out []Port
	for _, s := range shown {
		p := Port{Backer: s.Backer, Port: engine.Port{Datapath: s.Datapath, Name: s.Name, Bridge: s.Bridge, OFPort: s.OFPort, Type: s.Type}}
		if row := rows[s.Name]; row != nil {
			p.Options, p.ExternalIDs = row.Options, row.ExternalIDs
			p.IfaceID = row.IfaceID()
			p.MAC, p.Tag = row.MAC, row.Tag
		}
		if p.Options == nil {
			p.Options = map[string]string{}
		}
		for _, item := range strings.Split(s.Text, ", ") {
			// The database may be out of reach; dpif/show has the tunnel's options too.
			if k, v, ok := strings.Cut(item, "="); ok && p.Options[k] == "" {
				p.Options[k] = v
			}
		}
		if p.Options["psk"] != "" {
			p.Options["psk"] = "***" // that there is a key matters, the key to nobody here
		}
		p.Peer = p.Options["peer"]
		p.Kind = kindOf(p)
		out = append(out, p)
	}
	return out
}

// ofppLocal is the bridge's own port (OFPP_LOCAL), whatever type of datapath it is on.
const ofppLocal = 0xfffe

// kindOf says what lies behind a port.
func kindOf(p Port) engine.PortKind {
	switch {
	case isTunnel(p.Type):
		return engine.PortTunnel
	case p.IfaceID != "":
		return engine.PortVIF
	case p.Type == "internal" || p.Type == "tap" || p.OFPort == ofppLocal:
		return engine.PortHost
	}
	return engine.PortPhysical
}

func isTunnel(t string) bool {
	i := ovn.Interface{Type: t}
	return i.IsTunnel()
}
