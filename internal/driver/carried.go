package driver

import (
	"maps"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// After is w after a visit to a chassis that ended so; before are the choices made before the
// visit.
func (w World) After(chassis string, o *engine.Outcome, before []engine.Choice) World {
	return w.with(chassis, o.Overlay).carrying(chassis, o.Carried, before)
}

// carrying is w with what a visit to a chassis left of undetermined choices.
func (w World) carrying(chassis string, c engine.Carried, before []engine.Choice) World {
	known := w.Carried[chassis]
	entries := make([]engine.EntryChoices, 0, len(c.Entries))
	for _, e := range c.Entries {
		if e.Made {
			e.Choices, e.Made = append(before[:len(before):len(before)], unlisted(e.Choices, before, known)...), false
		}
		if len(e.Choices) > 0 {
			entries = append(entries, e)
		}
	}
	c.Entries = entries
	w.Carried = maps.Clone(w.Carried)
	if len(c.Hashes)+len(c.Entries) == 0 {
		delete(w.Carried, chassis)
		return w
	}
	if w.Carried == nil {
		w.Carried = map[string]engine.Carried{}
	}
	w.Carried[chassis] = c
	return w
}

// Ended is w for the packets that come after the one that is labelled so: they know its choices by
// its name.
func (w World) Ended(label string) World {
	if len(w.Carried) == 0 {
		return w
	}
	next := make(map[string]engine.Carried, len(w.Carried))
	for chassis, c := range w.Carried {
		next[chassis] = c.Mapped(func(list []engine.Choice) []engine.Choice { return Earlier(list, label) })
	}
	w.Carried = next
	return w
}

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
