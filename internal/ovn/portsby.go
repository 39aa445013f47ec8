package ovn

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// PortByName returns a logical port. If there is none, the error suggests similar names; only then
// is the list of names read.
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
	return found[0], nil // logical_port is an index: there is only one
}

// PortByUUID returns a logical port by its row's UUID.
func (s *SB) PortByUUID(ctx context.Context, u ovsdb.UUID) (*PortBinding, error) {
	found, err := s.ports(ctx, portBindings.Row(u))
	return single(found, err, "port binding", u.String())
}

// PortByKey returns the port of a datapath by its tunnel key (OpenFlow reg14, reg15).
func (s *SB) PortByKey(ctx context.Context, datapath ovsdb.UUID, key int64) (*PortBinding, error) {
	found, err := s.ports(ctx, portByKey(datapath, key))
	return single(found, err, "port with tunnel key", itoa(key))
}

func portByKey(datapath ovsdb.UUID, key int64) ovsdb.Query {
	return portBindings.Equal("datapath", datapath).Equal("tunnel_key", key)
}

// PortsOfDatapath lists a datapath's ports of the given types, or all.
func (s *SB) PortsOfDatapath(ctx context.Context, datapath ovsdb.UUID, types ...string) ([]*PortBinding, error) {
	if len(types) == 0 {
		return s.ports(ctx, portBindings.Equal("datapath", datapath))
	}
	return s.ports(ctx, portsOfDatapath(datapath, types...)...)
}

func portsOfDatapath(datapath ovsdb.UUID, types ...string) []ovsdb.Query {
	var alt []ovsdb.Query
	for _, t := range types {
		alt = append(alt, portBindings.Equal("datapath", datapath).Equal("type", t))
	}
	return alt
}

// PortsByType lists the ports of the types in all datapaths.
func (s *SB) PortsByType(ctx context.Context, types ...string) ([]*PortBinding, error) {
	var alt []ovsdb.Query
	for _, t := range types {
		alt = append(alt, portBindings.Equal("type", t))
	}
	return s.ports(ctx, alt...)
}

// ChildPorts lists the containers' ports nested in a parent, or of one tag when tag >= 0.
func (s *SB) ChildPorts(ctx context.Context, parent string, tag int64) ([]*PortBinding, error) {
	q := portBindings.Equal("parent_port", parent)
	if tag >= 0 {
		q = q.Equal("tag", tag)
	}
	return s.ports(ctx, q)
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
		// Keep only the pod's ports among the namespace's.
		return p.ExternalIDs["pod"] != namespace+"/"+name && p.LogicalPort != name+"."+namespace &&
			p.LogicalPort != namespace+"_"+name && !strings.HasSuffix(p.LogicalPort, "_"+namespace+"_"+name)
	}), err
}

// serverKeys are the external_ids in which CMSs store the machine of a port.
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

// portsByAddr reads the mac column of all ports, because OVSDB's conditions cannot match parts of a
// set's strings, and then the rows that match.
func (s *SB) portsByAddr(ctx context.Context, match func(Addr) bool) ([]*PortBinding, error) {
	all, err := s.owners(ctx, "owners", addressRows)
	if err != nil {
		return nil, err
	}
	var alt []ovsdb.Query
	for _, o := range all {
		if slices.ContainsFunc(o.addrs, match) {
			alt = append(alt, portBindings.Row(o.uuid))
		}
	}
	found, err := s.ports(ctx, alt...)
	// A gateway's chassisredirect port repeats the addresses of its router port.
	return slices.DeleteFunc(found, func(p *PortBinding) bool { return p.Type == "chassisredirect" }), err
}

// addressRows are the addresses of ports.
var addressRows = ovsdb.From("Port_Binding", "logical_port", "mac")

// ownerOf is a port and its addresses.
type ownerOf struct {
	uuid  ovsdb.UUID
	port  string
	addrs []Addr
}

// owners returns the addresses of the ports that a query finds; name names the query.
func (s *SB) owners(ctx context.Context, name string, q ovsdb.Query) ([]ownerOf, error) {
	return ovsdb.Derived(s.DB, name, func() ([]ownerOf, error) {
		res, err := s.Select(ctx, q)
		if err != nil {
			return nil, err
		}
		addrs, err := s.addresses(ctx, res[0])
		if err != nil {
			return nil, err
		}
		out := make([]ownerOf, len(res[0]))
		for i, r := range res[0] {
			out[i] = ownerOf{r.UUID(), r.Str("logical_port"), addrs[i]}
		}
		return out, nil
	})
}

// portsByPrefix lists the ports whose row's UUID, or whose name if that is a UUID, begins with the
// hex digits. OVSDB has no condition on part of a value, so it first reads the names only.
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

// maxNames is the maximum number of conditions in one request for ports by name.
const maxNames = 256

// PortsByNames lists the ports with these names; names that no port has are left out. For many
// names it reads all ports.
func (s *SB) PortsByNames(ctx context.Context, names []string) ([]*PortBinding, error) {
	if len(names) > maxNames {
		return s.ports(ctx, portBindings)
	}
	var alt []ovsdb.Query
	for _, name := range names {
		alt = append(alt, portBindings.Equal("logical_port", name))
	}
	return s.ports(ctx, alt...)
}
