package ovn

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// PortBinding is a Port_Binding row.
type PortBinding struct {
	UUID                ovsdb.UUID
	LogicalPort         string
	Type                string // "" for a VIF, else patch, router, localnet, chassisredirect, ...
	Datapath            ovsdb.UUID
	TunnelKey           int64
	Chassis             ovsdb.UUID // where it is bound; zero when nowhere
	AdditionalChassis   []ovsdb.UUID
	RequestedChassis    ovsdb.UUID
	RequestedAdditional []ovsdb.UUID
	GatewayChassis      []ovsdb.UUID
	HAChassisGroup      ovsdb.UUID
	Encap               ovsdb.UUID
	AdditionalEncap     []ovsdb.UUID
	ParentPort          string // of a container's port
	Tag                 int64  // VLAN; meaningful when HasTag
	HasTag              bool
	VirtualParent       string
	MAC                 []string // each "MAC [IP[/LEN]...]", "unknown" or "router"
	PortSecurity        []string
	NATAddresses        []string
	Options             map[string]string
	ExternalIDs         map[string]string
	Up                  bool
	HasUp               bool // the release tells whether it is up, and did
}

// IsVIF reports a port that a workload is plugged into.
func (p *PortBinding) IsVIF() bool {
	return p.Type == "" || p.Type == "virtual" || p.Type == "localport"
}

// Peer is the logical port at the other end of a patch port (options:peer).
func (p *PortBinding) Peer() string { return p.Options["peer"] }

// Addr is one entry of the mac column.
type Addr struct {
	MAC string // lower case; empty for "unknown", "router", "dynamic"
	// IPs are addresses with the length of their network: full length for a
	// VIF's, the subnet's for a router port's.
	IPs []netip.Prefix
}

// Addrs reads the mac column; words such as "unknown" give nothing.
func (p *PortBinding) Addrs() []Addr { return parseAddrs(p.MAC) }

// HasIP reports whether an IP address is one of the port's own.
func (p *PortBinding) HasIP(ip netip.Addr) bool {
	return slices.ContainsFunc(p.Addrs(), func(a Addr) bool { return a.has(ip) })
}

// HasUnknown reports that the port takes packets for MACs nobody owns.
func (p *PortBinding) HasUnknown() bool { return slices.Contains(p.MAC, "unknown") }

func parseAddrs(entries []string) []Addr {
	var out []Addr
	for _, entry := range entries {
		words := strings.Fields(entry)
		if len(words) == 0 || !isMAC(words[0]) {
			continue
		}
		a := Addr{MAC: strings.ToLower(words[0])}
		for _, w := range words[1:] {
			if prefix, ok := parsePrefix(w); ok {
				a.IPs = append(a.IPs, prefix)
			}
		}
		out = append(out, a)
	}
	return out
}

// parsePrefix reads IP or IP/LEN.
func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

// isMAC reports whether s has the form xx:xx:xx:xx:xx:xx.
func isMAC(s string) bool {
	_, err := net.ParseMAC(s)
	return err == nil && len(s) == 17 && s[2] == ':'
}

var portBindings = ovsdb.From("Port_Binding", "logical_port", "type", "datapath", "tunnel_key", "chassis", "additional_chassis",
	"requested_chassis", "requested_additional_chassis", "gateway_chassis", "ha_chassis_group", "encap",
	"additional_encap", "parent_port", "tag", "virtual_parent", "mac", "port_security", "nat_addresses",
	"options", "external_ids", "up")

