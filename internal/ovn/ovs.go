package ovn

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// OVS asks a node's Open_vSwitch database.
type OVS struct{ *ovsdb.DB }

// DialOVS connects to a node's Open_vSwitch database.
func DialOVS(ctx context.Context, opt ovsdb.Options) (*OVS, error) {
	if opt.Database == "" {
		opt.Database = OpenVSwitch
	}
	db, err := ovsdb.Dial(ctx, opt)
	if err != nil {
		return nil, err
	}
	return &OVS{db}, nil
}

// NodeConfig is what the single Open_vSwitch row says of a node.
type NodeConfig struct {
	SystemID    string
	Hostname    string
	OVSVersion  string
	DBVersion   string
	Datapaths   []string // datapath types ovs-vswitchd can make
	ExternalIDs map[string]string
}

// Get reads an external_ids setting as ovn-controller does: KEY-CHASSIS, for
// hosts with several ovn-controllers, overrides KEY (get_chassis_external_id_value).
func (n *NodeConfig) Get(key string) string {
	if v, ok := n.ExternalIDs[key+"-"+n.SystemID]; ok && n.SystemID != "" {
		return v
	}
	return n.ExternalIDs[key]
}

// Remote is the Southbound database the node's ovn-controller uses.
func (n *NodeConfig) Remote() string { return n.Get("ovn-remote") }

// Bridge is the integration bridge.
func (n *NodeConfig) Bridge() string {
	if b := n.Get("ovn-bridge"); b != "" {
		return b
	}
	return "br-int"
}

// BridgeMappings are the provider networks and the bridges they are on.
func (n *NodeConfig) BridgeMappings() map[string]string {
	return parseMappings(n.Get("ovn-bridge-mappings"))
}

// EncapTypes are the tunnel types, in the order of ovn-encap-type.
func (n *NodeConfig) EncapTypes() []string { return splitList(n.Get("ovn-encap-type")) }

// EncapIPs are the node's own tunnel addresses.
func (n *NodeConfig) EncapIPs() []netip.Addr {
	var out []netip.Addr
	for _, s := range splitList(n.Get("ovn-encap-ip")) {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, a)
		}
	}
	return out
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// Config reads the node's settings.
func (o *OVS) Config(ctx context.Context) (*NodeConfig, error) {
	res, err := o.Select(ctx, ovsdb.From("Open_vSwitch", "external_ids", "ovs_version", "db_version", "datapath_types"))
	if err != nil {
		return nil, err
	}
	if len(res[0]) == 0 {
		return nil, o.Malformed("Open_vSwitch", fmt.Errorf("the table is empty: ovs-vsctl init was not run"))
	}
	r := res[0][0]
	n := &NodeConfig{OVSVersion: r.Str("ovs_version"), DBVersion: r.Str("db_version"),
		Datapaths: r.Strs("datapath_types"), ExternalIDs: r.Map("external_ids")}
	n.SystemID, n.Hostname = n.ExternalIDs["system-id"], n.ExternalIDs["hostname"]
	if err := r.Err(); err != nil {
		return nil, o.Malformed("Open_vSwitch", err)
	}
	return n, nil
}

// Bridge is a Bridge row.
type Bridge struct {
	UUID         ovsdb.UUID
	Name         string
	DatapathType string // "" and "system" are the kernel's
	DatapathID   string
	FailMode     string
	Ports        []ovsdb.UUID
	ExternalIDs  map[string]string
}

// Interface is an Interface row, with the port and bridge it is on when they were asked for.
type Interface struct {
	UUID        ovsdb.UUID
	Name        string
	Type        string // "" for a system device, internal, patch, geneve, ...
	OFPort      int64  // 0 when it has none, -1 when it could not be added
	Port        string
	Tag         int64 // VLAN of an access port; meaningful when HasTag
	HasTag      bool
	Bridge      string
	Options     map[string]string
	ExternalIDs map[string]string
	PortIDs     map[string]string // external_ids of its Port row
	Bonded      bool              // Port has several interfaces
	ActiveMAC   string            // MAC of the bond's active interface; empty when none is, or every one carries packets
	AdminState  string
	LinkState   string
	Error       string
	MAC         string // in use
	MTU         int64
}

// IfaceID is the logical port that ovn-controller binds to the interface.
func (i *Interface) IfaceID() string { return i.ExternalIDs["iface-id"] }

// IsTunnel reports a tunnel port.
func (i *Interface) IsTunnel() bool {
	switch i.Type {
	case "geneve", "vxlan", "stt", "gre", "erspan", "ip6erspan", "ip6gre", "gtpu", "bareudp", "srv6", "lisp":
		return true
	}
	return false
}

