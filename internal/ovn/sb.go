package ovn

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// SB asks the Southbound database.
type SB struct {
	*ovsdb.DB
	// Dynamic tells the addresses that northd gave the ports of these names, or all ports: the Southbound database has the
	// word "dynamic" in their place. NB.DynamicAddresses is one; nil where there is no Northbound database.
	Dynamic func(ctx context.Context, names ...string) (map[string]string, error)
}

// DialSB connects to the Southbound database.
func DialSB(ctx context.Context, opt ovsdb.Options) (*SB, error) {
	if opt.Database == "" {
		opt.Database = Southbound
	}
	db, err := ovsdb.Dial(ctx, opt)
	if err != nil {
		return nil, err
	}
	return &SB{DB: db}, nil
}

// NotFoundError is a name that no row has.
type NotFoundError struct {
	What    string   // what was looked for, such as "logical port"
	Name    string   // as it was asked for
	Nearest []string // names that come close, if they were looked up
}

// Error names what was looked for, and what may have been meant.
func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("no %s %q", e.What, e.Name)
	if len(e.Nearest) > 0 {
		s += " (nearest: " + strings.Join(e.Nearest, ", ") + ")"
	}
	return s
}

// AmbiguousError is a name that several rows have.
type AmbiguousError struct {
	What       string // as in NotFoundError
	Name       string
	Candidates []string
}

// Error names what was looked for and all that it may be.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q is not one %s: %s", e.Name, e.What, strings.Join(e.Candidates, ", "))
}

// Chassis is a Chassis row with its encapsulations.
type Chassis struct {
	UUID        ovsdb.UUID
	Name        string // the system-id
	Hostname    string
	Encaps      []Encap
	NBCfg       int64 // of Chassis_Private where there is one: what ovn-controller has installed
	OtherConfig map[string]string
	ExternalIDs map[string]string
	VTEPs       []string // vtep_logical_switches
}

// Encap is an Encap row.
type Encap struct {
	UUID        ovsdb.UUID
	Type        string // geneve, vxlan or stt
	IP          netip.Addr
	ChassisName string
	Options     map[string]string
}

// Option reads what ovn-controller publishes of a chassis' external_ids:
// Chassis.other_config since 20.06, Chassis.external_ids before.
func (c *Chassis) Option(key string) string {
	if v, ok := c.OtherConfig[key]; ok {
		return v
	}
	return c.ExternalIDs[key]
}

// BridgeMappings are the networks the chassis maps to bridges (ovn-bridge-mappings).
func (c *Chassis) BridgeMappings() map[string]string {
	return parseMappings(c.Option("ovn-bridge-mappings"))
}

// IsRemote reports a chassis of another availability zone (OVN-IC).
func (c *Chassis) IsRemote() bool { return c.Option("is-remote") == "true" }

// IsVTEP reports a hardware gateway that ovn-controller-vtep speaks for: marked so since 21.12, before that told by the switches
// that it joins.
func (c *Chassis) IsVTEP() bool { return c.Option("is-vtep") == "true" || len(c.VTEPs) > 0 }

// EncapIP is the address of the first encapsulation of the type; any type when empty.
func (c *Chassis) EncapIP(encapType string) (netip.Addr, bool) {
	for _, e := range c.Encaps {
		if encapType == "" || e.Type == encapType {
			return e.IP, true
		}
	}
	return netip.Addr{}, false
}

// parseMappings reads "physnet1:br-ex,physnet2:br-vlan".
func parseMappings(s string) map[string]string {
	out := map[string]string{}
	for _, item := range strings.Split(s, ",") {
		if network, bridge, ok := strings.Cut(strings.TrimSpace(item), ":"); ok {
			out[network] = bridge
		}
	}
	return out
}

var (
	chassisRows = ovsdb.From("Chassis", "name", "hostname", "nb_cfg", "other_config", "external_ids", "encaps", "vtep_logical_switches")
	encapRows   = ovsdb.From("Encap", "type", "ip", "options", "chassis_name")
)

