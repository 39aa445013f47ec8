package report

// Severity says how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Finding is one thing that doctor, nat or conn found.
type Finding struct {
	Severity Severity          `json:"severity"`
	Code     string            `json:"code"` // stable, for scripts: "stale-lb-backend"
	Text     string            `json:"text"`
	Where    map[string]string `json:"where,omitempty"` // chassis, zone, port, ...
	NB       *NB               `json:"nb,omitempty"`
	Hint     string            `json:"hint,omitempty"` // what to try
}

// FindingsReport is what doctor and nat print as JSON.
type FindingsReport struct {
	Schema   string    `json:"schema"`
	Findings []Finding `json:"findings"`
}
