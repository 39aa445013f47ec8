package report

// VerifyReport is the answer of verify.
type VerifyReport struct {
	// names the version of the format
	Schema string `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	// Prediction is the trace of the packet, made before it was sent.
	Prediction *Packet `json:"prediction"`
	// Microflow is the expression by which ovn-controller made the packet; empty if none was sent.
	Microflow string `json:"microflow"`
	// Watched are the places where frames were captured meanwhile.
	Watched []Place `json:"watched"`
	// Seen are the frames that were taken for the packet.
	Seen []Seen `json:"seen"`
	// Entries are the predicted conntrack entries that were looked for; empty on the userspace
	// datapath, which has no look-up of a single entry.
	Entries []SeenEntry `json:"entries"`
	// Agrees says whether reality is as predicted; null if that could not be determined.
	Agrees *bool `json:"agrees" jsonschema:"nullable"`
	// Why lists the differences, or what could not be determined; empty if reality is as predicted.
	Why []string `json:"why"`
	// Warnings list what makes the answer uncertain.
	Warnings []string `json:"warnings"`
	Versions Versions `json:"versions"`
}

// Seen is a frame that came out of a port and was taken for the packet.
type Seen struct {
	At Place `json:"at"` // logical port, or port of a bridge, and its chassis
	// Time is when it came out, by the clock of the chassis: 2006-01-02T15:04:05.999999999Z.
	Time   string `json:"time" jsonschema:"format=date-time"`
	Header Header `json:"header"`
	// Predicted says whether a branch of the prediction is this frame.
	Predicted bool `json:"predicted"`
}

// SeenEntry is a conntrack entry that the packet should have left.
type SeenEntry struct {
	Chassis   string `json:"chassis"`   // chassis whose table was asked
	Zone      uint16 `json:"zone"`      // conntrack zone
	Predicted Entry  `json:"predicted"` // as predicted
	// Found is the entry in the table; null if there is none.
	Found *Entry `json:"found" jsonschema:"nullable"`
}
