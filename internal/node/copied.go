package node

import (
	"slices"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// CopyOf returns the replica of a live node whose daemons were copied: info is what the node says
// of itself, and entries are those that it has listed. health is what it says of its settings; nil:
// they are the usual ones. lacks says why entries may be missing, so that a look-up without result
// answers nothing; empty if none is. datapath is the copy's name of the only datapath, TYPE@NAME.
func CopyOf(info *Info, health *Health, entries []ctstate.Entry, lacks, datapath string) *Replica {
	kept := &Kept{Held: entries, Lacks: lacks}
	r := &Replica{Of: info.SystemID, Kernel: info.Kernel, OVS: info.OVSVersion, Live: info,
		Datapaths: map[string]string{datapath: info.backerOf(info.Bridge)}, Table: func(string) *Kept { return kept }}
	if health != nil && health.Conntrack.Max > 0 {
		flag := func(set bool) string { return strconv.Itoa(map[bool]int{true: 1}[set]) }
		r.Sysctls = map[string]string{
			"net.netfilter.nf_conntrack_tcp_be_liberal": flag(health.Conntrack.TCPBeLiberal),
			"net.netfilter.nf_conntrack_tcp_loose":      flag(health.Conntrack.TCPLoose),
		}
	}
	return r
}

// machine sets what only the live machine can say of itself, if this is a copy of one.
func (r *Replica) machine(info *Info) {
	if r == nil || r.Live == nil {
		return
	}
	info.Listeners, info.AwayIPs = slices.Clone(r.Live.Listeners), r.Live.AwayIPs
	for i := range info.Listeners {
		l := &info.Listeners[i]
		l.Datapath = tunnelOf(info, tunnelType(r.Live, l.Datapath))
	}
	for i := range info.Ports {
		if p := &info.Ports[i]; p.Kind == engine.PortTunnel {
			p.Source = ""
			for _, of := range r.Live.Ports {
				if of.Kind == engine.PortTunnel && of.Options["remote_ip"] == p.Options["remote_ip"] {
					p.Source = of.Source
				}
			}
		}
	}
}

// tunnelType returns the type of the tunnels with a port number of the datapath: all of one type
// share it.
func tunnelType(info *Info, number string) string {
	for _, p := range info.Ports {
		if p.Kind == engine.PortTunnel && p.Datapath == number {
			return p.Type
		}
	}
	return ""
}

// tunnelOf returns the port number of a type of tunnels; empty without one.
func tunnelOf(info *Info, typ string) string {
	for _, p := range info.Ports {
		if p.Kind == engine.PortTunnel && p.Type == typ {
			return p.Datapath
		}
	}
	return ""
}
