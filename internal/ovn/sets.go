package ovn

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// AddressSet returns the addresses of $name.
func (s *SB) AddressSet(ctx context.Context, name string) ([]string, error) {
	return s.set(ctx, addressSets, "addresses", "address set", name)
}

// PortGroup returns the names of the ports of @name. In the Southbound database, the datapath's key
// and an underscore precede the Northbound group's name.
func (s *SB) PortGroup(ctx context.Context, name string) ([]string, error) {
	ports, err := s.set(ctx, portGroups, "ports", "port group", name)
	if err == nil || !IsNotFound(err) {
		return ports, err
	}
	// northd makes one Port_Group for each datapath: KEY_NAME (get_sb_port_group_name). It reads
	// the names, and then the ports of those that match.
	res, nerr := s.Select(ctx, ovsdb.From("Port_Group", "name"))
	if nerr != nil {
		return nil, nerr
	}
	var fit []ovsdb.Query
	for _, r := range res[0] {
		key, rest, ok := strings.Cut(r.Str("name"), "_")
		if ok && rest == name && strings.Trim(key, "0123456789") == "" {
			fit = append(fit, portGroups.Row(r.UUID()))
		}
	}
	if len(fit) == 0 {
		return nil, err
	}
	if res, nerr = s.Select(ctx, fit...); nerr != nil {
		return nil, nerr
	}
	ports = nil
	for _, r := range slices.Concat(res...) {
		ports = append(ports, r.Strs("ports")...)
	}
	slices.Sort(ports)
	return slices.Compact(ports), nil
}

var (
	addressSets = ovsdb.From("Address_Set", "addresses")
	portGroups  = ovsdb.From("Port_Group", "ports")
)

func (s *SB) set(ctx context.Context, from ovsdb.Query, column, what, name string) ([]string, error) {
	res, err := s.Select(ctx, from.Equal("name", name))
	if err != nil {
		return nil, err
	}
	if len(res[0]) == 0 {
		return nil, &NotFoundError{What: what, Name: name}
	}
	return res[0][0].Strs(column), res[0][0].Err()
}

// SetMembers returns, read in one transaction, the members of the names $SET and @GROUP in the
// matches of a datapath: the set's addresses, and the names of the group's ports on that datapath
// (get_sb_port_group_name of northd). A set or group that does not exist has no members.
func (s *SB) SetMembers(ctx context.Context, dp *Datapath, names []string) ([][]string, error) {
	res, err := s.Select(ctx, setQueries(dp, names)...)
	if err != nil {
		return nil, err
	}
	out := make([][]string, len(names))
	for i, rows := range res {
		for _, r := range rows {
			out[i] = slices.Concat(out[i], r.Strs("addresses"), r.Strs("ports"))
		}
	}
	return out, nil
}

// PortGroupOn is a Port_Group row: the part of a Northbound group that is on one datapath.
type PortGroupOn struct {
	Datapath int64  // tunnel key
	Name     string // of the Northbound group
	Ports    []string
}

// WantGroupsWith is for GroupsWith.
func (s *SB) WantGroupsWith(ctx context.Context, port string) { s.Want(ctx, groupsWithPort(port)) }

// GroupsWith returns the port groups with a port, each with its ports on that port's datapath,
// where WantGroupsWith was answered; else none, and nothing is asked. The answer is used once.
func (s *SB) GroupsWith(ctx context.Context, port string) []PortGroupOn {
	if !s.IsAhead(ctx, groupsWithPort(port)) {
		return nil
	}
	res, err := s.Select(ctx, groupsWithPort(port))
	if err != nil {
		return nil
	}
	var out []PortGroupOn
	for _, r := range res[0] {
		key, name, ok := strings.Cut(r.Str("name"), "_") // get_sb_port_group_name of northd
		n, bad := strconv.ParseInt(key, 10, 64)
		g := PortGroupOn{Datapath: n, Name: name, Ports: r.Strs("ports")}
		if ok && bad == nil && r.Err() == nil {
			out = append(out, g)
		}
	}
	return out
}

func groupsWithPort(port string) ovsdb.Query {
	return ovsdb.From("Port_Group", "name", "ports").Includes("ports", port)
}

// setQueries returns the queries of SetMembers.
func setQueries(dp *Datapath, names []string) []ovsdb.Query {
	var qs []ovsdb.Query
	for _, name := range names {
		if group, ok := strings.CutPrefix(name, "@"); ok {
			qs = append(qs, portGroups.Equal("name", strconv.FormatInt(dp.TunnelKey, 10)+"_"+group))
		} else {
			qs = append(qs, addressSets.Equal("name", strings.TrimPrefix(name, "$")))
		}
	}
	return qs
}
