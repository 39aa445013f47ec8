package campaign

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// All returns every kind of fault.
func All() []Kind {
	return slices.Concat(rules, places, routing, neighbours, balancers, translations, entries, control)
}

// Impossible returns why a lab on a datapath, of a release, cannot have the fault, "" if it can.
func (k Kind) Impossible(datapath string, schema *lab.Schema) string {
	switch {
	case k.Only != "" && k.Only != datapath:
		return "only the datapath " + k.Only + " can have it"
	case k.Until != "" && schema.Has(k.Until):
		return "this release of OVN cannot have it (Northbound schema " + schema.Version + ")"
	}
	return ""
}
