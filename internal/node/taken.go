package node

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Taken is conntrack entries that were read elsewhere, and the model that works on them: for daemons
// of which the own datapath carries no packets.
type Taken struct {
	Table   ctstate.Table
	Tracker ctstate.Tracker
	// Entries are those of the table, for List.
	Entries []ctstate.Entry
	// Datapath and Kernel are those of the place where the entries were read, as in Info.
	Datapath, Kernel string
}

// Take returns entries that a node has listed, as that node looks them up. health is what the node
// says of its settings; nil: they are the usual ones.
func Take(of *Info, health *Health, entries []ctstate.Entry) *Taken {
	c := &Taken{Table: ctstate.NewMemTable(entries...), Entries: entries, Datapath: of.Datapath, Kernel: of.Kernel}
	if of.Datapath != "system" {
		u := ctstate.NewUserspace()
		u.Release, _ = ctstate.ParseRelease(of.OVSVersion) // of one that cannot be read, the newest
		c.Tracker = u
		return c
	}
	release, _ := ctstate.ParseRelease(of.Kernel)
	k := ctstate.NewKernel(release)
	if health != nil && health.Conntrack.Max > 0 {
		k.Sysctl.TCPBeLiberal = health.Conntrack.TCPBeLiberal
		if !health.Conntrack.TCPLoose {
			k.Sysctl.TCPLoose = 0
		}
	}
	c.Tracker = k
	return c
}

// describe sets what info says of the place where the entries were read.
func (c *Taken) describe(info *Info) {
	if c != nil {
		info.Datapath, info.Kernel = c.Datapath, c.Kernel
	}
}

// entries lists those of a slice.
func (l *listing) entries(list []ctstate.Entry) error {
	for i := range list {
		if err := l.add(&list[i]); err != nil {
			return err
		}
	}
	return nil
}
