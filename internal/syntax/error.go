// Package syntax contains the error of the parsers of daemons' replies, files and kernel messages,
// and what else they share.
package syntax

import (
	"fmt"
	"strings"
)

// Error is the error of a text or a message that cannot be parsed.
type Error struct {
	What  string // what was parsed: "flow", "netlink attributes", a file's path
	In    string // the text to quote; empty for bytes
	Off   int    // byte offset of the fault, 0 to len(In) for a text
	Line  int    // the fault's line, from 1, in a text of several lines; else 0
	Whole bool   // In is one line, which Error quotes as a whole
	Msg   string
}

// near is the number of bytes that Error quotes on either side of the fault.
const near = 24

// Error returns WHAT: line LINE: MSG for a text of several lines, WHAT "IN": offset OFF: MSG with
// Whole (at most 400 bytes of In), and WHAT: offset OFF: MSG near "TEXT" otherwise.
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
