// Package oftrace reads the text of ofproto/trace into a tree.
package oftrace

// Trace is the complete reply of one ofproto/trace: the first section and those of its own
// simulated recirculations.
type Trace struct {
	Sections []Section
	// Limit is the text about a recirculation limit, empty if none was reached.
	Limit string
}

// Section is one translation: "Flow:" to "Datapath actions:".
type Section struct {
	// Recirc is the recirculation head, nil for the first section.
	Recirc    *RecircHead
	Flow      string // as printed after "Flow: "
	Nodes     []*Node
	FinalFlow string // "unchanged" is replaced by Flow
	Unchanged bool   // FinalFlow was printed as "unchanged"
	Megaflow  string
	Actions   string // datapath actions, as printed
	Failed    string // REASON of "Translation failed (REASON), packet is dropped."
	SlowPath  []string
	ExecError string
	Complete  bool     // false if the text ended before "Datapath actions:"
	Unknown   []string // lines of an unknown kind
	// Parent is the index in Trace.Sections of the section whose ct action queued this one; -1 for
	// the first section, and if it is unknown.
	Parent int
	// Bridge is the bridge in which this section ran: after a recirculation the trace's own heading
	// has the command line's bridge instead.
	Bridge string
}

// RecircHead is the text between two sections.
type RecircHead struct {
	ID                uint32
	CTState           string // of "resume conntrack with ct_state=..."
	Default           bool   // "default ct_state=trk|new"; CTState is then trk|new
	NAT               bool   // the NAT simulation lines were printed
	Initial, Modified string // NAT simulation
	Rest              string // other text after "recirc(0xN)"
}

// Kind is the kind of a Node.
type Kind uint8

// The kinds of Node, after enum oftrace_node_type; Note is a line of an unknown kind.
const (
	Note Kind = iota
	Bridge
	Table
	Thaw
	ActionLine
	Bucket
	Detail
	Warn
	Error
)

// Node is one line of a trace with the lines below it.
type Node struct {
	Kind     Kind
	Text     string // the line without indentation, arrows and markers
	Indent   int
	Bridge   string // Bridge: its name
	Table    TableHit
	Bucket   int
	Children []*Node
	Line     int // from 0, in the whole text
}

// TableHit is a Table node's content.
type TableHit struct {
	ID       int // -1 for "--. Executing action set:"
	Match    string
	Priority int
	Cookie   uint64
	Miss     bool   // "No match." and "No match, and a "packet-in" is called for."
	PacketIn bool   // the latter
	FragDrop bool   // fragments are dropped by the bridge's fragment mode
	Named    string // table name, if it is printed in place of its number or with it
}
