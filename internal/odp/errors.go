package odp

import "fmt"

// SyntaxError says where a text stopped being one that Open vSwitch prints.
type SyntaxError struct {
	In  string // the whole text
	Off int    // byte offset of the fault
	Msg string
}

// Error quotes the text around the fault.
func (e *SyntaxError) Error() string {
	const near = 24
	from, to := max(0, e.Off-near), min(len(e.In), e.Off+near)
	if from > len(e.In) {
		from = len(e.In)
	}
	return fmt.Sprintf("odp: offset %d: %s near %q", e.Off, e.Msg, e.In[from:to])
}
