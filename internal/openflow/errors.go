package openflow

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"

// fault returns the error of a text that is not a flow.
func fault(in string, off int, msg string) error {
	return &syntax.Error{What: "flow", In: in, Off: off, Msg: msg}
}

// FieldError is the error of a flow's field that cannot be part of a packet.
type FieldError struct {
	Field Field
	Msg   string
}

// Error returns NAME=VALUE and the message.
func (e *FieldError) Error() string {
	s := e.Field.Name
	if e.Field.Value != "" {
		s += "=" + e.Field.Value
	}
	if e.Field.Mask != "" {
		s += "/" + e.Field.Mask
	}
	return s + ": " + e.Msg
}

// Place returns the index in flow of the field of the error.
func (e *FieldError) Place(flow Flow) int {
	for i := len(flow.Fields) - 1; i >= 0; i-- {
		if f := flow.Fields[i]; f.Name == e.Field.Name && f.Value == e.Field.Value {
			return i
		}
	}
	return 0
}