var bridgeRows = ovsdb.From("Bridge", "name", "datapath_type", "datapath_id", "fail_mode", "ports", "external_ids")
var interfaceRows = ovsdb.From("Interface", "name", "type", "ofport", "options", "external_ids", "admin_state", "link_state", "error", "mac_in_use", "mtu")

// AllBridges lists the node's bridges.
func (o *OVS) AllBridges(ctx context.Context) ([]*Bridge, error) { return o.bridges(ctx, bridgeRows) }

// BridgeByName finds a bridge.
func (o *OVS) BridgeByName(ctx context.Context, name string) (*Bridge, error) {
	found, err := o.bridges(ctx, bridgeRows.Equal("name", name))
	if err == nil && len(found) == 0 {
		all, err := o.bridges(ctx, bridgeRows)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, b := range all {
			names = append(names, b.Name)
		}
		return nil, &NotFoundError{What: "bridge", Name: name, Nearest: names[:min(len(names), 5)]}
	}
	return single(found, err, "bridge", name)
}

func (o *OVS) bridges(ctx context.Context, q ovsdb.Query) ([]*Bridge, error) {
	res, err := o.Select(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []*Bridge
	for _, r := range res[0] {
		b := &Bridge{UUID: r.UUID(), Name: r.Str("name"), DatapathType: r.Str("datapath_type"), DatapathID: r.Str("datapath_id"),
			FailMode: r.Str("fail_mode"), Ports: r.Refs("ports"), ExternalIDs: r.Map("external_ids")}
		if err := r.Err(); err != nil {
			return nil, o.Malformed("Bridge", err)
		}
		out = append(out, b)
	}
	return out, nil
}

// Mirror is a Mirror row of a bridge.
type Mirror struct {
	Name   string
	Bridge string
	Output []string // interfaces of its output port; empty when it sends its copies to a VLAN
	VLAN   int64    // output_vlan, where there is no output port
}

// Mirrors lists the mirrors of all bridges.
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

// InterfaceByIfaceID finds the interface that a logical port is plugged into.
// Where several claim it, the one with an OpenFlow port is meant, as in
// ovn-controller's local_bindings.
func (o *OVS) InterfaceByIfaceID(ctx context.Context, logicalPort string) (*Interface, error) {
	found, err := o.interfaces(ctx, interfaceRows.IncludesPair("external_ids", "iface-id", logicalPort))
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		var up []*Interface
		for _, i := range found {
			if i.OFPort > 0 {
				up = append(up, i)
			}
		}
		if len(up) > 0 {
			found = up
		}
	}
	if len(found) == 0 {
		return nil, &NotFoundError{What: "interface with external_ids:iface-id", Name: logicalPort}
	}
	return found[0], nil
}

// InterfaceByName finds an interface.
func (o *OVS) InterfaceByName(ctx context.Context, name string) (*Interface, error) {
	found, err := o.interfaces(ctx, interfaceRows.Equal("name", name))
	return single(found, err, "interface", name)
}

// InterfaceByOFPort finds the interface of a bridge by its OpenFlow port.
func (o *OVS) InterfaceByOFPort(ctx context.Context, bridge string, ofport int64) (*Interface, error) {
	found, err := o.interfaces(ctx, interfaceRows.Equal("ofport", ofport))
	if err != nil {
		return nil, err
	}
	for _, i := range found {
		if i.Bridge == bridge {
			return i, nil
		}
	}
	return nil, &NotFoundError{What: "OpenFlow port on " + bridge, Name: itoa(ofport)}
}

// TunnelInterfaces lists the tunnel ports of a bridge.
func (o *OVS) TunnelInterfaces(ctx context.Context, bridge string) ([]*Interface, error) {
	all, err := o.InterfacesOfBridge(ctx, bridge)
	if err != nil {
		return nil, err
	}
	var out []*Interface
	for _, i := range all {
		if i.IsTunnel() {
			out = append(out, i)
		}
	}
	return out, nil
}

// InterfacesOfBridge lists a bridge's interfaces.
func (o *OVS) InterfacesOfBridge(ctx context.Context, bridge string) ([]*Interface, error) {
	b, err := o.BridgeByName(ctx, bridge)
	if err != nil {
		return nil, err
	}
	var qs []ovsdb.Query
	for _, p := range b.Ports {
		qs = append(qs, portRows.Row(p))
	}
	ports, err := o.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	qs = qs[:0]
	var of []*ovsdb.Row
	for _, rows := range ports {
		for _, p := range rows {
			for _, i := range p.Refs("interfaces") {
				qs = append(qs, interfaceRows.Row(i))
				of = append(of, p)
			}
		}
	}
	ifaces, err := o.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	var out []*Interface
	for n, rows := range ifaces {
		for _, r := range rows {
			i := o.iface(r)
			i.onPort(of[n])
			i.Bridge = b.Name
			if err := r.Err(); err != nil {
				return nil, o.Malformed("Interface", err)
			}
			out = append(out, i)
		}
	}
	return out, nil
}

