package probe

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// wire is a physical network as one VLAN of it; the VLAN is empty for untagged frames.
type wire struct{ network, vlan string }

// owners are the MAC addresses for which OVN answers on each wire: those of the switches with a
// port on it. The same MAC on another wire belongs to nobody.
type owners struct {
	ports     []binding
	datapaths map[string]string // UUIDs by tunnel key
	floating  []string          // NAT.external_mac, taken for addresses on every wire
	on        map[wire]map[string]bool
}

// binding is what matters of a row of Port_Binding.
type binding struct {
	name, datapath, key, kind, peer string
	on                              wire // of a port that connects its switch to a physical network
	macs                            []string
}

var macPattern = regexp.MustCompile(`(?i)\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b`)

func macsIn(s string) []string { return macPattern.FindAllString(strings.ToLower(s), -1) }

// What LearnMACs reads.
var (
	portRows     = lab.Select{Table: "Port_Binding", Columns: []string{"logical_port", "datapath", "tunnel_key", "type", "mac", "nat_addresses", "options", "tag"}}
	datapathRows = lab.Select{Table: "Datapath_Binding", Columns: []string{"_uuid", "tunnel_key"}}
	natRows      = lab.Select{Table: "NAT", Columns: []string{"external_mac"}}
	fdbRows      = lab.Select{Table: "FDB", Columns: []string{"mac", "dp_key", "port_key"}}
)

// LearnMACs reads the MAC addresses for which OVN answers, configured and learned ones.
func (r *Runner) LearnMACs(ctx context.Context) error {
	first := r.Lab.Topo.Zone("")
	south, err := r.Lab.Rows(ctx, first, lab.Southbound, portRows, datapathRows, fdbRows)
	if err != nil {
		return err
	}
	north, err := r.Lab.Rows(ctx, first, lab.Northbound, natRows)
	if err != nil {
		return err
	}
	ports := south[0]
	for _, z := range r.Lab.Topo.Zones {
		if z.On == "" {
			continue
		}
		more, err := r.Lab.Rows(ctx, z, lab.Southbound, portRows)
		if err != nil {
			return err
		}
		ports = append(ports, more[0]...)
	}
	r.owned = newOwners(ports, south[1], north[0])
	r.owned.learn(south[2])
	return nil
}

// learnFDB reads the learned MAC addresses again: packets change them.
func (r *Runner) learnFDB(ctx context.Context) error {
	rows, err := r.Lab.Rows(ctx, r.Lab.Topo.Zone(""), lab.Southbound, fdbRows)
	if err == nil {
		r.owned.learn(rows[0])
	}
	return err
}

// option returns a value of a map of strings in OVSDB's JSON, "" if it has none.
func option(m, key string) string {
	var parts [2]json.RawMessage
	var pairs [][2]string
	if json.Unmarshal([]byte(m), &parts) != nil || json.Unmarshal(parts[1], &pairs) != nil {
		return ""
	}
	for _, p := range pairs {
		if p[0] == key {
			return p[1]
		}
	}
	return ""
}

// newOwners takes portRows, datapathRows and natRows.
func newOwners(ports, datapaths, nat [][]string) *owners {
	o := &owners{datapaths: map[string]string{}}
	for _, d := range datapaths {
		o.datapaths[d[1]] = d[0]
	}
	for _, n := range nat {
		o.floating = append(o.floating, macsIn(n[0])...)
	}
	for _, p := range ports {
		b := binding{name: p[0], datapath: p[1], key: p[2], kind: p[3], peer: option(p[6], "peer"), macs: macsIn(p[4] + " " + p[5])}
		if b.physical() {
			b.on = wire{option(p[6], "network_name"), p[7]}
		}
		o.ports = append(o.ports, b)
	}
	o.learn(nil)
	return o
}

// physical reports whether a port connects its switch to a physical network.
func (b binding) physical() bool { return b.kind == "localnet" || b.kind == "l2gateway" }

// learn sets the owned addresses: those of ports, and those in the rows of the FDB table.
func (o *owners) learn(fdb [][]string) {
	o.on = map[wire]map[string]bool{}
	for _, w := range o.ports {
		if !w.physical() {
			continue
		}
		set := o.on[w.on]
		if set == nil {
			set = map[string]bool{}
			o.on[w.on] = set
		}
		add := func(macs []string) {
			for _, m := range macs {
				set[m] = true
			}
		}
		add(o.floating)
		for _, p := range o.ports {
			switch {
			case p.datapath == w.datapath && p.kind != "external":
				add(p.macs)
			case p.peer != "" && o.switchOf(p) == w.datapath:
				add(p.macs)
			}
		}
		for _, row := range fdb {
			if o.datapaths[row[1]] == w.datapath && !o.outside(w.datapath, row[2]) {
				add(macsIn(row[0]))
			}
		}
	}
}

// switchOf returns the datapath of a router port's peer, "" if it has none.
func (o *owners) switchOf(p binding) string {
	for _, s := range o.ports {
		if s.name == p.peer {
			return s.datapath
		}
	}
	return ""
}

// outside reports whether a datapath's port leads to a physical network.
func (o *owners) outside(datapath, key string) bool {
	for _, p := range o.ports {
		if p.datapath == datapath && p.key == key {
			return p.physical()
		}
	}
	return false
}

// answers reports whether OVN answers for a MAC on a wire.
func (o *owners) answers(w wire, mac string) bool { return o.on[w][mac] }
