package ovn

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Chassis is a Chassis row with its encapsulations.
type Chassis struct {
	UUID        ovsdb.UUID
	Name        string // the system-id
	Hostname    string
	Encaps      []Encap
	NBCfg       int64 // the configuration that ovn-controller has installed; from Chassis_Private if there is a row
	OtherConfig map[string]string
	ExternalIDs map[string]string
	VTEPs       []string // vtep_logical_switches

	encaps []ovsdb.UUID // the rows of Encaps
}

// Encap is an Encap row.
type Encap struct {
	Type string // geneve, vxlan or stt
	IP   netip.Addr
}

// Option returns a setting that ovn-controller publishes from a chassis' external_ids: in
// Chassis.other_config since 20.06, in Chassis.external_ids before.
func (c *Chassis) Option(key string) string {
	if v, ok := c.OtherConfig[key]; ok {
		return v
	}
	return c.ExternalIDs[key]
}

// BridgeMappings returns the bridge of each provider network of the chassis (ovn-bridge-mappings).
func (c *Chassis) BridgeMappings() map[string]string {
	return parseMappings(c.Option("ovn-bridge-mappings"))
}

// IsRemote reports whether the chassis belongs to another availability zone (OVN-IC).
func (c *Chassis) IsRemote() bool { return c.Option(remoteMark) == "true" }

// IsVTEP reports whether the chassis is a hardware gateway, which ovn-controller-vtep manages. It
// has a mark since 21.12; before, only vtep_logical_switches shows it.
func (c *Chassis) IsVTEP() bool { return c.Option(vtepMark) == "true" || len(c.VTEPs) > 0 }

var (
	chassisRows = ovsdb.From("Chassis", "name", "hostname", "nb_cfg", "other_config", "external_ids", "encaps", "vtep_logical_switches")
	encapRows   = ovsdb.From("Encap", "type", "ip", "chassis_name")
	// privateRows are the parts of chassis that their own ovn-controllers write.
	privateRows = ovsdb.From("Chassis_Private", "name", "nb_cfg")
	globalRows  = ovsdb.From("SB_Global", "nb_cfg", "options")
)

