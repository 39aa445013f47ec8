package report

// Severity is how serious a finding is.
type Severity string

// The severities, the worst first.
const (
	SeverityError   Severity = "error"   // something does not work
	SeverityWarning Severity = "warning" // something may not work, or answers are less certain
	SeverityInfo    Severity = "info"    // no fault
)

// Finding is one thing that was found.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // stable, for scripts: "stale-controller"
	Text     string   `json:"text"` // for people
	// Where is the place of the finding, by kind: chassis, zone, port, ...
	Where map[string]string `json:"where,omitempty"`
	NB    *NB               `json:"nb,omitempty"`   // Northbound row that it is about
	Hint  string            `json:"hint,omitempty"` // what to try
}

// FindingsReport is the answer of doctor.
type FindingsReport struct {
	// names the version of the format
	Schema   string    `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	Findings []Finding `json:"findings"` // empty if there are none
}
