package explain

import (
	"context"
	"slices"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// NBRow is the Northbound row that a logical flow was made for.
type NBRow struct {
	Table   string
	UUID    ovn.UUID
	Name    string   // what its owner called it, or empty
	Summary string   // what it says, on one line
	On      []string // the switches, routers and port groups that have it
	Others  []string // further rows that the hint may mean
}

// hintTables are the Northbound tables whose rows northd gives as stage-hint.
var hintTables = []string{"ACL", "Logical_Switch_Port", "Logical_Router_Port", "NAT", "Load_Balancer",
	"Logical_Router_Static_Route", "Logical_Router_Policy", "QoS", "DHCP_Options", "Forwarding_Group",
	"DHCP_Relay", "Network_Function_Group", "Network_Function", "Mirror_Rule", "Mirror", "Static_MAC_Binding",
	"Logical_Switch", "Logical_Router", "Port_Group", "Load_Balancer_Health_Check", "Copp", "Meter", "BFD", "DNS"}

// hintsOf lists the tables a stage's hints are of, the likeliest first: a stage's
// name says what it does in every release, its number does not.
func hintsOf(stage string) []string {
	var likely []string
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

// nameNB finds the Northbound rows of all flows that have a hint.
func (e *Explainer) nameNB(ctx context.Context, named []Named) error {
	want := map[string]*LogicalFlow{}
	for _, n := range named {
		if n.Flow != nil && len(n.Flow.Hint) == 8 {
			if _, done := e.hints[n.Flow.Hint]; !done {
				want[n.Flow.Hint] = n.Flow
			}
		}
	}
	if e.nb == nil {
		for i, n := range named {
			if n.Flow != nil && n.Flow.Hint != "" {
				named[i].Why = "no Northbound database: the row whose UUID begins with " + n.Flow.Hint + " is not read"
			}
		}
		return nil
	}
	if err := e.readHints(ctx, want); err != nil {
		return err
	}
	for i, n := range named {
		if n.Flow == nil || n.Flow.Hint == "" {
			continue
		}
		rows := e.hints[n.Flow.Hint]
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

// readHints looks hints up table by table, in the order of likelihood, until
// each is found.
func (e *Explainer) readHints(ctx context.Context, want map[string]*LogicalFlow) error {
	type found struct {
		table string
		id    ovn.UUID
		hint  string
	}
	var rows []found
	reread := false
	for round := 0; len(want) > 0 && round < len(hintTables); round++ {
		for hint, f := range want {
			table := hintsOf(f.Stage)[round]
			if !e.nb.Has(table, "") {
				continue
			}
			before := e.nbIndex.has(table)
			if err := e.nbIndex.read(ctx, table); err != nil {
				return err
			}
			ids := e.nbIndex.find(table, parseHint(hint))
			for _, u := range ids {
				rows = append(rows, found{table, u, hint})
			}
			if len(ids) > 0 {
				delete(want, hint)
			}
			reread = reread || before
		}
		if round == len(hintTables)-1 && len(want) > 0 && reread {
			// A row that came after the index was read.
			e.nbIndex.forget()
			round, reread = -1, false
		}
	}
	for hint := range want {
		e.hints[hint] = nil
	}
	var qs []ovn.Query
	for _, r := range rows {
		qs = append(qs, ovn.Query{Table: r.table, Columns: nbTables[r.table].columns, Where: []ovsdb.Condition{ovn.Equal("_uuid", r.id)}})
	}
	// Who has the row, asked in the same transaction.
	type owner struct{ row, query int }
	var owners []owner
	for i, r := range rows {
		for _, o := range nbTables[r.table].owners {
			table, column, _ := strings.Cut(o, ".")
			owners = append(owners, owner{i, len(qs)})
			qs = append(qs, ovn.Query{Table: table, Columns: []string{"name"}, Where: []ovsdb.Condition{ovn.Includes(column, r.id)}})
		}
	}
	if len(qs) == 0 {
		return nil
	}
	res, err := e.nb.Select(ctx, qs...)
	if err != nil {
		return err
	}
	on := map[int][]string{}
	for _, o := range owners {
		for _, r := range res[o.query] {
			on[o.row] = append(on[o.row], ownerKind[qs[o.query].Table]+" "+r.Str("name"))
		}
	}
	for i, f := range rows {
		for _, r := range res[i] {
			row := &NBRow{Table: f.table, UUID: f.id, On: on[i]}
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

// first limits a list, saying how much is left out.
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

// bestRow settles a hint that several rows have: the one whose match, or name,
// stands in the logical flow.
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
