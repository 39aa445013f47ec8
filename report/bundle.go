package report

// BundleReport says what bundle has collected, or would collect. The archive has it too, as
// manifest.json.
type BundleReport struct {
	// names the version of the format
	Schema string `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	// File is the archive; empty if there is none, as of --dry-run, or if it went to standard output.
	File string `json:"file,omitempty"`
	// Collected says when it began, in UTC.
	Collected string       `json:"collected"`
	Hosts     []BundleHost `json:"hosts"`
	// Failed lists the chassis that were not reached.
	Failed []BundleFailure `json:"failed,omitempty"`
	// Bytes is the size of all files before they are compressed.
	Bytes int64 `json:"bytes"`
	// Size is the size of the archive, in bytes; 0 if there is none.
	Size     int64    `json:"size,omitempty"`
	Warnings []string `json:"warnings"` // what makes the archive less useful
	Versions Versions `json:"versions"`
}

// BundleHost is a folder of the archive: a chassis, or the databases of a zone.
type BundleHost struct {
	Folder   string `json:"folder"`            // its name in the archive
	Chassis  string `json:"chassis,omitempty"` // empty for databases
	Hostname string `json:"hostname"`          // its name for people
	Kernel   string `json:"kernel,omitempty"`  // release
	// ClockMS is how far the chassis' clock is ahead of this machine's, in milliseconds.
	ClockMS int64        `json:"clock_ms,omitempty"`
	Parts   []BundlePart `json:"parts"`
}

// BundlePart is something that is collected of a host.
type BundlePart struct {
	// Name is conf, flows, conntrack, routes or kernel of a chassis, sb or nb of a zone.
	Name string `json:"name"`
	// Of is the bridge of flows, the datapath of conntrack, and where a database was read.
	Of string `json:"of,omitempty"`
	// Items is the number of flows, connections or rows, counted before they were read; -1 if it is
	// unknown.
	Items int64 `json:"items"`
	Bytes int64 `json:"bytes,omitempty"` // size of its files
	// Error says why it, or a file of it, is missing; empty if all of it is there.
	Error string `json:"error,omitempty"`
	// Lacks says why something may be missing in its files; empty if nothing is.
	Lacks string `json:"lacks,omitempty"`
}

// BundleFailure is a chassis that was not reached.
type BundleFailure struct {
	Chassis string `json:"chassis"` // its name
	Error   string `json:"error"`   // why
}