// AllChassis reads every chassis. It reads the three tables whole: a condition on a name makes
// ovsdb-server go through the table, once for each chassis.
func (s *SB) AllChassis(ctx context.Context) ([]*Chassis, error) {
	res, err := s.Select(ctx, chassisRows, privateRows, encapRows)
	if err != nil {
		return nil, err
	}
	private := map[string][]*ovsdb.Row{}
	for _, r := range res[1] {
		private[r.Str("name")] = append(private[r.Str("name")], r)
	}
	encaps := encapsOf(res[2])
	var out []*Chassis
	for _, r := range res[0] {
		c, err := s.chassisOf(r, private[r.Str("name")], encaps)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// CountChassis returns the number of chassis.
func (s *SB) CountChassis(ctx context.Context) (int, error) {
	res, err := s.Select(ctx, ovsdb.From("Chassis"))
	if err != nil {
		return 0, err
	}
	return len(res[0]), nil
}

// ChassisByName returns a chassis by its name (system-id) or, failing that, its hostname.
func (s *SB) ChassisByName(ctx context.Context, name string) (*Chassis, error) {
	for _, col := range []string{"name", "hostname"} {
		found, err := s.chassis(ctx, chassisRows.Equal(col, name))
		if err != nil {
			return nil, err
		}
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return nil, fmt.Errorf("%d chassis have the %s %q", len(found), col, name)
		}
	}
	return nil, &NotFoundError{What: "chassis", Name: name}
}

// ChassisByUUID returns a chassis by its row's UUID.
func (s *SB) ChassisByUUID(ctx context.Context, u ovsdb.UUID) (*Chassis, error) {
	found, err := s.chassis(ctx, chassisRows.Row(u))
	return single(found, err, "chassis", u.String())
}

// BareChassisByUUID is ChassisByUUID without what needs a second request: encapsulations, and NBCfg
// of Chassis_Private.
func (s *SB) BareChassisByUUID(ctx context.Context, u ovsdb.UUID) (*Chassis, error) {
	res, err := s.Select(ctx, chassisRows.Row(u))
	if err != nil {
		return nil, err
	}
	var found []*Chassis
	for _, r := range res[0] {
		c, err := s.chassisOf(r, nil, nil)
		if err != nil {
			return nil, err
		}
		c.Encaps = nil
		found = append(found, c)
	}
	return single(found, nil, "chassis", u.String())
}

// AlsoOn returns the chassis with that name if it is one of the port's additional ones, which a
// port has while it migrates; nil if it is not, or the name is empty.
func (s *SB) AlsoOn(ctx context.Context, pb *PortBinding, name string) (*Chassis, error) {
	if name == "" {
		return nil, nil
	}
	for _, u := range pb.AdditionalChassis {
		c, err := s.ChassisByUUID(ctx, u)
		switch {
		case err != nil && !IsNotFound(err):
			return nil, err
		case err == nil && c.Name == name:
			return c, nil
		}
	}
	return nil, nil
}

// ChassisByEncapIP returns the chassis with the tunnel endpoint ip.
func (s *SB) ChassisByEncapIP(ctx context.Context, ip netip.Addr) (*Chassis, error) {
	res, err := s.Select(ctx, encapRows.Equal("ip", ip.Unmap().String()))
	if err != nil {
		return nil, err
	}
	rows := res[0]
	if len(rows) == 0 && ip.Is6() {
		// The column is text, and an IPv6 address can be written in several ways.
		if res, err = s.Select(ctx, encapRows); err != nil {
			return nil, err
		}
		for _, r := range res[0] {
			if a, err := netip.ParseAddr(r.Str("ip")); err == nil && a == ip {
				rows = append(rows, r)
			}
		}
	}
	var names []string
	var found *Chassis
	for _, r := range rows {
		// Most chassis have one encapsulation, and then this is all that chassis asks for.
		s.Want(ctx, encapRows.Row(r.UUID()), privateRows.Equal("name", r.Str("chassis_name")))
		c, err := s.chassis(ctx, chassisRows.Includes("encaps", r.UUID()))
		if err != nil {
			return nil, err
		}
		if len(c) > 0 && (found == nil || found.Name != c[0].Name) {
			found, names = c[0], append(names, c[0].Name)
		}
	}
	if len(names) > 1 {
		return nil, fmt.Errorf("tunnel address %s belongs to several chassis: %s", ip, strings.Join(names, ", "))
	}
	if found == nil {
		return nil, &NotFoundError{What: "chassis with tunnel address", Name: ip.String()}
	}
	return found, nil
}

// chassis selects chassis and, in one more request, their encaps and Chassis_Private rows.
func (s *SB) chassis(ctx context.Context, q ovsdb.Query) ([]*Chassis, error) {
	res, err := s.Select(ctx, q)
	if err != nil || len(res[0]) == 0 {
		return nil, err
	}
	var more []ovsdb.Query
	for _, r := range res[0] {
		more = append(more, privateRows.Equal("name", r.Str("name")))
	}
	single := len(more)
	for _, r := range res[0] {
		for _, e := range r.Refs("encaps") {
			more = append(more, encapRows.Row(e))
		}
	}
	sub, err := s.Select(ctx, more...)
	if err != nil {
		return nil, err
	}
	encaps := encapsOf(slices.Concat(sub[single:]...))
	var out []*Chassis
	for i, r := range res[0] {
		c, err := s.chassisOf(r, sub[i], encaps)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// encapsOf returns encaps by the UUIDs of their rows.
func encapsOf(rows []*ovsdb.Row) map[ovsdb.UUID]Encap {
	out := map[ovsdb.UUID]Encap{}
	for _, r := range rows {
		e := Encap{Type: r.Str("type")}
		e.IP, _ = netip.ParseAddr(r.Str("ip")) // invalid if the text is not an address
		out[r.UUID()] = e
	}
	return out
}

// chassisOf returns a chassis of its rows.
func (s *SB) chassisOf(r *ovsdb.Row, private []*ovsdb.Row, encaps map[ovsdb.UUID]Encap) (*Chassis, error) {
	c := &Chassis{UUID: r.UUID(), Name: r.Str("name"), Hostname: r.Str("hostname"), NBCfg: r.Int("nb_cfg"),
		OtherConfig: r.Map("other_config"), ExternalIDs: r.Map("external_ids"), VTEPs: r.Strs("vtep_logical_switches")}
	for _, p := range private {
		c.NBCfg = p.Int("nb_cfg")
	}
	c.encaps = r.Refs("encaps")
	for _, e := range c.encaps {
		c.Encaps = append(c.Encaps, encaps[e])
	}
	if err := r.Err(); err != nil {
		return nil, s.Malformed("Chassis", err)
	}
	return c, nil
}
