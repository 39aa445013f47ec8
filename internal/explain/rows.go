package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

func isNotFound(err error) bool {
	var e *ovn.NotFoundError
	return errors.As(err, &e)
}

// describe formats rows whose UUIDs are used as cookies, on one line.
var describe = map[string]struct {
	columns []string
	text    func(r *ovsdb.Row, datapath func(ovsdb.UUID) string) string
}{
	"Port_Binding": {[]string{"logical_port", "type", "datapath"}, func(r *ovsdb.Row, dp func(ovsdb.UUID) string) string {
		return describePort(r.Str("logical_port"), r.Str("type"), dp(r.Ref("datapath")))
	}},
	"Multicast_Group": {[]string{"name", "tunnel_key", "datapath"}, func(r *ovsdb.Row, dp func(ovsdb.UUID) string) string {
		return fmt.Sprintf("%s (tunnel key %d) on %s", r.Str("name"), r.Int("tunnel_key"), dp(r.Ref("datapath")))
	}},
	"MAC_Binding":        {[]string{"logical_port", "ip", "mac"}, describeMAC},
	"Static_MAC_Binding": {[]string{"logical_port", "ip", "mac"}, describeMAC},
	"FDB": {[]string{"mac", "dp_key", "port_key"}, func(r *ovsdb.Row, _ func(ovsdb.UUID) string) string {
		return fmt.Sprintf("%s (datapath key %d, port key %d)", r.Str("mac"), r.Int("dp_key"), r.Int("port_key"))
	}},
	"Chassis": {[]string{"name", "hostname"}, func(r *ovsdb.Row, _ func(ovsdb.UUID) string) string {
		if h := r.Str("hostname"); h != "" && h != r.Str("name") {
			return r.Str("name") + " (" + h + ")"
		}
		return r.Str("name")
	}},
	"Encap": {[]string{"type", "ip", "chassis_name"}, func(r *ovsdb.Row, _ func(ovsdb.UUID) string) string {
		return r.Str("type") + " " + r.Str("ip") + " of " + r.Str("chassis_name")
	}},
	"Load_Balancer": {[]string{"name", "vips"}, func(r *ovsdb.Row, _ func(ovsdb.UUID) string) string {
		var vips []string
		for v := range r.Map("vips") {
			vips = append(vips, v)
		}
		slices.Sort(vips)
		if more := len(vips) - 3; more > 0 {
			vips = append(vips[:3], fmt.Sprintf("and %d more", more))
		}
		return r.Str("name") + " (" + strings.Join(vips, ", ") + ")"
	}},
	"Datapath_Binding": {[]string{"external_ids"}, func(r *ovsdb.Row, _ func(ovsdb.UUID) string) string {
		return r.Map("external_ids")["name"]
	}},
}

// describePort is the text of a Port_Binding.
func describePort(port, typ, datapath string) string {
	if typ != "" {
		port += " (" + typ + ")"
	}
	return port + " on " + datapath
}

func describeMAC(r *ovsdb.Row, _ func(ovsdb.UUID) string) string {
	return r.Str("ip") + " is " + r.Str("mac") + " at " + r.Str("logical_port")
}

// readOthers reads the rows of other tables that the cookies may mean, as far
// as those tables' UUIDs were read.
func (e *Explainer) readOthers(ctx context.Context, hits []engine.TableHit) error {
	qs := e.otherQueries(hits)
	if len(qs) == 0 {
		return nil
	}
	res, err := e.sb.Select(ctx, qs...)
	if err != nil {
		return err
	}
	var datapaths []ovsdb.UUID
	for _, rows := range res {
		for _, r := range rows {
			if r.Has("datapath") {
				datapaths = append(datapaths, r.Ref("datapath"))
			}
		}
	}
	dps, err := e.datapathsByUUID(ctx, datapaths)
	if err != nil {
		return err
	}
	for i, rows := range res {
		for _, r := range rows {
			if err := e.keepRow(qs[i].Table(), r, dps); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepRow keeps the text of a row that has the columns of describe.
func (e *Explainer) keepRow(table string, r *ovsdb.Row, dps map[ovsdb.UUID]*ovn.Datapath) error {
	text := describe[table].text(r, func(u ovsdb.UUID) string { return nameOf(dps, u) })
	if err := r.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", table, r.UUID(), err)
	}
	e.rows[r.UUID()] = table + " " + text
	return nil
}

// nameOf returns the name of a datapath, or its UUID where it is not there.
func nameOf(dps map[ovsdb.UUID]*ovn.Datapath, u ovsdb.UUID) string {
	if d := dps[u]; d != nil {
		return d.Name
	}
	return "datapath " + u.String()
}

// otherQueries are the queries of readOthers.
func (e *Explainer) otherQueries(hits []engine.TableHit) []ovsdb.Query {
	var qs []ovsdb.Query
	seen := map[ovsdb.UUID]bool{}
	for _, h := range hits {
		c, ok := cookieOf(h)
		if !ok {
			continue
		}
		for _, table := range otherTables {
			for _, u := range e.sbIndex.find(table, c) {
				if _, known := e.rows[u]; known || seen[u] {
					continue
				}
				seen[u] = true
				qs = append(qs, ovsdb.From(table, describe[table].columns...).Row(u))
			}
		}
	}
	return qs
}

// otherRows lists the rows, other than logical flows, that have the cookie.
func (e *Explainer) otherRows(cookie uint32) []string {
	var out []string
	for _, table := range otherTables {
		for _, u := range e.sbIndex.find(table, cookie) {
			if text, ok := e.rows[u]; ok {
				out = append(out, text)
			}
		}
	}
	return out
}