// ports selects the port bindings that match any of the alternatives.
func (s *SB) ports(ctx context.Context, alternatives ...ovsdb.Query) ([]*PortBinding, error) {
	if len(alternatives) == 0 {
		return nil, nil
	}
	res, err := s.Select(ctx, alternatives...)
	if err != nil {
		return nil, err
	}
	seen := map[ovsdb.UUID]bool{}
	var out []*PortBinding
	for _, rows := range res {
		for _, r := range rows {
			p := portBinding(r)
			if err := r.Err(); err != nil {
				return nil, s.Malformed("Port_Binding", err)
			}
			if !seen[p.UUID] {
				seen[p.UUID] = true
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(a, b *PortBinding) int { return strings.Compare(a.LogicalPort, b.LogicalPort) })
	return out, s.settleDynamic(ctx, out)
}

// settleDynamic puts the addresses that northd gave in the place of the word "dynamic".
func (s *SB) settleDynamic(ctx context.Context, ports []*PortBinding) error {
	var names []string
	for _, p := range ports {
		if isDynamic(p.MAC) {
			names = append(names, p.LogicalPort)
		}
	}
	if len(names) == 0 || s.Dynamic == nil {
		return nil
	}
	given, err := s.Dynamic(ctx, names...)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if a := given[p.LogicalPort]; a != "" && isDynamic(p.MAC) {
			p.MAC = settled(p.MAC, a)
		}
	}
	return nil
}

// isDynamic reports an entry such as "dynamic", "MAC dynamic" or "dynamic IP".
func isDynamic(entries []string) bool {
	return slices.ContainsFunc(entries, func(e string) bool { return slices.Contains(strings.Fields(e), "dynamic") })
}

// settled has one address in the place of the dynamic entries.
func settled(entries []string, address string) []string {
	out := slices.DeleteFunc(slices.Clone(entries), func(e string) bool { return isDynamic([]string{e}) })
	return append(out, address)
}

// addresses reads the mac column of rows that have logical_port too; many of them are read at once.
func (s *SB) addresses(ctx context.Context, rows []*ovsdb.Row) ([][]Addr, error) {
	out := make([][]Addr, len(rows))
	var given map[string]string
	for i, r := range rows {
		entries := r.Strs("mac")
		if isDynamic(entries) && s.Dynamic != nil {
			if given == nil {
				var err error
				if given, err = s.Dynamic(ctx); err != nil {
					return nil, err
				}
			}
			if a := given[r.Str("logical_port")]; a != "" {
				entries = settled(entries, a)
			}
		}
		out[i] = parseAddrs(entries)
	}
	return out, nil
}

func portBinding(r *ovsdb.Row) *PortBinding {
	return &PortBinding{
		UUID: r.UUID(), LogicalPort: r.Str("logical_port"), Type: r.Str("type"), Datapath: r.Ref("datapath"),
		TunnelKey: r.Int("tunnel_key"), Chassis: r.Ref("chassis"), AdditionalChassis: r.Refs("additional_chassis"),
		RequestedChassis: r.Ref("requested_chassis"), RequestedAdditional: r.Refs("requested_additional_chassis"),
		GatewayChassis: r.Refs("gateway_chassis"), HAChassisGroup: r.Ref("ha_chassis_group"), Encap: r.Ref("encap"),
		AdditionalEncap: r.Refs("additional_encap"), ParentPort: r.Str("parent_port"), Tag: r.Int("tag"),
		HasTag: len(r.Ints("tag")) > 0, VirtualParent: r.Str("virtual_parent"), MAC: r.Strs("mac"),
		PortSecurity: r.Strs("port_security"), NATAddresses: r.Strs("nat_addresses"), Options: r.Map("options"),
		ExternalIDs: r.Map("external_ids"), Up: r.Bool("up"), HasUp: len(r.Bools("up")) > 0,
	}
}

// PortByName finds a logical port. When there is none, the error suggests the
// nearest names, for which alone the list of names is read.
func (s *SB) PortByName(ctx context.Context, name string) (*PortBinding, error) {
	found, err := s.ports(ctx, portBindings.Equal("logical_port", name))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		near, err := s.NearestPorts(ctx, name, 3)
		if err != nil {
			return nil, err
		}
		return nil, &NotFoundError{What: "logical port", Name: name, Nearest: near}
	}
	return found[0], nil // logical_port is an index: there is one
}

// PortByUUID finds a logical port by its row.
func (s *SB) PortByUUID(ctx context.Context, u ovsdb.UUID) (*PortBinding, error) {
	found, err := s.ports(ctx, portBindings.Row(u))
	return single(found, err, "port binding", u.String())
}

// PortByKey finds the port of a datapath by its tunnel key (OpenFlow reg14, reg15).
func (s *SB) PortByKey(ctx context.Context, datapath ovsdb.UUID, key int64) (*PortBinding, error) {
	found, err := s.ports(ctx, portBindings.Equal("datapath", datapath).Equal("tunnel_key", key))
	return single(found, err, "port with tunnel key", itoa(key))
}

// PortsOfDatapath lists a datapath's ports, of the types given or all.
func (s *SB) PortsOfDatapath(ctx context.Context, datapath ovsdb.UUID, types ...string) ([]*PortBinding, error) {
	if len(types) == 0 {
		return s.ports(ctx, portBindings.Equal("datapath", datapath))
	}
	var alt []ovsdb.Query
	for _, t := range types {
		alt = append(alt, portBindings.Equal("datapath", datapath).Equal("type", t))
	}
	return s.ports(ctx, alt...)
}

// PortsByType lists the ports of a type in all datapaths.
func (s *SB) PortsByType(ctx context.Context, portType string) ([]*PortBinding, error) {
	return s.ports(ctx, portBindings.Equal("type", portType))
}

// PortsOfChassis lists the ports bound to a chassis.
func (s *SB) PortsOfChassis(ctx context.Context, chassis ovsdb.UUID) ([]*PortBinding, error) {
	return s.ports(ctx, portBindings.Equal("chassis", chassis), portBindings.Includes("additional_chassis", chassis))
}

