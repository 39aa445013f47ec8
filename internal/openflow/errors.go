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
