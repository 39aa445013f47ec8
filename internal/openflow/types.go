// Package openflow represents a flow as Open vSwitch prints and reads it: an ordered, lossless list
// of fields with typed access.
package openflow

// Field is one item of a flow: NAME=VALUE, NAME=VALUE/MASK, or a bare NAME such as tcp.
type Field struct {
	Name, Value, Mask string
	// Before is the text between the field before and this one, empty for a single comma.
	Before string
}

// Flow is a flow or match as printed, in order.
type Flow struct{ Fields []Field }