// ChildPorts lists the containers' ports nested in a parent, or of one tag when tag >= 0.
func (s *SB) ChildPorts(ctx context.Context, parent string, tag int64) ([]*PortBinding, error) {
	q := portBindings.Equal("parent_port", parent)
	if tag >= 0 {
		q = q.Equal("tag", tag)
	}
	return s.ports(ctx, q)
}

// PortsByExternalID lists the ports whose external_ids hold the pair.
func (s *SB) PortsByExternalID(ctx context.Context, key, value string) ([]*PortBinding, error) {
	return s.ports(ctx, portBindings.IncludesPair("external_ids", key, value))
}

// PortsByPod lists the ports of a Kubernetes pod: ovn-kubernetes names them
// NAMESPACE_NAME, with the network's prefix on a secondary network, and Kube-OVN
// NAME.NAMESPACE and in external_ids:pod.
func (s *SB) PortsByPod(ctx context.Context, namespace, name string) ([]*PortBinding, error) {
	found, err := s.ports(ctx,
		portBindings.Equal("logical_port", namespace+"_"+name),
		portBindings.Equal("logical_port", name+"."+namespace),
		portBindings.IncludesPair("external_ids", "pod", namespace+"/"+name),
		portBindings.IncludesPair("external_ids", "namespace", namespace))
	return slices.DeleteFunc(found, func(p *PortBinding) bool {
		// Of the namespace's ports those that are the pod's.
		return p.ExternalIDs["pod"] != namespace+"/"+name && p.LogicalPort != name+"."+namespace &&
			p.LogicalPort != namespace+"_"+name && !strings.HasSuffix(p.LogicalPort, "_"+namespace+"_"+name)
	}), err
}

// serverKeys are the external_ids by which a CMS tells whose port it is.
var serverKeys = []string{"neutron:device_id", "neutron:port_name", "neutron:hostname", "hostname", "name", "vm-id"}

// PortsByServer lists the ports of a machine by its name or identifier in external_ids.
func (s *SB) PortsByServer(ctx context.Context, name string) ([]*PortBinding, error) {
	var alt []ovsdb.Query
	for _, key := range serverKeys {
		alt = append(alt, portBindings.IncludesPair("external_ids", key, name))
	}
	return s.ports(ctx, alt...)
}

// PortsByMAC lists the ports that own a MAC address.
func (s *SB) PortsByMAC(ctx context.Context, mac string) ([]*PortBinding, error) {
	mac = strings.ToLower(mac)
	return s.portsByAddr(ctx, func(a Addr) bool { return a.MAC == mac })
}

// PortsByIP lists the ports that own an IP address, in any network.
func (s *SB) PortsByIP(ctx context.Context, ip netip.Addr) ([]*PortBinding, error) {
	ip = ip.Unmap()
	return s.portsByAddr(ctx, func(a Addr) bool {
		return slices.ContainsFunc(a.IPs, func(p netip.Prefix) bool { return p.Addr() == ip })
	})
}

// portsByAddr reads the mac column of all ports, since OVSDB's conditions
// cannot look inside the strings of a set, and then the rows that match.
func (s *SB) portsByAddr(ctx context.Context, match func(Addr) bool) ([]*PortBinding, error) {
	res, err := s.Select(ctx, ovsdb.From("Port_Binding", "logical_port", "mac"))
	if err != nil {
		return nil, err
	}
	addrs, err := s.addresses(ctx, res[0])
	if err != nil {
		return nil, err
	}
	var alt []ovsdb.Query
	for i, r := range res[0] {
		if slices.ContainsFunc(addrs[i], match) {
			alt = append(alt, portBindings.Row(r.UUID()))
		}
	}
	found, err := s.ports(ctx, alt...)
	// A gateway's chassisredirect port repeats the addresses of the router port that it stands for.
	return slices.DeleteFunc(found, func(p *PortBinding) bool { return p.Type == "chassisredirect" }), err
}

// portsByPrefix lists the ports whose row's UUID, or whose name where that is a UUID, begins with
// the hex digits. OVSDB has no condition on part of a value: names are read, and no more.
func (s *SB) portsByPrefix(ctx context.Context, prefix string) ([]*PortBinding, error) {
	prefix = strings.ToLower(prefix)
	res, err := s.Select(ctx, ovsdb.From("Port_Binding", "logical_port"))
	if err != nil {
		return nil, err
	}
	var alt []ovsdb.Query
	for _, r := range res[0] {
		name := strings.ToLower(r.Str("logical_port"))
		_, bad := ovsdb.ParseUUID(name)
		if strings.HasPrefix(r.UUID().String(), prefix) || bad == nil && strings.HasPrefix(name, prefix) {
			alt = append(alt, portBindings.Row(r.UUID()))
		}
	}
	return s.ports(ctx, alt...)
}
