package node

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// Taken is conntrack entries that were read elsewhere, and the model that works on them: for
// daemons of which the own datapath carries no packets.
type Taken struct {
	Table   ctstate.Table
	Tracker ctstate.Tracker
	// Entries are those of the table, for List.
	Entries []ctstate.Entry
	// Of is the node where the entries were read.
	Of *Info
}

// Take returns entries that a node has listed, as that node looks them up. health is what the node
// says of its settings; nil: they are the usual ones. lacks says why entries may be missing, so that
// a look-up without result answers nothing; empty if none is.
func Take(of *Info, health *Health, entries []ctstate.Entry, lacks string) *Taken {
	c := &Taken{Table: ctstate.NewMemTable(entries...), Entries: entries, Of: of}
	if lacks != "" {
		c.Table = lackingKernel{lacking{ctstate.NewMemTable(entries...), of.SystemID, lacks}}
	}
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

// recircs returns how often a packet may recirculate there; 0 for the kernel's datapath.
func (c *Taken) recircs() int {
	if c.Of.Datapath == "system" {
		return 0
	}
	return recircs(c.Of.OVSVersion)
}

// describe sets what info says of the machine: that where the entries were read, not this one.
func (c *Taken) describe(info *Info) {
	if c == nil {
		return
	}
	info.Datapath, info.Kernel = c.Of.Datapath, c.Of.Kernel
	info.Listeners, info.AwayIPs = c.Of.Listeners, c.Of.AwayIPs
	for i := range info.Ports {
		if p := &info.Ports[i]; p.Kind == engine.PortTunnel {
			p.Source = ""
			for _, of := range c.Of.Ports {
				if of.Kind == engine.PortTunnel && of.Options["remote_ip"] == p.Options["remote_ip"] {
					p.Source = of.Source
				}
			}
		}
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
