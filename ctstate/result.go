package ctstate

import "net/netip"

// Result is what one ct() action did to a packet. Its pointers refer to memory that no later action
// changes.
type Result struct {
	Conn   Conn   `json:"conn"`   // the argument of the packet's next action
	Packet Packet `json:"packet"` // as it leaves the action, rewritten by NAT
	NATed  bool   `json:"nated,omitempty"`

	// Looked reports whether the table was asked; it is false if the packet already carried its
	// entry. Hit is the entry as the table has it, nil if there was none; Dir is the packet's
	// direction in it.
	Looked bool      `json:"looked,omitempty"`
	Found  Source    `json:"found,omitempty"`
	Hit    *Entry    `json:"hit,omitempty"`
	Dir    Direction `json:"dir,omitempty"`

	// Committed is the entry that a commit leaves in the table, new or changed. Updated is Hit as
	// the packet leaves it (SEEN_REPLY, TCP state, timeout), with or without a commit. Deleted is
	// an entry that the action removes: by force, by a SYN, by a reset. Each is nil if there is
	// none.
	Committed *Entry `json:"committed,omitempty"`
	Updated   *Entry `json:"updated,omitempty"`
	Deleted   *Entry `json:"deleted,omitempty"`

	// Left reports whether the reply direction of Deleted stays taken for some seconds (userspace
	// datapath of Open vSwitch before 3.3).
	Left bool `json:"left,omitempty"`

	// Dropped reports whether the action drops the packet: the table is full, a limit is reached,
	// or the reply direction is taken. Absorbed reports whether the packet is a later fragment that
	// waits for its datagram. With Awaits, the result takes effect only after every fragment has
	// arrived.
	Dropped  bool `json:"dropped,omitempty"`
	Absorbed bool `json:"absorbed,omitempty"`
	Awaits   bool `json:"awaits,omitempty"`

	Certainty Certainty `json:"certainty,omitempty"`
	Ranges    []Range   `json:"ranges,omitempty"` // where undetermined ports and addresses lie
	Why       []string  `json:"why,omitempty"`    // explanations, for people

	// Alternatives lists every possible result where a question is open; exactly one of them is
	// true. The other fields of the Result are then those of the first one.
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

// UnmarshalText reads what String returns. Other text is a *SyntaxError and sets the zero value.
func (c *Certainty) UnmarshalText(b []byte) error { return parseName(c, b, certaintyNames[:]) }

// RangeKind is the kind of value that a Range bounds.
type RangeKind string

// The kinds of Range.
const (
	RangeNATPort    RangeKind = "nat-port"
	RangeNATAddress RangeKind = "nat-address"
	RangeICMPID     RangeKind = "icmp-id"
)

// Range bounds a port, an ICMP id or an address that cannot be known; both ends are included.
type Range struct {
	Kind    RangeKind  `json:"kind"`
	Min     uint16     `json:"min,omitempty"` // of a port or id
	Max     uint16     `json:"max,omitempty"`
	MinAddr netip.Addr `json:"min_addr,omitzero"`
	MaxAddr netip.Addr `json:"max_addr,omitzero"`
}

// Question names a fact that the result depends on and that cannot be known from outside the
// datapath.
type Question string

// The questions.
const (
	QuestionReopen   Question = "ct-reopen"    // which side's reset closed the connection (kernel)
	QuestionAnswered Question = "ct-answered"  // whether the connection was answered (userspace)
	QuestionNAT      Question = "ct-nat"       // how the connection was committed (userspace)
	QuestionNATTaken Question = "ct-nat-taken" // whether the address that NAT picks is taken (userspace)
	QuestionICMPID   Question = "icmp-id"      // which ICMP id the packet has
)

// Pick is one answer to a question.
type Pick struct {
	Kind   Question `json:"kind"`
	Chosen string   `json:"chosen"` // the answer, for people; unique among the question's answers
	Why    string   `json:"why"`    // why it cannot be known
}

// Alternative is one possible result of an action: that of one combination of answers.
type Alternative struct {
	Picks  []Pick `json:"picks"`
	Result Result `json:"result"` // the result if the picks are true
}
