package explain

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// NBRow is the Northbound row that a logical flow was made for.
type NBRow struct {
	Table   string
	UUID    ovsdb.UUID
	Name    string   // may be empty
	Summary string   // its content, on one line
	On      []string // the switches, routers and port groups that have it
	Others  []string // further rows that the hint may mean
}

// hintTables are the Northbound tables whose rows northd gives as stage-hint.
var hintTables = []string{"ACL", "Logical_Switch_Port", "Logical_Router_Port", "NAT", "Load_Balancer",
	"Logical_Router_Static_Route", "Logical_Router_Policy", "QoS", "DHCP_Options", "Forwarding_Group",
	"DHCP_Relay", "Network_Function_Group", "Network_Function", "Mirror_Rule", "Mirror", "Static_MAC_Binding",
	"Logical_Switch", "Logical_Router", "Port_Group", "Load_Balancer_Health_Check", "Copp", "Meter", "BFD", "DNS"}

// hintsOf lists the tables that a stage's hints may refer to, the likeliest first. It goes by the
// stage's name, which is the same in all releases; its number is not.
func hintsOf(f *LogicalFlow) []string {
	stage := f.Stage
	var likely []string
	if !f.group.IsZero() {
		// Flows that every switch or router has are shared by northd; their hint is one of the
		// switches or routers.
		likely = append(likely, "Logical_Switch", "Logical_Router")
	}
	name := strings.TrimPrefix(strings.TrimPrefix(stage, "ls_"), "lr_")
	for _, c := range []struct{ word, tables string }{
		{"acl", "ACL"}, {"qos", "QoS"}, {"policy", "Logical_Router_Policy"}, {"routing", "Logical_Router_Static_Route Logical_Router_Port"},
		{"dhcp_relay", "DHCP_Relay"}, {"dhcp", "DHCP_Options Logical_Switch_Port"}, {"mirror", "Mirror_Rule Mirror"},
		{"network_function", "Network_Function_Group"}, {"nat", "NAT Load_Balancer"}, {"egr_loop", "NAT"}, {"defrag", "Load_Balancer NAT"},
		{"lb", "Load_Balancer"}, {"hairpin", "Load_Balancer"}, {"stateful", "Load_Balancer ACL"}, {"l2_lkup", "Logical_Switch_Port"},
		{"arp_rsp", "Logical_Switch_Port Logical_Router_Port Load_Balancer NAT Forwarding_Group"}, {"port_sec", "Logical_Switch_Port"},
	} {
		if strings.Contains(name, c.word) {
			likely = append(likely, strings.Fields(c.tables)...)
		}
	}
	if strings.HasPrefix(stage, "lr_") {
		likely = append(likely, "Logical_Router_Port", "NAT", "Load_Balancer", "Logical_Router_Static_Route")
	}
	var out []string
	for _, t := range append(likely, hintTables...) {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// hint is a stage-hint and the datapath of its flow: among rows with the same 32 bits, those of
// that switch or router are preferred.
type hint struct {
	text string
	on   ovsdb.UUID // the switch or router; zero when unknown
}

func (f *LogicalFlow) hint() hint {
	h := hint{text: f.Hint}
	if f.on != nil {
		h.on = f.on.NB
	}
	return h
}

// nameNB finds the Northbound rows of all flows that have a hint.
func (e *Explainer) nameNB(ctx context.Context, named []Named) error {
	want := map[hint]*LogicalFlow{}
	for i, n := range named {
		switch {
		case n.Flow == nil || n.Flow.Hint == "":
		case e.nb == nil:
			named[i].Why = "no Northbound database: the row whose UUID begins with " + n.Flow.Hint + " is not read"
		default:
			if _, done := e.hints[n.Flow.hint()]; !done && len(n.Flow.Hint) == 8 {
				want[n.Flow.hint()] = n.Flow
			}
		}
	}
	if e.nb == nil {
		return nil
	}
	if err := e.readHints(ctx, want); err != nil {
		return err
	}
	for i, n := range named {
		if n.Flow == nil || n.Flow.Hint == "" {
			continue
		}
		rows := e.hints[n.Flow.hint()]
		if len(rows) == 0 {
			named[i].Why = "no Northbound row's UUID begins with " + n.Flow.Hint
			continue
		}
		row := *bestRow(n.Flow, rows)
		if row.Table == "Load_Balancer" {
			row.Summary = lbSummary(row.Summary, n.Flow)
		}
		for _, r := range rows {
			if r.UUID != row.UUID {
				row.Others = append(row.Others, r.Table+" "+r.UUID.String())
			}
		}
		named[i].NB = &row
	}
	return nil
}

// found is a row that a hint refers to.
type found struct {
	hint
	table string
	id    ovsdb.UUID
	owner string // such as "switch sw0"; empty when unknown
}

// readHints looks hints up: first among the rows that the flow's own switch or router refers to,
// then table by table, the likeliest first.
func (e *Explainer) readHints(ctx context.Context, want map[hint]*LogicalFlow) error {
	rows, err := e.ownHints(ctx, want)
	if err != nil {
		return err
	}
	again := len(e.nbIndex.whole) > 0
	for round := 0; len(want) > 0 && round < len(hintTables); round++ {
		for h, f := range want {
			table := hintsOf(f)[round]
			if !e.nb.Has(table, "") {
				continue
			}
			if err := e.nbIndex.read(ctx, table); err != nil {
				return err
			}
			ids := e.nbIndex.find(table, parseHint(h.text))
			for _, u := range ids {
				if o := e.owners[h.on]; o != nil && o.table == table {
					u = h.on // a shared flow names any of its switches
				}
				rows = append(rows, found{hint: h, table: table, id: u})
			}
			if len(ids) > 0 {
				delete(want, h)
			}
		}
		if round == len(hintTables)-1 && len(want) > 0 && again {
			// The row may have been added after the tables were read.
			e.nbIndex.forget()
			round, again = -1, false
		}
	}
	for h := range want {
		e.hints[h] = nil
	}
	return e.readRows(ctx, rows)
}

// owned are the columns by which switches and routers refer to what hints name.
var owned = map[string]map[string]string{
	"Logical_Switch": {"ports": "Logical_Switch_Port", "acls": "ACL", "qos_rules": "QoS", "load_balancer": "Load_Balancer",
		"forwarding_groups": "Forwarding_Group", "dns_records": "DNS", "copp": "Copp"},
	"Logical_Router": {"ports": "Logical_Router_Port", "nat": "NAT", "static_routes": "Logical_Router_Static_Route",
		"policies": "Logical_Router_Policy", "load_balancer": "Load_Balancer", "copp": "Copp"},
}

// owner is a switch or router with what it refers to.
type owner struct {
	table, name string
	refs        map[ovsdb.UUID]string // to their tables
}

func (o *owner) title() string { return ownerKind[o.table] + " " + o.name }

// readOwners reads the switches and routers of the flows.
func (e *Explainer) readOwners(ctx context.Context, want map[hint]*LogicalFlow) error {
	var qs []ovsdb.Query
	asked := map[ovsdb.UUID]bool{}
	for _, f := range want {
		if f.on == nil || f.on.NB.IsZero() || asked[f.on.NB] {
			continue
		}
		asked[f.on.NB] = true
		table := "Logical_Switch"
		if f.on.IsRouter {
			table = "Logical_Router"
		}
		columns := slices.AppendSeq([]string{"name"}, maps.Keys(owned[table]))
		qs = append(qs, ovsdb.From(table, columns...).Row(f.on.NB))
	}
	if len(qs) == 0 {
		return nil
	}
	res, err := e.nb.Select(ctx, qs...)
	if err != nil {
		return err
	}
	for i, rows := range res {
		for _, r := range rows {
			o := &owner{table: qs[i].Table(), name: r.Str("name"), refs: map[ovsdb.UUID]string{}}
			for column, table := range owned[qs[i].Table()] {
				for _, u := range r.Refs(column) {
					o.refs[u] = table
				}
			}
			if err := r.Err(); err != nil {
				return err
			}
			e.owners[r.UUID()] = o
		}
	}
	return nil
}

// ownHints looks hints up among the rows that each flow's switch or router refers to, then among
// those of the others on the packet's way (a router resolves the addresses of its switches' ports).
// It removes those that it finds from want.
func (e *Explainer) ownHints(ctx context.Context, want map[hint]*LogicalFlow) ([]found, error) {
	if err := e.readOwners(ctx, want); err != nil {
		return nil, err
	}
	var out []found
	for h := range want {
		o := e.owners[h.on]
		if o == nil {
			continue
		}
		if ovn.Cookie(h.on) == parseHint(h.text) {
			out = append(out, found{hint: h, table: o.table, id: h.on})
			delete(want, h)
		}
		for u, table := range o.refs {
			if ovn.Cookie(u) == parseHint(h.text) {
				out = append(out, found{hint: h, table: table, id: u, owner: o.title()})
				delete(want, h)
			}
		}
	}
	for h := range want {
		for _, o := range e.owners {
			for u, table := range o.refs {
				if ovn.Cookie(u) == parseHint(h.text) {
					out = append(out, found{hint: h, table: table, id: u})
					delete(want, h)
				}
			}
		}
	}
	return out, nil
}

// alike are the columns in which rows of several owners agree when northd
// makes one logical flow of them all; the flow's hint then names any of them.
var alike = map[string][]string{
	"ACL": {"direction", "priority", "match", "action"}, "QoS": {"direction", "priority", "match"},
	"NAT": {"type", "external_ip", "logical_ip"}, "Logical_Router_Policy": {"priority", "match", "action"},
	"Logical_Router_Static_Route": {"ip_prefix", "nexthop"},
}

// athome returns the UUID of the row that agrees with r and belongs to the flow's own switch or
// router: the hint of a shared flow may name the row of another.
func (e *Explainer) athome(ctx context.Context, f found, r *ovsdb.Row) (ovsdb.UUID, error) {
	o := e.owners[f.on]
	if o == nil || f.owner != "" || alike[f.table] == nil {
		return ovsdb.UUID{}, nil
	}
	q := ovsdb.From(f.table)
	for _, c := range alike[f.table] {
		if c == "priority" {
			q = q.Equal(c, r.Int(c))
		} else {
			q = q.Equal(c, r.Str(c))
		}
	}
	res, err := e.nb.Select(ctx, q)
	if err != nil {
		return ovsdb.UUID{}, err
	}
	for _, same := range res[0] {
		if u := same.UUID(); o.refs[u] == f.table {
			return u, nil
		}
	}
	return ovsdb.UUID{}, nil
}

// readRows reads the rows that hints refer to, and their owners, in one transaction.
func (e *Explainer) readRows(ctx context.Context, rows []found) error {
	var qs []ovsdb.Query
	for _, r := range rows {
		qs = append(qs, ovsdb.From(r.table, nbTables[r.table].columns...).Row(r.id))
	}
	type asked struct{ row, query int }
	var owners []asked
	on := map[int][]string{}
	for i, r := range rows {
		if r.owner != "" && len(nbTables[r.table].owners) > 0 {
			on[i] = []string{r.owner}
			continue
		}
		for _, o := range nbTables[r.table].owners {
			table, column, _ := strings.Cut(o, ".")
			owners = append(owners, asked{i, len(qs)})
			qs = append(qs, ovsdb.From(table, "name").Includes(column, r.id))
		}
	}
	if len(qs) == 0 {
		return nil
	}
	res, err := e.nb.Select(ctx, qs...)
	if err != nil {
		return err
	}
	for _, o := range owners {
		for _, r := range res[o.query] {
			on[o.row] = append(on[o.row], ownerKind[qs[o.query].Table()]+" "+r.Str("name"))
		}
	}
	for i, f := range rows {
		for _, r := range res[i] {
			row := &NBRow{Table: f.table, UUID: f.id, On: on[i]}
			own, err := e.athome(ctx, f, r)
			if err != nil {
				return err
			}
			if !own.IsZero() {
				row.UUID, row.On = own, []string{e.owners[f.on].title()}
			}
			slices.Sort(row.On)
			row.Name, row.Summary = nbTables[f.table].describe(r)
			if len(row.On) > 0 {
				row.Summary += " (on " + strings.Join(first(row.On, 3), ", ") + ")"
			}
			if err := r.Err(); err != nil {
				return err
			}
			e.hints[f.hint] = append(e.hints[f.hint], row)
		}
	}
	return nil
}

var ownerKind = map[string]string{"Logical_Switch": "switch", "Logical_Router": "router", "Port_Group": "port group"}

// first returns the first n items of a list, and an item that says how many were left out.
func first(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(slices.Clone(list[:n]), "and "+itoa(len(list)-n)+" more")
}

func parseHint(hint string) uint32 {
	var n uint32
	for i := range len(hint) {
		c := hint[i]
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | uint32(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uint32(c-'a'+10)
		}
	}
	return n
}

// bestRow picks one of several rows that a hint may mean: the one whose match or name occurs in the
// logical flow.
func bestRow(f *LogicalFlow, rows []*NBRow) *NBRow {
	for _, r := range rows {
		for _, text := range []string{r.Name, strings.SplitN(r.Summary, ": ", 2)[0]} {
			if text != "" && (strings.Contains(f.Match, text) || strings.Contains(f.Actions, text)) {
				return r
			}
		}
	}
	return rows[0]
}