// AllChassis lists every chassis.
func (s *SB) AllChassis(ctx context.Context) ([]*Chassis, error) { return s.chassis(ctx, chassisRows) }

// ChassisByName finds a chassis by its name (system-id) or, failing that, its hostname.
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

// ChassisByUUID finds a chassis by its row.
func (s *SB) ChassisByUUID(ctx context.Context, u ovsdb.UUID) (*Chassis, error) {
	found, err := s.chassis(ctx, chassisRows.Row(u))
	return single(found, err, "chassis", u.String())
}

// ChassisByEncapIP finds the chassis that ends tunnels at ip.
func (s *SB) ChassisByEncapIP(ctx context.Context, ip netip.Addr) (*Chassis, error) {
	res, err := s.Select(ctx, encapRows.Equal("ip", ip.Unmap().String()))
	if err != nil {
		return nil, err
	}
	rows := res[0]
	if len(rows) == 0 && ip.Is6() {
		// IPv6 addresses have several spellings, and the column is text.
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

// chassis selects chassis and, in one further question, their encaps and
// Chassis_Private rows.
func (s *SB) chassis(ctx context.Context, q ovsdb.Query) ([]*Chassis, error) {
	res, err := s.Select(ctx, q)
	if err != nil || len(res[0]) == 0 {
		return nil, err
	}
	var more []ovsdb.Query
	for _, r := range res[0] {
		more = append(more, ovsdb.From("Chassis_Private", "name", "nb_cfg").Equal("name", r.Str("name")))
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
	encaps := map[ovsdb.UUID]Encap{}
	for _, rows := range sub[single:] {
		for _, r := range rows {
			e := Encap{UUID: r.UUID(), Type: r.Str("type"), ChassisName: r.Str("chassis_name"), Options: r.Map("options")}
			// An address that is none is shown by being invalid, not by failing the run.
			e.IP, _ = netip.ParseAddr(r.Str("ip"))
			encaps[e.UUID] = e
		}
	}
	var out []*Chassis
	for i, r := range res[0] {
		c := &Chassis{UUID: r.UUID(), Name: r.Str("name"), Hostname: r.Str("hostname"), NBCfg: r.Int("nb_cfg"),
			OtherConfig: r.Map("other_config"), ExternalIDs: r.Map("external_ids"), VTEPs: r.Strs("vtep_logical_switches")}
		for _, p := range sub[i] {
			c.NBCfg = p.Int("nb_cfg")
		}
		for _, e := range r.Refs("encaps") {
			c.Encaps = append(c.Encaps, encaps[e])
		}
		if err := r.Err(); err != nil {
			return nil, s.Malformed("Chassis", err)
		}
		out = append(out, c)
	}
	return out, nil
}

func single[T any](found []*T, err error, what, name string) (*T, error) {
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, &NotFoundError{What: what, Name: name}
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%d rows are %s %q", len(found), what, name)
}

// Datapath is a Datapath_Binding row: a logical switch or router.
type Datapath struct {
	UUID        ovsdb.UUID
	TunnelKey   int64  // the OpenFlow metadata field
	Name        string // the switch's or router's name
	Name2       string // a friendlier one that a CMS gave, or empty
	IsRouter    bool
	NB          ovsdb.UUID // the Logical_Switch or Logical_Router
	ExternalIDs map[string]string
}

// Kind is "switch" or "router".
func (d *Datapath) Kind() string {
	if d.IsRouter {
		return "router"
	}
	return "switch"
}

// DatapathByUUID finds a datapath by its row.
func (s *SB) DatapathByUUID(ctx context.Context, u ovsdb.UUID) (*Datapath, error) {
	found, err := s.datapaths(ctx, datapathRows.Row(u))
	return single(found, err, "datapath", u.String())
}

// DatapathByKey finds a datapath by its tunnel key, which is also the
// OpenFlow metadata field's value.
func (s *SB) DatapathByKey(ctx context.Context, key int64) (*Datapath, error) {
	found, err := s.datapaths(ctx, datapathRows.Equal("tunnel_key", key))
	return single(found, err, "datapath with tunnel key", fmt.Sprint(key))
}

// DatapathByName finds a switch or router by name, friendlier name, NB UUID or Neutron's identifier.
func (s *SB) DatapathByName(ctx context.Context, name string) (*Datapath, error) {
	for _, id := range []struct{ key, value string }{
		{"name", name}, {"name2", name}, {"logical-switch", name}, {"logical-router", name}, {"name", "neutron-" + name},
	} {
		found, err := s.datapaths(ctx, datapathRows.IncludesPair("external_ids", id.key, id.value))
		if err != nil {
			return nil, err
		}
		if len(found) > 1 {
			var names []string
			for _, d := range found {
				names = append(names, d.Name)
			}
			slices.Sort(names)
			return nil, &AmbiguousError{What: "logical switch or router", Name: name, Candidates: names}
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return nil, &NotFoundError{What: "logical switch or router", Name: name}
}

// AllDatapaths lists every datapath.
func (s *SB) AllDatapaths(ctx context.Context) ([]*Datapath, error) {
	return s.datapaths(ctx, datapathRows)
}

// DatapathsByUUID reads the datapaths of several rows at once; rows that are gone are absent.
func (s *SB) DatapathsByUUID(ctx context.Context, us []ovsdb.UUID) (map[ovsdb.UUID]*Datapath, error) {
	out := map[ovsdb.UUID]*Datapath{}
	err := manyDatapaths(ctx, s, "_uuid", us, func(d *Datapath) { out[d.UUID] = d })
	return out, err
}

// DatapathsByKey reads the datapaths of several tunnel keys at once; keys that no datapath has are absent.
func (s *SB) DatapathsByKey(ctx context.Context, keys []int64) (map[int64]*Datapath, error) {
	out := map[int64]*Datapath{}
	err := manyDatapaths(ctx, s, "tunnel_key", keys, func(d *Datapath) { out[d.TunnelKey] = d })
	return out, err
}

func manyDatapaths[T any](ctx context.Context, s *SB, column string, values []T, yield func(*Datapath)) error {
	var qs []ovsdb.Query
	for _, v := range values {
		qs = append(qs, datapathRows.Equal(column, v))
	}
	if len(qs) == 0 {
		return nil
	}
	res, err := s.Select(ctx, qs...)
	if err != nil {
		return err
	}
	for _, rows := range res {
		for _, r := range rows {
			d, err := s.datapath(r)
			if err != nil {
				return err
			}
			yield(d)
		}
	}
	return nil
}

// type and nb_uuid are columns since 26.03; external_ids told before.
var datapathRows = ovsdb.From("Datapath_Binding", "tunnel_key", "external_ids", "type", "nb_uuid")

func (s *SB) datapaths(ctx context.Context, q ovsdb.Query) ([]*Datapath, error) {
	res, err := s.Select(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []*Datapath
	for _, r := range res[0] {
		d, err := s.datapath(r)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func (s *SB) datapath(r *ovsdb.Row) (*Datapath, error) {
	ids := r.Map("external_ids")
	d := &Datapath{UUID: r.UUID(), TunnelKey: r.Int("tunnel_key"), Name: ids["name"], Name2: ids["name2"], ExternalIDs: ids}
	nb := ids["logical-switch"]
	if lr, ok := ids["logical-router"]; ok {
		d.IsRouter, nb = true, lr
	}
	d.NB, _ = ovsdb.ParseUUID(nb)
	if t := r.Str("type"); t != "" {
		d.IsRouter = t == "logical-router"
	}
	if u := r.Ref("nb_uuid"); !u.IsZero() {
		d.NB = u
	}
	if err := r.Err(); err != nil {
		return nil, s.Malformed("Datapath_Binding", err)
	}
	return d, nil
}