var portRows = ovsdb.From("Port", "name", "interfaces", "tag", "external_ids", "bond_active_slave")

func (i *Interface) onPort(p *ovsdb.Row) {
	i.Port, i.Tag, i.HasTag, i.PortIDs = p.Str("name"), p.Int("tag"), len(p.Ints("tag")) > 0, p.Map("external_ids")
	i.Bonded, i.ActiveMAC = len(p.Refs("interfaces")) > 1, p.Str("bond_active_slave")
}

func (o *OVS) iface(r *ovsdb.Row) *Interface {
	return &Interface{UUID: r.UUID(), Name: r.Str("name"), Type: r.Str("type"), OFPort: r.Int("ofport"),
		Options: r.Map("options"), ExternalIDs: r.Map("external_ids"), AdminState: r.Str("admin_state"),
		LinkState: r.Str("link_state"), Error: r.Str("error"), MAC: r.Str("mac_in_use"), MTU: r.Int("mtu")}
}

// interfaces selects interfaces and, in two further questions, their ports and bridges.
func (o *OVS) interfaces(ctx context.Context, q ovsdb.Query) ([]*Interface, error) {
	res, err := o.Select(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []*Interface
	var qs []ovsdb.Query
	for _, r := range res[0] {
		i := o.iface(r)
		if err := r.Err(); err != nil {
			return nil, o.Malformed("Interface", err)
		}
		out = append(out, i)
		qs = append(qs, portRows.Includes("interfaces", i.UUID))
	}
	ports, err := o.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	qs = qs[:0]
	var of []*Interface
	for n, rows := range ports {
		for _, p := range rows {
			out[n].onPort(p)
			qs = append(qs, ovsdb.From("Bridge", "name").Includes("ports", p.UUID()))
			of = append(of, out[n])
		}
	}
	bridges, err := o.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	for n, rows := range bridges {
		for _, b := range rows {
			of[n].Bridge = b.Str("name")
		}
	}
	return out, nil
}

// AllInterfaces lists the node's interfaces by name, each with its port.
func (o *OVS) AllInterfaces(ctx context.Context) (map[string]*Interface, error) {
	res, err := o.Select(ctx, interfaceRows, portRows)
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
		i := o.iface(r)
		if p := ports[i.UUID]; p != nil {
			i.onPort(p)
		}
		if err := r.Err(); err != nil {
			return nil, o.Malformed("Interface", err)
		}
		out[i.Name] = i
	}
	return out, nil
}

// ctZonePrefix begins the external_ids of the integration bridge in which
// ovn-controller keeps its conntrack zones (ct_zones_commit).
const ctZonePrefix = "ct-zone-"

// CTZones reads which conntrack zone belongs to whom: a logical port, or a
// datapath's name or UUID with _dnat or _snat behind it.
func (o *OVS) CTZones(ctx context.Context, bridge string) (map[uint16]string, error) {
	b, err := o.BridgeByName(ctx, bridge)
	if err != nil {
		return nil, err
	}
	return b.CTZones(), nil
}

// CTZones is what the bridge's external_ids say of conntrack zones.
func (b *Bridge) CTZones() map[uint16]string {
	out := map[uint16]string{}
	for key, value := range b.ExternalIDs {
		name, ok := strings.CutPrefix(key, ctZonePrefix)
		if !ok {
			continue
		}
		zone, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			continue
		}
		// Two names of one zone happen (a requested SNAT zone): the answer
		// must not depend on the map's order.
		if old, taken := out[uint16(zone)]; !taken || name < old {
			out[uint16(zone)] = name
		}
	}
	return out
}

// NameZones replaces the datapath UUIDs that releases before 23.09 put into
// zone names by the datapaths' names; the map given is not changed.
func (s *SB) NameZones(ctx context.Context, zones map[uint16]string) (map[uint16]string, error) {
	of := map[uint16]ovsdb.UUID{}
	var ids []ovsdb.UUID
	for zone, name := range zones {
		id, _, ok := cutZoneSuffix(name)
		if u, err := ovsdb.ParseUUID(id); ok && err == nil {
			of[zone] = u
			ids = append(ids, u)
		}
	}
	dps, err := s.DatapathsByUUID(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[uint16]string, len(zones))
	for zone, name := range zones {
		if d := dps[of[zone]]; d != nil && d.Name != "" {
			_, suffix, _ := cutZoneSuffix(name)
			name = d.Name + suffix
		}
		out[zone] = name
	}
	return out, nil
}

func cutZoneSuffix(name string) (base, suffix string, ok bool) {
	for _, suffix := range []string{"_dnat", "_snat"} {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			return base, suffix, true
		}
	}
	return name, "", false
}
