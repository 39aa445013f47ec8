package campaign

import "slices"

// All returns every kind of fault.
func All() []Kind {
	return slices.Concat(rules, places, routing, neighbours, balancers, translations, entries, control)
}
