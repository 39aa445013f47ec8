package ovn

import (
	"context"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Directory is the chassis of a database as far as a trace needs them: what names and reaches one,
// the addresses of its tunnels, and whether it is remote or a VTEP gateway. Its rows have no other
// field: no configuration, and of encapsulations only each address, once, in no order.
type Directory struct {
	byUUID map[ovsdb.UUID]*Chassis
	byName map[string]*Chassis
	byAddr map[netip.Addr][]*Chassis
}

// directoryRows are the queries of a Directory: 130 bytes of an answer for each chassis and 75 for
// each of its encapsulations, which name their chassis. Marks are asked by a condition, because
// the columns that have them are several times as long.
var directoryRows = []ovsdb.Query{
	ovsdb.From("Chassis", "name", "hostname"),
	ovsdb.From("Encap", "ip", "chassis_name").Anonymous(),
	ovsdb.From("Chassis").IncludesPair("other_config", remoteMark, "true"),
	ovsdb.From("Chassis").IncludesPair("other_config", vtepMark, "true"),
	ovsdb.From("Chassis").NotEmpty("vtep_logical_switches"),
}

const remoteMark, vtepMark = "is-remote", "is-vtep"

// Directory returns the chassis where a Beginning was answered; else ok is false, and nothing is
// asked. The answer is used once. Before OVN 20.06 it is never there: a chassis was marked in
// another column.
func (s *SB) Directory(ctx context.Context) (d *Directory, ok bool) {
	for _, q := range directoryRows {
		if !s.IsAhead(ctx, q) {
			return nil, false
		}
	}
	res, err := s.Select(ctx, directoryRows...)
	if err != nil {
		return nil, false
	}
	d = &Directory{byUUID: map[ovsdb.UUID]*Chassis{}, byName: map[string]*Chassis{}, byAddr: map[netip.Addr][]*Chassis{}}
	for _, r := range res[0] {
		c := &Chassis{UUID: r.UUID(), Name: r.Str("name"), Hostname: r.Str("hostname"), OtherConfig: map[string]string{}}
		if r.Err() != nil {
			return nil, false // who asks for the row reports it
		}
		d.byUUID[c.UUID], d.byName[c.Name] = c, c
	}
	for _, r := range res[1] {
		ip, err := netip.ParseAddr(r.Str("ip"))
		if c := d.byName[r.Str("chassis_name")]; c != nil && err == nil {
			d.add(c, ip)
		}
	}
	for i, mark := range []string{remoteMark, vtepMark, vtepMark} {
		for _, r := range res[2+i] {
			if c := d.byUUID[r.UUID()]; c != nil {
				c.OtherConfig[mark] = "true"
			}
		}
	}
	return d, true
}

// add adds an address to a chassis, once.
func (d *Directory) add(c *Chassis, ip netip.Addr) {
	if ip = ip.Unmap(); !slices.Contains(d.byAddr[ip], c) {
		c.Encaps = append(c.Encaps, Encap{IP: ip})
		d.byAddr[ip] = append(d.byAddr[ip], c)
	}
}

// ByUUID returns the chassis of a row; nil where there is none. A nil Directory has no chassis.
func (d *Directory) ByUUID(u ovsdb.UUID) *Chassis {
	if d == nil {
		return nil
	}
	return d.byUUID[u]
}

// ByName returns the chassis with a name (system-id); nil where there is none.
func (d *Directory) ByName(name string) *Chassis {
	if d == nil {
		return nil
	}
	return d.byName[name]
}

// ByEncapIP returns the chassis with a tunnel endpoint; nil where there is none, or several.
func (d *Directory) ByEncapIP(ip netip.Addr) *Chassis {
	if d == nil || len(d.byAddr[ip.Unmap()]) != 1 {
		return nil
	}
	return d.byAddr[ip.Unmap()][0]
}
