package report

import "github.com/ovn-ct-trace/ovn-ct-trace/engine"

// WhatIfReport is the answer of what-if: what a change would do to packets and to live connections.
// It lists only what the change makes different.
type WhatIfReport struct {
	// names the version of the format
	Schema string `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	// Change is what was changed in the copy, one step each, for people.
	Change []string     `json:"change"`
	Counts WhatIfCounts `json:"counts"`
	// Connections are the live connections to which the change makes a difference, those that die
	// first.
	Connections []WhatIfConnection `json:"connections"`
	// Pairs are the pairs that were asked and to which the change makes a difference.
	Pairs []WhatIfPair `json:"pairs"`
	// Gateways are the gateway ports that the change moves to another chassis.
	Gateways []WhatIfGateway `json:"gateways,omitempty"`
	// Chassis are the chassis that were copied.
	Chassis  []string `json:"chassis"`
	Warnings []string `json:"warnings"` // what makes the answer uncertain
	Versions Versions `json:"versions"`
}

// WhatIfCounts counts what was compared, by its fate.
type WhatIfCounts struct {
	Connections WhatIfFates `json:"connections"` // live connections
	Pairs       WhatIfFates `json:"pairs"`       // pairs that were asked
	// Closing is the number of live connections that both sides have closed: they were not
	// compared.
	Closing int `json:"closing"`
}

// WhatIfFates counts connections or pairs by their fate.
type WhatIfFates struct {
	Compared int `json:"compared"` // all of them
	Dies     int `json:"dies"`     // worked, and does not any more
	Revives  int `json:"revives"`  // did not work, and does
	Moves    int `json:"moves"`    // works, and is translated, or arrives, elsewhere
	Unknown  int `json:"unknown"`  // not determined, before or after
	Broken   int `json:"broken"`   // did not work before, and does not
	Goes     int `json:"goes_on"`  // works as before
}

// Fate is what a change does to a connection or to a pair.
type Fate string

// The fates.
const (
	FateDies    Fate = "dies"    // worked, and does not any more
	FateRevives Fate = "revives" // did not work, and does
	FateMoves   Fate = "moves"   // works, and is translated, or arrives, elsewhere
	FateUnknown Fate = "unknown" // not determined, before or after
	FateBroken  Fate = "broken"  // did not work before, and does not
	FateGoesOn  Fate = "goes-on" // works as before
)

// WhatIfConnection is a live connection to which a change makes a difference.
type WhatIfConnection struct {
	Fate  Fate   `json:"fate"`
	Proto string `json:"proto"` // tcp, udp, icmp, icmp6, sctp, or the number
	// Original is the tuple with which the client's first packet entered.
	Original Tuple `json:"original"`
	// Translated is the tuple of that packet after all NAT, by the live entries.
	Translated Tuple  `json:"translated"`
	Client     string `json:"client"` // owner of the original source address; empty if unknown
	Server     string `json:"server"` // owner of the translated destination address; empty if unknown
	// Direction is that of the packet that decides: of the client or of the server.
	Direction Direction `json:"direction,omitempty"`
	// Before is the end of that packet now, and After with the change.
	Before WhatIfEnd `json:"before"`
	After  WhatIfEnd `json:"after"` // with the change
	// Flushed lists the entries that ovn-controller removes with the change, one each.
	Flushed []string `json:"flushed,omitempty"`
}

// WhatIfPair is an asked pair to which a change makes a difference.
type WhatIfPair struct {
	Fate Fate   `json:"fate"`
	Text string `json:"text"` // the question, for people
	From string `json:"from"` // logical port at which it enters
	To   string `json:"to"`   // destination as asked for
	// Proto is the protocol; absent if no packet was traced.
	Proto string `json:"proto,omitempty"`
	// Before is the end of the packet that decides now, and After with the change.
	Before WhatIfEnd `json:"before"`
	After  WhatIfEnd `json:"after"` // with the change
}

// WhatIfEnd is where a packet ends.
type WhatIfEnd struct {
	Verdict engine.Verdict `json:"verdict"`
	Text    string         `json:"text"` // for people: where it ends, and by which rule
	// Label is the packet of the handshake that decides, for a pair.
	Label   string `json:"label,omitempty"`
	Chassis string `json:"chassis,omitempty"` // where it ends
	Port    string `json:"port,omitempty"`    // at which it ends
	// Tuple is that of the packet at its end; absent if it does not arrive.
	Tuple *Tuple `json:"tuple,omitempty"`
	// Reason is what decided; absent if the end needs no reason.
	Reason *Reason `json:"reason,omitempty"`
}

// WhatIfGateway is a gateway port that a change moves.
type WhatIfGateway struct {
	Port   string `json:"port"`   // logical port
	Before string `json:"before"` // chassis that has it now; empty if none
	After  string `json:"after"`  // chassis that has it with the change; empty if none
}
