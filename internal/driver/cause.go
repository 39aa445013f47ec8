package driver

import (
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// String returns the cause in words, without the names of logical flows.
func (c *Cause) String() string {
	switch {
	case c == nil:
		return ""
	case c.Why != "" || c.Lookup == nil:
		return c.Why
	}
	hit := c.Lookup.Hit
	switch {
	case c.Punted:
		return fmt.Sprintf("punted to the controller in table %d of %s, match %q", hit.Table, hit.Bridge, hit.Match)
	case hit.Miss:
		return fmt.Sprintf("no flow of table %d on %s matches", hit.Table, hit.Bridge)
	}
	return fmt.Sprintf("dropped in table %d of %s by priority %d, match %q", hit.Table, hit.Bridge, hit.Priority, hit.Match)
}

// same reports whether two causes have the same reason in words and the same flow.
func (c *Cause) same(o *Cause) bool {
	if c == nil || o == nil {
		return c == o
	}
	if c.Chassis != o.Chassis || c.String() != o.String() || (c.Lookup == nil) != (o.Lookup == nil) {
		return false
	}
	return c.Lookup == nil || c.Lookup.Hit.Table == o.Lookup.Hit.Table && c.Lookup.Hit.Cookie == o.Lookup.Hit.Cookie
}

// String names the zone, and the chassis that it is on.
func (z Zone) String() string {
	if z.Name == "" {
		return fmt.Sprintf("%d on %s", z.ID, z.Chassis)
	}
	return fmt.Sprintf("%d (%s) on %s", z.ID, z.Name, z.Chassis)
}

// String names the first zone that has the connection, and the zone where it was looked up.
func (e *Elsewhere) String() string {
	return fmt.Sprintf("the connection is known in zone %s, and is looked up in zone %s", e.Known[0].Zone, e.Missed)
}

// deciding finds the table hit that ended a leaf: the punt's own for the controller, the last that
// drops, else the last.
func deciding(hits []engine.TableHit, leaf engine.Leaf) (at int, ok bool) {
	if len(hits) == 0 {
		return 0, false
	}
	if c := leaf.Controller; c != nil {
		for i, h := range hits {
			if h.Cookie == c.Cookie && (c.Table < 0 || h.Table == c.Table) {
				return i, true
			}
		}
	}
	if leaf.Hit > 0 && leaf.Hit <= len(hits) {
		return leaf.Hit - 1, true
	}
	last := len(hits) - 1
	if leaf.Kind != engine.LeafDrop || hits[last].Miss || drops(hits[last]) {
		return last, true
	}
	// Tables without a cookie are OVN's subroutines: their misses and drops return to the caller.
	for i := last; i >= 0; i-- {
		if hits[i].Cookie != 0 && drops(hits[i]) {
			return i, true
		}
	}
	return last, true
}

// drops reports whether a flow has a drop action.
func drops(h engine.TableHit) bool {
	for _, a := range h.Actions {
		if a == "drop" || strings.HasPrefix(a, "drop(") {
			return true
		}
	}
	return false
}
