package driver

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// Earlier are a packet's undetermined choices as a later packet lists them that depends on them.
func Earlier(list []engine.Choice, label string) []engine.Choice {
	var out []engine.Choice
	for _, c := range list {
		if c.Determined {
			continue
		}
		if c.Of == "" {
			c.Of = label
		}
		out = append(out, c)
	}
	return out
}

// unlisted are the choices on a visit that those before it do not list yet: known is what was
// carried to the visit, which repeats a choice where the packet depends on it again.
func unlisted(list, before []engine.Choice, known engine.Carried) []engine.Choice {
	return slices.DeleteFunc(slices.Clone(list), func(c engine.Choice) bool {
		return slices.Contains(before, c) && (c.Of != "" || known.Lists(c))
	})
}

// own are the choices of the packet itself, without those of earlier ones.
func own(list []engine.Choice) (out []engine.Choice) {
	for _, c := range list {
		if c.Of == "" {
			out = append(out, c)
		}
	}
	return out
}
