package sosreport

import (
	"fmt"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// tornDatabase returns why a database's file does not hold all of its records; empty if it does.
func (r *reader) tornDatabase(p *rebuild.Part) string {
	why, last := rebuild.TornDatabase(p)
	if why != "" {
		return why
	}
	return r.older(p, last)
}

// lateRecord is how much later than the time in its last record a database's file may have been
// changed: ovsdb-server writes a record at once.
const lateRecord = 2 * time.Second

// older returns why a database's file is older than the host's was: its last record is from before
// the file's last change, whose time sos keeps (copystat). A time that is later than the collection
// is that of a copy, and says nothing.
func (r *reader) older(p *rebuild.Part, last time.Time) string {
	changed := r.tree.Modified(p.Name)
	if last.IsZero() || changed.Sub(last) < lateRecord || changed.After(r.index.ended()) {
		return ""
	}
	return fmt.Sprintf("%s was last changed at %s, and its last record is of %s: its end is missing",
		p.Name, changed.UTC().Format(time.DateTime), last.UTC().Format(time.DateTime))
}
