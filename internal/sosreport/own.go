package sosreport

// OwnPlugin is the folder of what only this tool's own bundles have, in the place of a plugin's.
const OwnPlugin = "ovn_ct_trace"

// OwnKey is the key of Own in a manifest.
const OwnKey = "ovn_ct_trace"

// Own is what this tool's own bundle says of a host beside what sosreport's manifest does.
type Own struct {
	Chassis string `json:"chassis,omitempty"`
	OVS     string `json:"ovs,omitempty"` // version of the running daemon, as is OVN
	OVN     string `json:"ovn,omitempty"`
	Kernel  string `json:"kernel,omitempty"`
	// ClockMS is how far the host's clock was ahead of that of the machine that collected, in
	// milliseconds.
	ClockMS int64 `json:"clock_ms,omitempty"`
	// NotCollected are the parts that were not asked for.
	NotCollected []string `json:"not_collected,omitempty"`
	// Failed are the chassis that were not reached, with the reason.
	Failed map[string]string `json:"failed,omitempty"`
	// Lacks says why something may be missing in files, by their names.
	Lacks map[string]string `json:"lacks,omitempty"`
}
