package whatif

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/replica"
)

// flushes is what ovn-controller removes from conntrack with a change: the requests that the copied
// ones have sent, by chassis.
type flushes map[string][]replica.Flush

// none reports whether nothing is removed.
func (f flushes) none() bool {
	for _, requests := range f {
		if len(requests) > 0 {
			return false
		}
	}
	return true
}

// left returns the entries that stay.
func (f flushes) left(entries map[string][]ctstate.Entry) map[string][]ctstate.Entry {
	out := map[string][]ctstate.Entry{}
	for chassis, list := range entries {
		for i := range list {
			if f.by(chassis, &list[i]) == nil {
				out[chassis] = append(out[chassis], list[i])
			}
		}
	}
	return out
}

// by returns the request that removes an entry, or nil.
func (f flushes) by(chassis string, e *ctstate.Entry) *replica.Flush {
	for i := range f[chassis] {
		if f[chassis][i].Removes(e) {
			return &f[chassis][i]
		}
	}
	return nil
}

// of lists the entries of a connection that are removed.
func (f flushes) of(c *connection.Connection) []string {
	var out []string
	for i := range c.Legs {
		leg := &c.Legs[i]
		if by := f.by(leg.Chassis, &leg.Entry); by != nil {
			out = append(out, fmt.Sprintf("%s on %s, by %s", leg.Entry.Orig, leg.Chassis, by.Text))
		}
	}
	return out
}
