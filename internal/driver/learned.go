package driver

import (
	"reflect"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// Lesson is a flow that a packet, had it really been sent, would have taught a chassis.
type Lesson struct {
	Chassis string `json:"chassis"`
	engine.Lesson
}

// taught adds the flows that a packet would have taught a chassis. A flow that is taught again
// moves to the end: of two flows with one match the later one is in the table.
func (w World) taught(chassis string, lessons []engine.Lesson, packet string) World {
	for _, l := range lessons {
		l.Packet = packet
		w = w.learn(Lesson{chassis, l})
	}
	return w
}

func (w World) learn(l Lesson) World {
	next := make([]Lesson, 0, len(w.Lessons)+1)
	for _, o := range w.Lessons {
		if !reflect.DeepEqual(o, l) {
			next = append(next, o)
		}
	}
	w.Lessons = append(next, l)
	return w
}

// lessons returns the flows that a chassis would have been taught.
func (w World) lessons(chassis string) (out []engine.Lesson) {
	for _, l := range w.Lessons {
		if l.Chassis == chassis {
			out = append(out, l.Lesson)
		}
	}
	return out
}
