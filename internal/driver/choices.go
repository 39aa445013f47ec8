package driver

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// Earlier returns a packet's undetermined choices as a later packet that depends on them lists
// them: with Of, which names the packet.
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

// unlisted returns the choices of a visit that are not among those before it. known is what was
// carried to the visit: the visit repeats a carried choice where the packet depends on it again.
func unlisted(list, before []engine.Choice, known engine.Carried) []engine.Choice {
	return slices.DeleteFunc(slices.Clone(list), func(c engine.Choice) bool {
		return slices.Contains(before, c) && (c.Of != "" || known.Lists(c))
	})
}

// own returns the choices of the packet itself, without those of earlier packets.
func own(list []engine.Choice) (out []engine.Choice) {
	for _, c := range list {
		if c.Of == "" {
			out = append(out, c)
		}
	}
	return out
}
