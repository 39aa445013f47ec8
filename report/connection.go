package report

import "time"

// ConnectionsReport is the answer of conn.
type ConnectionsReport struct {
	// names the version of the format
	Schema      string        `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	Connections []*Connection `json:"connections"` // empty if none matches
	// Summary counts the connections, with --summary only.
	Summary *ConnectionSummary `json:"summary,omitempty"`
	// Chassis are the chassis that were asked.
	Chassis []ListedChassis `json:"chassis"`
	// AskedOf is the number of chassis, if not all of them were asked: the others cannot have entries
	// of the filter's addresses, as the logical networks are.
	AskedOf  int      `json:"asked_of,omitempty"`
	Warnings []string `json:"warnings"` // what may be missing
}

// ListedChassis is what a chassis answered to conn.
type ListedChassis struct {
	Chassis string `json:"chassis"` // name of the chassis
	Entries int    `json:"entries"` // number of entries that were read
	// Cut says that the chassis has more entries than the limit.
	Cut bool `json:"cut,omitempty"`
	// HeldMS is how long the reading of a userspace datapath's table lasted, in milliseconds;
	// ovs-vswitchd's main thread takes part in it.
	HeldMS int64 `json:"held_ms,omitempty"`
	// Error is why entries of the chassis are missing; absent if none are.
	Error string `json:"error,omitempty"`
}

// Connection is the conntrack entries that the packets of one connection pass.
type Connection struct {
	Proto string `json:"proto"` // tcp, udp, icmp, icmp6, sctp, or the number
	// Original is the tuple with which the client's first packet entered.
	Original Tuple `json:"original"`
	// Translated is the tuple of that packet after all NAT.
	Translated Tuple `json:"translated"`
	// States are the different states that the legs know the connection in, in path order.
	States []string `json:"states"`
	// Client is the owner of the original source address; empty if unknown.
	Client string `json:"client"`
	// Server is the owner of the translated destination address; empty if unknown.
	Server string `json:"server"`
	// Legs are the entries, in path order.
	Legs     []Leg     `json:"legs"`
	Findings []Finding `json:"findings,omitempty"`
}

// Leg is one entry of a connection.
type Leg struct {
	Chassis string `json:"chassis"` // chassis that has the entry
	Zone    uint16 `json:"zone"`    // conntrack zone
	// owner of the zone, as in CT; empty if unknown
	ZoneName string `json:"zone_name"`
	Entry    Entry  `json:"entry"`
	State    string `json:"state"` // TCP or SCTP state, REPLIED or UNREPLIED; empty if unknown
	// Age is the time since the entry was made, in seconds; absent if the table does not say.
	Age *int64 `json:"age,omitempty"`
	// NAT is what the entry translates; empty if nothing.
	NAT string `json:"nat" jsonschema:"enum=,enum=dnat,enum=snat,enum=dnat+snat"`
	// Marks are OVN's bits and fields in mark and label: natted, blocked, ...
	Marks []string `json:"marks,omitempty"`
	// NB is the rule that makes this translation now; absent if there is none.
	NB *NB `json:"nb,omitempty"`
	// Rule says in words which rule translates, or that none does any more; empty without NAT.
	Rule string `json:"rule,omitempty"`
}

// ConnectionSummary counts connections.
type ConnectionSummary struct {
	Connections int     `json:"connections"` // number of connections
	States      []Count `json:"states"`      // by state
	Zones       []Count `json:"zones"`       // entries by owner of the zone
	Routers     []Count `json:"routers"`     // by router that has an entry of it
	VIPs        []Count `json:"vips"`        // by VIP
	Backends    []Count `json:"backends"`    // by backend of a VIP
	// SNAT are the addresses of source NAT, the fullest first.
	SNAT []Count `json:"snat"`
}

// Count is how often something occurs.
type Count struct {
	Name  string `json:"name"`  // what is counted
	Count int    `json:"count"` // how often it occurs
}

// ConnectionChange is one line of conn --watch: what happened to a connection, or that events were
// lost.
type ConnectionChange struct {
	// names the version of the format
	Schema string    `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	Time   time.Time `json:"time"` // time of the first event, by the chassis' clock
	// Events are the changes of the connection's entries; empty if events were lost.
	Events []EntryEvent `json:"events"`
	// Connection is the connection with the entries that are gone; absent if events were lost.
	Connection *Connection `json:"connection,omitempty"`
	// Lost is the chassis whose events were lost: its table has been read again, and what had changed
	// meanwhile follows.
	Lost string `json:"lost,omitempty"`
}

// EntryEvent is a change of one entry.
type EntryEvent struct {
	Event   string    `json:"event" jsonschema:"enum=new,enum=update,enum=destroy"` // what happened to the entry
	Time    time.Time `json:"time"`                                                 // time on the chassis' clock
	Chassis string    `json:"chassis"`                                              // chassis that has the entry
	Zone    uint16    `json:"zone"`                                                 // conntrack zone
	// owner of the zone, as in CT; empty if unknown
	ZoneName string `json:"zone_name"`
}
