// Package syntax has what the parsers of daemons' answers, files and kernel messages share.
package syntax

import (
	"fmt"
	"strings"
)

// Error says where a text or a message stopped being what it is read as.
type Error struct {
	What  string // what is read: "flow", "netlink attributes", a file's path
	In    string // the text that is quoted; empty for bytes
	Off   int    // byte offset of the fault, 0 to len(In) for a text
	Line  int    // the fault's line, from 1, in a text of several lines; else 0
	Whole bool   // In is one line, of which an error report needs the whole
	Msg   string
}

// near is how many bytes Error quotes on either side of the fault.
const near = 24

// Error reads WHAT: line LINE: MSG in a text of several lines, WHAT "IN": offset OFF: MSG with Whole
// (400 bytes of In at most), and WHAT: offset OFF: MSG near "TEXT" else.
func (e *Error) Error() string {
	switch {
	case e.Line > 0:
		return fmt.Sprintf("%s: line %d: %s", e.What, e.Line, e.Msg)
	case e.Whole:
		return fmt.Sprintf("%s %.400q: offset %d: %s", e.What, e.In, e.Off, e.Msg)
	case e.In == "":
		return fmt.Sprintf("%s: offset %d: %s", e.What, e.Off, e.Msg)
	}
	off := min(max(0, e.Off), len(e.In))
	from, to := max(0, off-near), min(len(e.In), off+near)
	return fmt.Sprintf("%s: offset %d: %s near %q", e.What, e.Off, e.Msg, e.In[from:to])
}

// AtLine returns the error of a fault in a text of several lines.
func AtLine(what, in string, off int, msg string) *Error {
	return &Error{What: what, In: in, Off: off, Msg: msg, Line: 1 + strings.Count(in[:min(off, len(in))], "\n")}
}
