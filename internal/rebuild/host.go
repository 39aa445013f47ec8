package rebuild

import (
	"io"
	"os"
	"path/filepath"
	"time"
)

// Part is one file that a reader has found of a host: a dump of a command, or a copied file.
type Part struct {
	// Name is its name in the archive, for messages.
	Name string
	// Missing says why there is none, or why it is useless: the text of a command that failed. It
	// is empty if there is one.
	Missing string
	// Cut says why a part of it may be missing; empty if it is whole.
	Cut string
	// Open opens it, or is nil if there is none.
	Open func() (io.ReadCloser, error)
	// Path is its file on this machine; empty if there is none.
	Path string
	// Count is the number of its entries, of flows and conntrack entries.
	Count int
}

// FilePart returns a whole file of this machine as a part.
func FilePart(path string) *Part {
	return &Part{Name: filepath.Base(path), Path: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// There reports whether there is something to read.
func (p *Part) There() bool { return p != nil && p.Missing == "" && p.Open != nil }

// Lacks returns why the part does not say everything; empty if it does.
func (p *Part) Lacks() string {
	switch {
	case p == nil:
		return "it is not there"
	case p.Missing != "":
		return p.Missing
	}
	return p.Cut
}

// Row is a row of a database as a command has listed it: text by column, as printed.
type Row map[string]string

// Bridge is what a reader has found of a bridge.
type Bridge struct {
	Flows, Groups, Meters, TLVs, MACs *Part
}

// Host is what a reader has found of one host: a chassis, or one with the databases, or both.
type Host struct {
	From     string // the path that was given
	Hostname string
	Kernel   string // release
	OVS, OVN string // versions; empty if unknown
	// Began and Ended are when the collection began and ended; zero if unknown.
	Began, Ended time.Time

	// Conf is Open vSwitch's database.
	Conf *Part
	// Interfaces are the rows of ovs-vsctl list interface, which has columns that are not in the
	// file: MAC addresses, BFD's state. InterfacesLack says why they are not there.
	Interfaces     []Row
	InterfacesLack string
	// Bridge returns what was found of a bridge; nil is nothing.
	Bridge func(name string) *Bridge
	// Routes and Neighbours are those of native tunnels: ovs/route/show and tnl/neigh/show.
	Routes, Neighbours *Part
	// WaysLack is why a route or neighbour that is in neither may be there nevertheless, although
	// both look whole; empty if it is not.
	WaysLack string
	// Conntrack returns the dump of dpctl/dump-conntrack -m of a datapath, TYPE@NAME, and Fragments
	// that of dpctl/ipf-get-status.
	Conntrack, Fragments func(datapath string) *Part
	// Entries returns the kernel's connections as this tool's own bundle has them, for a datapath,
	// Expected what they expect, Limits the limits of its zones under a default limit, and Asked what
	// ovs-vswitchd has answered to a command about a datapath; nil is nothing.
	Entries, Expected, Limits func(datapath string) *Part
	Asked                     func(method, datapath string) *Part
	// Listed is conntrack -L -o extended of the host's own namespace.
	Listed *Part
	// Sysctls are by name, as in net.netfilter.nf_conntrack_max.
	Sysctls map[string]string

	// NB and SB are the files of OVN's databases, nil without.
	NB, SB *Part
	// Whole is set where these databases are all that is known of their own chassis: their flows are
	// those that an ovn-controller makes of them.
	Whole bool

	// Failed are the chassis that could not be collected with this host, with the reason.
	Failed map[string]string
	// NBRows and SBRows return the databases' rows by table, as commands have listed them, where a
	// file is missing; nil is nothing. The error says why they do not do instead.
	NBRows, SBRows func() (map[string][]Row, error)

	// Notes are remarks of the reader: what it has refused.
	Notes []string
}

// bridge returns what was found of a bridge, which may be nothing.
func (h *Host) bridge(name string) *Bridge {
	if h.Bridge != nil {
		if b := h.Bridge(name); b != nil {
			return b
		}
	}
	return &Bridge{}
}
