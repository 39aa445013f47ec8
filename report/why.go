package report

// WhyReport is the answer of why.
type WhyReport struct {
	// names the version of the format
	Schema   string      `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	Question WhyQuestion `json:"question"`
	// Reaches says whether the request arrives; null if that is not determined.
	Reaches *bool `json:"reaches" jsonschema:"nullable"`
	// Answered says whether the answer comes back; null if that is not determined.
	Answered *bool `json:"answered" jsonschema:"nullable"`
	// Causes are what prevents it, or may; the first one decides. Empty if everything works.
	Causes []Finding `json:"causes"`
	// the way of the first packet on one line, for people; empty if no packet was traced
	Path string `json:"path"`
	// Phases are what decided on the way, in the order in which the packet meets it.
	Phases []Phase `json:"phases"`
	// AsNew is the answer for a new connection, if live entries decide otherwise, or are not known.
	AsNew *WhyAsNew `json:"as_new,omitempty"`
	// Unchecked lists what the answer does not cover: the guests, the physical network.
	Unchecked []string `json:"unchecked"`
	// Packets are the packets of the session, over the live entries.
	Packets []*Packet `json:"packets"`
	Session *Session  `json:"session,omitempty"` // absent if no packet was traced
	// Warnings list what makes the answer uncertain.
	Warnings []string `json:"warnings"`
	Versions Versions `json:"versions"`
}

// WhyQuestion is the question that why answers.
type WhyQuestion struct {
	Text  string `json:"text"`  // for people
	From  string `json:"from"`  // logical port at which the request enters
	To    string `json:"to"`    // destination as asked for, or the packet's address
	Proto string `json:"proto"` // tcp, udp, icmp, ...
}

// WhyAsNew is what happens to a new connection, where live entries decide otherwise, or are not
// known.
type WhyAsNew struct {
	// Reaches says whether the request arrives; null if that is not determined.
	Reaches *bool `json:"reaches" jsonschema:"nullable"`
	// Answered says whether the answer comes back; null if that is not determined.
	Answered *bool  `json:"answered" jsonschema:"nullable"`
	Text     string `json:"text"` // for people: where it goes instead, and why
}

// Phase is one thing on the way that decided about the packet.
type Phase struct {
	Phase   PhaseKind `json:"phase"`
	Chassis string    `json:"chassis"`      // where it is decided
	Text    string    `json:"text"`         // for people: what was decided, and by which configuration
	NB      *NB       `json:"nb,omitempty"` // Northbound row that decides
	Ends    bool      `json:"ends"`         // the packet ends here
}

// PhaseKind is the kind of a phase.
type PhaseKind string

// The phases of a packet's way.
const (
	PhaseBinding      PhaseKind = "binding"       // the chassis of the port
	PhasePortSecurity PhaseKind = "port-security" // the addresses that the port may use
	PhaseACL          PhaseKind = "acl"           // an ACL
	PhaseLookup       PhaseKind = "lookup"        // a look-up in conntrack
	PhaseTranslation  PhaseKind = "translation"   // NAT, or a load balancer
	PhaseRoute        PhaseKind = "route"         // a route, or a routing policy
	PhaseNeighbour    PhaseKind = "neighbour"     // the next hop's MAC address
	PhaseTunnel       PhaseKind = "tunnel"        // the way to another chassis
	PhaseEgress       PhaseKind = "egress"        // where the packet leaves, or ends
	PhaseAnswer       PhaseKind = "answer"        // the answer to it
)
