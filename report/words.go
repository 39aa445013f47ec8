package report

// EndKind is where a branch ends.
type EndKind string

// The ends of a branch.
const (
	EndPort EndKind = "port" // a frame comes out of a logical port: a VIF
	EndHost EndKind = "host" // the chassis' own network stack takes it
	// it leaves by a physical port, for somebody OVN does not own
	EndExternal   EndKind = "external"
	EndController EndKind = "controller" // ovn-controller takes it
	EndDrop       EndKind = "drop"       // it is lost here
	EndUnknown    EndKind = "unknown"    // what happens here could not be determined
)

// Via is how a packet came to a chassis.
type Via string

// The ways onto a chassis.
const (
	ViaVIF      Via = "vif"      // from the guest behind a logical port
	ViaTunnel   Via = "tunnel"   // from another chassis, through a tunnel
	ViaPhysical Via = "physical" // from a physical network
	ViaPatch    Via = "patch"    // at a router's port, where no frame comes in from outside
	// ovn-controller sends it: an answer that it makes, or a packet that it gives back to the pipeline
	ViaController Via = "controller"
)

// Direction is one of a connection's two directions.
type Direction string

// The directions of a connection.
const (
	DirectionOriginal Direction = "original" // that of the packet that opened it
	DirectionReply    Direction = "reply"    // that of the answers
)

// Found is where a conntrack entry was found.
type Found string

// The places where an entry is found.
const (
	FoundKernel    Found = "kernel"    // in the kernel's table
	FoundUserspace Found = "userspace" // in the table of Open vSwitch's userspace datapath
	// among the entries that earlier packets of the run would leave
	FoundOverlay Found = "overlay"
	FoundNone    Found = "none" // nowhere
)

// Certainty says how far conntrack's answer can be relied upon.
type Certainty string

// The certainties, the best first.
const (
	CertaintyExact Certainty = "exact" // follows from entries that were read
	// the datapath's own deterministic choice, computed
	CertaintyPredicted Certainty = "predicted"
	// true if something that cannot be read is as usual; why says what
	CertaintyAssumed      Certainty = "assumed"
	CertaintyUndetermined Certainty = "undetermined" // cannot be known from outside; why says why
)
