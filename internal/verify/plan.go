// Package verify compares a prediction with what becomes of the real packet: where it comes out,
// with which headers, and which conntrack entries it leaves.
package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
)

// Place is a port where frames come out: a logical port, or a port of a bridge.
type Place struct {
	Chassis  string
	Port     string
	Physical bool // a port of a bridge, which leads out of OVN
}

func (p Place) String() string { return p.Port + " on " + p.Chassis }

// Expected is a frame that must come out.
type Expected struct {
	Place  Place
	Packet packet.Packet
	// AnyPort and AnyAddr say that NAT picks the port (or the id), or the address, of which Packet
	// has one possible value.
	AnyPort, AnyAddr bool
}

// Outcome is one way in which the packet may end.
type Outcome struct {
	Frames  []Expected
	Hidden  []string // ends that cannot be watched, in words
	Dropped bool     // a branch ends without a frame
	Entries map[string][]ctstate.Entry
	loose   bool // NAT picks a port or an address: entries have other values
}

// Plan is what is watched for, by the prediction.
type Plan struct {
	Sent     packet.Packet // as it enters
	Outcomes []Outcome     // exactly one of them happens
	Watch    []Place       // every place where the packet may come out

	Injection Injection // set by Prepare
}

// Error reports a packet that cannot be verified. Nothing was sent.
type Error struct{ Why string }

func (e *Error) Error() string { return e.Why }

// maxPlaces bounds how many ports are watched.
const maxPlaces = 32

// PlanOf makes the plan of a prediction. target is a further place to watch, where the packet
// should come out if it is not dropped; the zero Place is none. The error says why the prediction
// cannot be compared with anything.
func PlanOf(t *driver.Trace, target Place) (*Plan, error) {
	p := &Plan{Sent: t.Packet}
	if t.Verdict == engine.Unknown {
		return nil, &Error{"the prediction is unknown: there is nothing to compare"}
	}
	for _, o := range t.Outcomes {
		p.Outcomes = append(p.Outcomes, outcome(o))
	}
	add := func(at Place) {
		if at.Port != "" && !slices.Contains(p.Watch, at) {
			p.Watch = append(p.Watch, at)
		}
	}
	for _, o := range p.Outcomes {
		for _, f := range o.Frames {
			add(f.Place)
		}
	}
	if !slices.ContainsFunc(p.Watch, func(w Place) bool { return w.Port == target.Port }) {
		add(target)
	}
	switch {
	case len(p.Watch) == 0 && len(p.Outcomes) > 0 && len(p.Outcomes[0].Hidden) > 0:
		return nil, &Error{"where the packet ends cannot be watched: " + p.Outcomes[0].Hidden[0]}
	case len(p.Watch) == 0:
		return nil, &Error{"the packet is predicted to come out nowhere, and no port is known where it should: --to PORT names one to watch"}
	case len(p.Watch) > maxPlaces:
		return nil, &Error{fmt.Sprintf("the packet may come out of %d ports; at most %d are watched", len(p.Watch), maxPlaces)}
	}
	return p, nil
}

// outcome returns the observable part of an outcome.
func outcome(o driver.Outcome) Outcome {
	out := Outcome{Entries: map[string][]ctstate.Entry{}}
	picks := func(kind engine.ChoiceKind) bool {
		return slices.ContainsFunc(o.Choices, func(c engine.Choice) bool { return c.Kind == kind && !c.Determined })
	}
	anyPort, anyAddr := picks(engine.ChoiceNATPort), picks(engine.ChoiceNATAddress)
	out.loose = anyPort || anyAddr
	for _, b := range o.Branches {
		at := Place{Chassis: b.Chassis, Port: b.Port, Physical: b.Outside}
		switch {
		case b.Mirror != "":
			out.Hidden = append(out.Hidden, "the copy of mirror "+b.Mirror)
		case b.Verdict == engine.Delivered, b.Verdict == engine.External, b.Verdict == engine.Rejected && b.Port != "":
			out.Frames = append(out.Frames, Expected{at, b.Packet, anyPort, anyAddr})
		case b.Verdict == engine.Dropped:
			out.Dropped = true
		default:
			out.Hidden = append(out.Hidden, strings.TrimSpace(b.Verdict.String()+" "+at.Port)+" on "+at.Chassis)
		}
	}
	for chassis, data := range o.World.Overlays {
		for _, e := range data.Entries {
			out.Entries[chassis] = append(out.Entries[chassis], e.Entry)
		}
	}
	return out
}

// IsNew reports whether a packet belongs to no connection of the tables that were asked.
func IsNew(t *driver.Trace) bool {
	for _, h := range t.Hops {
		for _, s := range h.Segments {
			for _, c := range s.CT {
				if f := c.Result.Found; f == ctstate.FromKernel || f == ctstate.FromUserspace {
					return false
				}
			}
		}
	}
	return true
}
