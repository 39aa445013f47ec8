package sosreport

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// needed are the tables without which a database says nothing of a packet's way.
var needed = map[string][]string{
	"ovn-nbctl": {"NB_Global", "Logical_Switch", "Logical_Switch_Port"},
	"ovn-sbctl": {"SB_Global", "Chassis", "Encap", "Datapath_Binding", "Port_Binding"},
}

// lists returns the rows that "ovn-nbctl list TABLE" and "ovn-sbctl list TABLE" have printed, by
// table. The plugin ovn_central lists every table but Logical_Flow.
func (r *reader) lists(program string) (map[string][]rebuild.Row, error) {
	out := map[string][]rebuild.Row{}
	prefix := program + "_list_"
	for base := range r.index.base {
		table, ok := strings.CutPrefix(base, prefix)
		if !ok || table == "Connection" || table == "SSL" {
			continue
		}
		p := r.part(rowShape, program+" list "+table)
		if why := p.Lacks(); why != "" {
			if !slices.Contains(needed[program], table) && p.Missing != "" {
				continue
			}
			return nil, fmt.Errorf("it cannot be made of what %s has listed: %s", program, why)
		}
		in, err := p.Open()
		if err != nil {
			return nil, err
		}
		rows, err := parseRows(in)
		in.Close()
		if err != nil {
			return nil, err
		}
		out[table] = rows
	}
	for _, table := range needed[program] {
		if len(out[table]) == 0 {
			return nil, fmt.Errorf("it cannot be made of what %s has listed: there are no rows of %s", program, table)
		}
	}
	return out, nil
}
