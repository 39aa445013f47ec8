package ctstate

import "net/netip"

// Result is what one ct() action did to a packet. Its pointers refer to memory that no later action
// changes.
type Result struct {
	Conn   Conn   `json:"conn"`   // to be carried to the packet's next action
	Packet Packet `json:"packet"` // as it leaves the action, rewritten by NAT
	NATed  bool   `json:"nated,omitempty"`

	// Looked reports that a table was asked: false where the packet's entry was cached. Hit is the
	// entry as found there, in which the packet is of direction Dir; nil when there was none.
	Looked bool      `json:"looked,omitempty"`
	Found  Source    `json:"found,omitempty"`
	Hit    *Entry    `json:"hit,omitempty"`
	Dir    Direction `json:"dir,omitempty"`

	// Committed is the entry that a commit leaves in the table, new or changed. Updated is Hit as
	// the packet leaves it (SEEN_REPLY, TCP state, timeout), with or without a commit. Deleted is an
	// entry that the action removes: by force, by a SYN, by a reset. Each is nil without one.
	Committed *Entry `json:"committed,omitempty"`
	Updated   *Entry `json:"updated,omitempty"`
	Deleted   *Entry `json:"deleted,omitempty"`

	// Dropped reports that the action drops the packet: a full table, a limit, a taken reply
	// direction. Absorbed is a later fragment, which waits for its datagram. With Awaits the result
	// takes effect only after every fragment has arrived.
	Dropped  bool `json:"dropped,omitempty"`
	Absorbed bool `json:"absorbed,omitempty"`
	Awaits   bool `json:"awaits,omitempty"`

	Certainty Certainty `json:"certainty,omitempty"`
	Ranges    []Range   `json:"ranges,omitempty"` // what undetermined ports and addresses lie in
	Why       []string  `json:"why,omitempty"`    // explanations, for people

	// Alternatives, where there are any, are all that the action can have done, exactly one of them
	// in fact: the rest of the Result is the first one's.
	Alternatives []Alternative `json:"alternatives,omitempty"`
}

// Certainty is how sure an answer is. Larger is less sure.
type Certainty uint8

// How sure an answer is, the surest first.
const (
	Exact        Certainty = iota // follows from the entries read
	Predicted                     // the datapath's deterministic choice, computed
	Assumed                       // holds under a condition that Why names
	Undetermined                  // cannot be known from outside the datapath; Why says why
)

var certaintyNames = [...]string{"exact", "predicted", "assumed", "undetermined"}

// String returns "exact", "predicted", "assumed" or "undetermined".
func (c Certainty) String() string { return nameOf(c, certaintyNames[:]) }

// MarshalText returns the text of String.
func (c Certainty) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *Certainty) UnmarshalText(b []byte) error { return parseName(c, b, certaintyNames[:]) }

// RangeKind is what lies in a Range.
type RangeKind string

// What can lie in a Range.
const (
	RangeNATPort    RangeKind = "nat-port"
	RangeNATAddress RangeKind = "nat-address"
	RangeICMPID     RangeKind = "icmp-id"
)

// Range is what a port, an ICMP id or an address that cannot be known lies in, both ends included.
type Range struct {
	Kind    RangeKind  `json:"kind"`
	Min     uint16     `json:"min,omitempty"` // of a port or id
	Max     uint16     `json:"max,omitempty"`
	MinAddr netip.Addr `json:"min_addr,omitzero"`
	MaxAddr netip.Addr `json:"max_addr,omitzero"`
}

// Question is something that decides and that nothing outside the datapath can answer.
type Question string

// The questions.
const (
	QuestionReopen   Question = "ct-reopen"   // whose reset closed the connection (kernel)
	QuestionAnswered Question = "ct-answered" // whether the connection was answered (userspace)
	QuestionNAT      Question = "ct-nat"      // how the connection was committed (userspace)
	QuestionICMPID   Question = "icmp-id"     // which of the ICMP ids was meant
)

// Pick is one answer to a question.
type Pick struct {
	Kind   Question `json:"kind"`
	Chosen string   `json:"chosen"` // the answer, for people; unique among the question's answers
	Why    string   `json:"why"`    // why it cannot be known
}

// Alternative is one of several things, of which an action has done exactly one.
type Alternative struct {
	Picks  []Pick `json:"picks"`
	Result Result `json:"result"` // certain as far as the picks go
}
