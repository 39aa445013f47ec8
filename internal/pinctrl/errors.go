package pinctrl

import "fmt"

// SyntaxError says where a controller action's text, or the bytes in it, stopped making sense.
type SyntaxError struct {
	In  string // the whole text
	Off int    // byte offset of the fault
	Msg string
}

// Error quotes the text around the fault.
func (e *SyntaxError) Error() string {
	const near = 24
	at := min(max(0, e.Off), len(e.In))
	return fmt.Sprintf("controller action: offset %d: %s near %q", e.Off, e.Msg, e.In[max(0, at-near):min(len(e.In), at+near)])
}
