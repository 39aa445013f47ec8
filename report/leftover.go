package report

// LeftoverState is what is known of a synthetic conntrack entry.
type LeftoverState string

// The states of a synthetic entry.
const (
	LeftoverLive    LeftoverState = "live"    // its run is going on
	LeftoverKept    LeftoverState = "kept"    // its run ended and kept it (--keep)
	LeftoverLeft    LeftoverState = "left"    // its run was killed
	LeftoverRemoved LeftoverState = "removed" // "ct clean" removed it
	LeftoverGone    LeftoverState = "gone"    // it was no longer in the table
	LeftoverUnsure  LeftoverState = "unsure"  // an entry is there that may be it
	LeftoverFailed  LeftoverState = "failed"  // the table could not be asked
)

// Leftover is a synthetic kernel entry that a run with --commit=kernel made, as the journal of its
// chassis has it.
type Leftover struct {
	// name of the chassis; "local" where this machine alone was asked
	Chassis string        `json:"chassis"`
	State   LeftoverState `json:"state"`
	Zone    uint16        `json:"zone"`                       // conntrack zone
	Tuple   *Tuple        `json:"tuple"`                      // original direction
	PID     int           `json:"pid" jsonschema:"minimum=0"` // process id of the run that made it
	// Expires is when the kernel removes it by itself, in UTC: 2006-01-02T15:04:05Z.
	Expires string `json:"expires" jsonschema:"format=date-time"`
	Why     string `json:"why,omitempty"` // why it was not removed
	Journal string `json:"journal"`       // file of the journal
}

// LeftoversReport is the answer of ct list and ct clean.
type LeftoversReport struct {
	Entries []Leftover `json:"entries"` // empty when there are none
	// names the version of the format
	Schema string `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
}
