package report

// FrameDirection is the direction of a captured frame.
type FrameDirection string

// The directions of a frame.
const (
	FrameIn  FrameDirection = "in"  // from the port into OVN
	FrameOut FrameDirection = "out" // from OVN to the port
)

// CaptureReport is the answer of capture.
type CaptureReport struct {
	// names the version of the format
	Schema string `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	At     Place  `json:"at"`     // logical port, and the chassis on which it was captured
	Device string `json:"device"` // network device of the port there
	// Frames are the captured frames, in the order in which they passed.
	Frames []Frame `json:"frames"`
	// Lost is the number of frames that passed and were not captured.
	Lost int `json:"lost,omitempty" jsonschema:"minimum=0"`
	// Warnings list what makes the answer uncertain.
	Warnings []string `json:"warnings"`
}

// Frame is one captured frame.
type Frame struct {
	Number int `json:"number" jsonschema:"minimum=1"` // its number in this capture
	// Time is when it passed, by the clock of the chassis: 2006-01-02T15:04:05.999999999Z.
	Time      string         `json:"time" jsonschema:"format=date-time"`
	Direction FrameDirection `json:"direction"`
	Length    int            `json:"length" jsonschema:"minimum=0"` // bytes on the wire, with Ethernet header and tags
	// Data are its bytes as hex digits, as --packet takes them; fewer than length if it was cut.
	Data string `json:"data" jsonschema:"pattern=^([0-9a-f]{2})*$"`
	// headers, without the VLAN tag by which a nested container's port is known; absent if they
	// cannot be read
	Header *Header `json:"header,omitempty"`
	Trace  *Report `json:"trace,omitempty"` // trace of the frame; absent for direction out
	// Error is why there are no headers or no trace; absent if there are.
	Error string `json:"error,omitempty"`
}
