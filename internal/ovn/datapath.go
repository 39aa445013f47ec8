package ovn

import (
	"context"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Datapath is a Datapath_Binding row: a logical switch or router.
type Datapath struct {
	UUID      ovsdb.UUID
	TunnelKey int64  // the OpenFlow metadata field
	Name      string // the switch's or router's name
	IsRouter  bool
	NB        ovsdb.UUID // the Logical_Switch or Logical_Router
}

// Kind returns "router" or "switch".
func (d *Datapath) Kind() string {
	if d.IsRouter {
		return "router"
	}
	return "switch"
}

// type and nb_uuid are columns since 26.03. Before, both are in external_ids.
var datapathRows = ovsdb.From("Datapath_Binding", "tunnel_key", "external_ids", "type", "nb_uuid")

// DatapathByUUID returns a datapath by its row's UUID.
func (s *SB) DatapathByUUID(ctx context.Context, u ovsdb.UUID) (*Datapath, error) {
	found, err := s.datapaths(ctx, datapathRows.Row(u))
	return single(found, err, "datapath", u.String())
}

// DatapathByKey returns a datapath by its tunnel key, which is also the OpenFlow metadata field's
// value.
func (s *SB) DatapathByKey(ctx context.Context, key int64) (*Datapath, error) {
	found, err := s.datapaths(ctx, datapathRows.Equal("tunnel_key", key))
	return single(found, err, "datapath with tunnel key", fmt.Sprint(key))
}

// DatapathByName returns a switch or router by its name, its name2 (a more readable name), its UUID
// in the Northbound database or Neutron's identifier.
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

// DatapathsByUUID returns the datapaths of several rows; rows that no longer exist are absent.
func (s *SB) DatapathsByUUID(ctx context.Context, us []ovsdb.UUID) (map[ovsdb.UUID]*Datapath, error) {
	out := map[ovsdb.UUID]*Datapath{}
	err := manyDatapaths(ctx, s, "_uuid", us, func(d *Datapath) { out[d.UUID] = d })
	return out, err
}

// DatapathsByKey returns the datapaths of several tunnel keys; keys without a datapath are absent.
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
	d := &Datapath{UUID: r.UUID(), TunnelKey: r.Int("tunnel_key"), Name: ids["name"]}
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
