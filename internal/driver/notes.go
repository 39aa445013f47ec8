package driver

import "slices"

// NoteKind says what a Note is about.
type NoteKind uint8

// The kinds of notes.
const (
	NoteAssumed    NoteKind = iota // what was assumed of a network
	NoteNode                       // what a node warns of itself
	NoteRebuilt                    // what was not collected of a node that was rebuilt from an archive
	NoteSouthbound                 // a zone's Southbound database cannot be read
)

// Note is a warning about what the driver has read.
type Note struct {
	Kind    NoteKind
	Chassis string // of NoteNode and NoteRebuilt
	Text    string
}

// String returns the note as a warning.
func (n Note) String() string {
	if n.Chassis == "" {
		return n.Text
	}
	return n.Chassis + ": " + n.Text
}

// note adds a warning to the report.
func (d *Driver) note(kind NoteKind, chassis, text string) {
	if n := (Note{kind, chassis, text}); !slices.Contains(d.notes, n) {
		d.notes = append(d.notes, n)
	}
}

// Notes returns the warnings about what the driver has read.
func (d *Driver) Notes() []Note { return slices.Clone(d.notes) }

// Texts returns notes as warnings.
func Texts(notes []Note) []string {
	out := make([]string, len(notes))
	for i, n := range notes {
		out[i] = n.String()
	}
	return out
}
