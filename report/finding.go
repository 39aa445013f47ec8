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
	Code     Code     `json:"code"`
	Text     string   `json:"text"` // for people
	// Where is the place of the finding, by kind: chassis, zone, port, ...
	Where map[string]string `json:"where,omitempty"`
	NB    *NB               `json:"nb,omitempty"`   // Northbound row that it is about
	Hint  string            `json:"hint,omitempty"` // what to try
	// Certainty is how sure the finding is; absent means exact.
	Certainty Confidence `json:"certainty,omitempty"`
	// Evidence lists what the finding is based on: rows, entries, counters, each on one line.
	Evidence []string `json:"evidence,omitempty"`
	// Mend lists the commands that mend it; the tool never runs them.
	Mend []string `json:"mend,omitempty"`
}

// Confidence is how sure a finding is.
type Confidence string

// The degrees of confidence, the surest first.
const (
	ConfidenceExact    Confidence = "exact"    // read from the configuration and from entries
	ConfidenceLikely   Confidence = "likely"   // follows unless something that cannot be read says otherwise
	ConfidencePossible Confidence = "possible" // one of several explanations
)

// FindingsReport is the answer of doctor and nat.
type FindingsReport struct {
	// names the version of the format
	Schema   string    `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	Findings []Finding `json:"findings"` // empty if there are none
	// Usage lists, for nat, how many of the ports of NAT addresses are in use, the fullest first.
	Usage []NATUsage `json:"usage,omitempty"`
}

// NATUsage is how many of the source ports of a NAT address are in use towards one destination. Two
// connections to different destinations can use the same port.
type NATUsage struct {
	Address     string `json:"address"`     // that the sources are translated to
	Router      string `json:"router"`      // name of the router that translates
	Chassis     string `json:"chassis"`     // chassis that has the entries
	Proto       string `json:"proto"`       // as in Connection
	Destination string `json:"destination"` // with its port, unless it is ICMP
	Used        int    `json:"used"`        // entries, those of closing connections included
	Of          int    `json:"of"`          // ports that the rule may choose, or ICMP identifiers
}

// Full reports whether a new connection to the destination gets no port.
func (u *NATUsage) Full() bool { return u.Used >= u.Of }

// NearlyFull reports whether four fifths of the ports are in use.
func (u *NATUsage) NearlyFull() bool { return 5*u.Used >= 4*u.Of }
