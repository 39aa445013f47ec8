package report

// EndKind is the kind of place where a branch ends.
type EndKind string

// The ends of a branch.
const (
	EndPort EndKind = "port" // a frame comes out of a logical port: a VIF
	EndHost EndKind = "host" // the chassis' own network stack takes it
	// it leaves by a physical port, to a network outside OVN
	EndExternal   EndKind = "external"
	EndController EndKind = "controller" // ovn-controller takes it
	EndDrop       EndKind = "drop"       // it is lost here
	EndUnknown    EndKind = "unknown"    // what happens here could not be determined
)

// Via is how a packet reached a chassis.
type Via string

// The ways onto a chassis.
const (
	ViaVIF      Via = "vif"      // from the guest behind a logical port
	ViaTunnel   Via = "tunnel"   // from another chassis, through a tunnel
	ViaPhysical Via = "physical" // from a physical network
	ViaPatch    Via = "patch"    // at a router's port, which no frame from outside enters
	// ovn-controller sends it: an answer that it makes, or a packet that it returns to the pipeline
	ViaController Via = "controller"
)

// Direction is one of a connection's two directions.
type Direction string

// The directions of a connection.
const (
	DirectionOriginal Direction = "original" // direction of the packet that opened the connection
	DirectionReply    Direction = "reply"    // direction of the answers
)

// Found is where a conntrack entry was found.
type Found string

// The places where an entry is found.
const (
	FoundKernel    Found = "kernel"    // in the kernel's table
	FoundUserspace Found = "userspace" // in the table of Open vSwitch's userspace datapath
	// among the entries that earlier packets of the run would have left
	FoundOverlay Found = "overlay"
	FoundNone    Found = "none" // nowhere
)

// Certainty is how certain conntrack's answer is.
type Certainty string

// The certainties, the most certain first.
const (
	CertaintyExact Certainty = "exact" // it follows from entries that were read
	// it is the datapath's deterministic choice, computed
	CertaintyPredicted Certainty = "predicted"
	// it is true if something that cannot be read has its usual value; why says what
	CertaintyAssumed      Certainty = "assumed"
	CertaintyUndetermined Certainty = "undetermined" // it cannot be known from outside the datapath; why says why
)
