package offline

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// listed makes the databases whose files are missing of the rows that were listed. A Southbound
// database made so has no logical flows: what a trace met is then named by flow only.
func (d *Deployment) listed(h *rebuild.Host) {
	for _, x := range []struct {
		part         **rebuild.Part
		rows         func() (map[string][]rebuild.Row, error)
		schema, name string
		without      string
	}{
		{&h.SB, h.SBRows, "ovn-sb", "Southbound", "; it has no logical flows, so that rules are not named"},
		{&h.NB, h.NBRows, "ovn-nb", "Northbound", ""},
	} {
		if (*x.part).Lacks() == "" || x.rows == nil {
			continue
		}
		rows, err := x.rows()
		if err != nil {
			continue // why there is no file says more
		}
		path, err := d.Room.ListedDB(x.schema, rows)
		if err != nil {
			d.notes = append(d.notes, fmt.Sprintf("%s: its %s database cannot be made of its listed rows: %v", h.Hostname, x.name, err))
			continue
		}
		d.notes = append(d.notes, fmt.Sprintf("%s: its %s database was made of its listed rows, for %s%s", h.Hostname, x.name, (*x.part).Lacks(), x.without))
		*x.part = &rebuild.Part{Name: path, Path: path}
	}
}
