package report

// LeftoverState is the state of a synthetic conntrack entry, as far as it is known.
type LeftoverState string

// The states of a synthetic entry.
const (
	LeftoverLive    LeftoverState = "live"    // the run that made it has not ended
	LeftoverKept    LeftoverState = "kept"    // the run that made it has ended and kept it (--keep)
	LeftoverLeft    LeftoverState = "left"    // the run that made it was killed
	LeftoverRemoved LeftoverState = "removed" // "ct clean" removed it
	LeftoverGone    LeftoverState = "gone"    // it is no longer in the table
	LeftoverUnsure  LeftoverState = "unsure"  // the table has an entry that may be it
	LeftoverFailed  LeftoverState = "failed"  // the table could not be read
)

// Leftover is a synthetic kernel entry that a run with --commit=kernel made, as the journal of its
// chassis lists it.
type Leftover struct {
	// name of the chassis; "local" if only this machine was asked
	Chassis string        `json:"chassis"`
	State   LeftoverState `json:"state"`
	Zone    uint16        `json:"zone"`                       // conntrack zone
	Tuple   *Tuple        `json:"tuple"`                      // original direction
	PID     int           `json:"pid" jsonschema:"minimum=0"` // process id of the run that made it
	// Expires is the time at which the kernel removes it, in UTC: 2006-01-02T15:04:05Z.
	Expires string `json:"expires" jsonschema:"format=date-time"`
	Why     string `json:"why,omitempty"` // why it was not removed
	Journal string `json:"journal"`       // file of the journal
}

// LeftoversReport is the answer of ct list and ct clean.
type LeftoversReport struct {
	Entries []Leftover `json:"entries"` // empty if there are none
	// names the version of the format
	Schema string `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
}
