package engine

// ChoiceKind is the kind of a choice that the packet's headers do not decide.
type ChoiceKind string

// The kinds of choice. An Engine makes all but the last two: those are for a caller that follows a
// packet from node to node.
const (
	ChoiceBackend    ChoiceKind = "lb-backend"  // a load balancer's backend, by a hash: ADDRESS[:PORT]
	ChoiceECMP       ChoiceKind = "ecmp"        // a group's bucket, by a hash: a next hop, or "bucket N"
	ChoiceNATPort    ChoiceKind = "nat-port"    // a port that NAT picks: MIN-MAX
	ChoiceNATAddress ChoiceKind = "nat-address" // an address that NAT picks: MIN-MAX
	ChoiceICMPID     ChoiceKind = "icmp-id"     // which echo request is meant: MIN-MAX of their ids
	// whether a connection was answered, which the userspace conntrack table does not show
	ChoiceAnswered ChoiceKind = "ct-answered"
	// whether it was committed with NAT, which that table does not show
	ChoiceTranslated ChoiceKind = "ct-nat"
	// whether the address that NAT picks of a range is taken: a hash that cannot be foreseen
	ChoiceNATTaken ChoiceKind = "ct-nat-taken"
	// whether a SYN begins it anew, which that table does not show
	ChoiceReopened   ChoiceKind = "ct-reopen"
	ChoiceController ChoiceKind = "controller" // what ovn-controller does with a packet
	// whether a network outside OVN floods a packet
	ChoicePhysicalNetwork ChoiceKind = "physical-network"
)

// conntrack reports whether the choice is about a fact that a table of entries does not show.
func (k ChoiceKind) conntrack() bool {
	return k == ChoiceAnswered || k == ChoiceTranslated || k == ChoiceNATTaken || k == ChoiceReopened
}

// Choice is one alternative of a choice that the packet's headers do not decide.
type Choice struct {
	Kind   ChoiceKind `json:"kind"`   // what is chosen
	Chosen string     `json:"chosen"` // what this alternative chooses, for people and for comparison
	// Share is the fraction of all hash values or equal alternatives that leads here, 0 to 1; 0 if
	// it is unknown.
	Share float64 `json:"share" jsonschema:"minimum=0,maximum=1"`
	// Determined reports whether an entry or another fact leaves only this alternative.
	Determined bool   `json:"determined"`
	Why        string `json:"why,omitempty"` // why it is open, or what determines it
	// Of names the earlier packet that made the choice, on which this packet depends; absent for a
	// choice of the packet itself.
	Of string `json:"of,omitempty"`
}
