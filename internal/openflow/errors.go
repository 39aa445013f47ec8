package openflow

import "fmt"

// SyntaxError says where a text stopped being a flow.
type SyntaxError struct {
	In  string // the whole text
	Off int    // byte offset of the fault
	Msg string
}

// Error quotes the text around the fault.
func (e *SyntaxError) Error() string {
	const near = 24
	to := min(len(e.In), e.Off+near)
	from := min(max(0, e.Off-near), to)
	return fmt.Sprintf("flow: offset %d: %s near %q", e.Off, e.Msg, e.In[from:to])
}

// FieldError is a field of a flow that cannot be part of a packet.
type FieldError struct {
	Field Field
	Msg   string
}

// Error reads NAME=VALUE: what is wrong.
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

// Place returns the index of the field that an error is about.
func (e *FieldError) Place(flow Flow) int {
	for i := len(flow.Fields) - 1; i >= 0; i-- {
		if f := flow.Fields[i]; f.Name == e.Field.Name && f.Value == e.Field.Value {
			return i
		}
	}
	return 0
}
