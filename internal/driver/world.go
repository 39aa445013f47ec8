package driver

import (
	"maps"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// World is what earlier packets have left: overlay entries by chassis, the flows that they would
// have taught, and what their undetermined choices mean for later packets. The zero World has none.
type World struct {
	Overlays map[string]ctstate.OverlayData `json:"overlays"`
	Lessons  []Lesson                       `json:"lessons,omitempty"`
	Carried  map[string]engine.Carried      `json:"carried,omitempty"`
}

func (w World) with(chassis string, data ctstate.OverlayData) World {
	w.Overlays = maps.Clone(w.Overlays)
	if w.Overlays == nil {
		w.Overlays = map[string]ctstate.OverlayData{}
	}
	w.Overlays[chassis] = data
	return w
}

// After returns w after a visit to a chassis with outcome o; before are the choices made before the
// visit.
func (w World) After(chassis string, o *engine.Outcome, before []engine.Choice) World {
	return w.with(chassis, o.Overlay).carrying(chassis, o.Carried, before)
}

// carrying returns w with the undetermined choices that a visit to a chassis left.
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

// Ended returns w for the packets after the one with the label: they refer to its choices by it.
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
