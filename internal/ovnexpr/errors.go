package ovnexpr

import (
	"strings"
	"unicode/utf8"
)

// SyntaxError is the first error in a text, with OVN's message.
type SyntaxError struct {
	In   string // the whole text
	Off  int    // byte offset of the fault
	Msg  string
	Hint string // a suggestion; may be empty
}

// Error returns the message only; Mark shows the place.
func (e *SyntaxError) Error() string { return strings.TrimSuffix(e.Msg, ".") }

// markWidth is the number of bytes that Mark quotes on either side of the fault.
const markWidth = 60

// Mark returns the input around the fault and, on the next line, a caret at the place.
func (e *SyntaxError) Mark() string {
	off := min(max(e.Off, 0), len(e.In))
	from, to := off, off
	for n := 0; n < markWidth && from > 0 && e.In[from-1] != '\n'; n++ {
		_, size := utf8.DecodeLastRuneInString(e.In[:from])
		from -= size
	}
	for n := 0; n < markWidth && to < len(e.In) && e.In[to] != '\n'; n++ {
		_, size := utf8.DecodeRuneInString(e.In[to:])
		to += size
	}
	before, after, indent := "", "", 0
	if from > 0 && e.In[from-1] != '\n' {
		before, indent = "...", 3
	}
	if to < len(e.In) && e.In[to] != '\n' {
		after = "..."
	}
	indent += utf8.RuneCountInString(e.In[from:off])
	return before + printable(e.In[from:to]) + after + "\n" + strings.Repeat(" ", indent) + "^"
}

// printable replaces characters that would move the caret or control the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
