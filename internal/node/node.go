// Package node is the part of the tool that runs on a chassis, where it reads one ovs-vswitchd, its
// bridges, ports and conntrack. It also contains the client that reaches this part from another
// machine.
package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// Node is a chassis, on this machine or another.
type Node interface {
	// Info describes the node; it is read once and kept.
	Info(ctx context.Context) (*Info, error)
	// Trace follows one packet on the node. Entries of the overlay hide those of the table.
	Trace(ctx context.Context, req TraceRequest) (*engine.Result, error)
	// Commit writes an overlay's entries to the journal and to the kernel's table, and returns them as
	// the kernel created them.
	Commit(ctx context.Context, req CommitRequest) (*CommitResult, error)
	// Clean lists or removes the synthetic entries that runs have left on the node.
	Clean(ctx context.Context, list bool) (*CleanResult, error)
	// Check opens what a trace on the integration bridge needs, including conntrack, without a trace.
	Check(ctx context.Context) error
	// Close ends the connection; entries committed without Keep are removed first.
	Close(ctx context.Context) error
}

// TraceRequest is one packet entering the node.
type TraceRequest struct {
	engine.Request
	Overlay ctstate.OverlayData `json:"overlay"`
	// MaxDump is the maximum size, in connections, of a userspace datapath's conntrack table that may
	// be dumped for the packet: 0 is DefaultMaxDump, a negative number is no bound.
	MaxDump int `json:"max_dump,omitempty"`
}

// DefaultMaxDump is the maximum number of connections that are dumped unless the user allows more:
// the dump occupies ovs-vswitchd's main thread for about 0.2 s.
const DefaultMaxDump = 50_000

// maxDump returns MaxDump in the form of ctdpif.Table.MaxDump, where 0 is no bound.
func (r *TraceRequest) maxDump() int {
	return max(0, cmp.Or(r.MaxDump, DefaultMaxDump))
}

// CommitRequest is the overlay that a packet left, to be written to the kernel.
type CommitRequest struct {
	Overlay ctstate.OverlayData `json:"overlay"`
	Timeout uint32              `json:"timeout"` // timeout of an entry in seconds; 0 is 30
	Keep    bool                `json:"keep"`    // do not remove the entries at the end
}

// CommitResult is the result of a commit.
type CommitResult struct {
	Entries []ctstate.Entry `json:"entries"`
	// Overlay has the entries that were not written: those of live connections, which are never
	// changed.
	Overlay  ctstate.OverlayData `json:"overlay"`
	Warnings []string            `json:"warnings,omitempty"`
}

// Info describes a node.
type Info struct {
	Tool       string `json:"tool"`
	SystemID   string `json:"system_id"`
	Hostname   string `json:"hostname"`
	OVSVersion string `json:"ovs_version"`
	OVNVersion string `json:"ovn_version,omitempty"`
	Kernel     string `json:"kernel"`
	Datapath   string `json:"datapath"` // of the integration bridge: system, netdev
	OVNRemote  string `json:"ovn_remote,omitempty"`
	Bridge     string `json:"bridge"` // the integration bridge
	// Settings are ovn-controller's, of the Open_vSwitch row: ovn-encap-type and others; nil from an
	// older node.
	Settings       map[string]string `json:"settings,omitempty"`
	BridgeMappings map[string]string `json:"bridge_mappings,omitempty"`
	EncapIPs       []string          `json:"encap_ips,omitempty"`
	EncapTypes     []string          `json:"encap_types,omitempty"`
	Zones          map[uint16]string `json:"zones,omitempty"`
	// SharedZones has the owners of the zones that have several.
	SharedZones map[uint16][]string `json:"shared_zones,omitempty"`
	// Names of bonds by their number for lb_output.
	Bonds     map[uint32]string `json:"bonds,omitempty"`
	Listeners []Listener        `json:"listeners"`          // null: not asked
	AwayIPs   []string          `json:"away_ips,omitempty"` // the EncapIPs that no interface has
	Ports     []Port            `json:"ports"`
	PortCount int               `json:"port_count,omitempty"` // number of Ports where they are left out
	Warnings  []string          `json:"warnings,omitempty"`
	// Rebuilt says, of a node that was rebuilt from an archive, what was not collected of it, and what
	// was taken or invented instead.
	Rebuilt []string `json:"rebuilt,omitempty"`
}

// Port is a port of a bridge, from dpif/show and the database.
type Port struct {
	engine.Port
	// Datapath of the bridge, TYPE@NAME: system@ovs-system.
	Backer      string            `json:"backer"`
	Options     map[string]string `json:"options,omitempty"`
	ExternalIDs map[string]string `json:"external_ids,omitempty"`
	MAC         string            `json:"mac,omitempty"`
	Tag         int64             `json:"tag,omitempty"`
	Peer        string            `json:"peer,omitempty"`   // of a patch port
	Active      bool              `json:"active,omitempty"` // it is that bond's active member
	// Source address chosen by the routes, of a tunnel port without local_ip; empty if unknown.
	Source string `json:"source,omitempty"`
}

// DatapathType returns the datapath type of the port's bridge: system, netdev, dummy.
func (p Port) DatapathType() string {
	t, _, _ := strings.Cut(p.Backer, "@")
	return t
}

// backerOf returns the datapath of a bridge, TYPE@NAME; empty if the bridge has no port.
func (i *Info) backerOf(bridge string) string {
	for _, p := range i.Ports {
		if p.Bridge == bridge {
			return p.Backer
		}
	}
	return ""
}

// PortByIfaceID finds the port of a logical port (external_ids:iface-id).
func (i *Info) PortByIfaceID(id string) (Port, bool) {
	for _, p := range i.Ports {
		if p.IfaceID == id && p.OFPort != 0 {
			return p, true
		}
	}
	return Port{}, false
}

// PortByName finds a port of a bridge by name.
func (i *Info) PortByName(bridge, name string) (Port, bool) {
	for _, p := range i.Ports {
		if p.Bridge == bridge && p.Name == name {
			return p, true
		}
	}
	return Port{}, false
}

// PortByNumber finds a port of a bridge by OpenFlow port number.
func (i *Info) PortByNumber(bridge string, ofport uint32) (Port, bool) {
	for _, p := range i.Ports {
		if p.Bridge == bridge && p.OFPort == ofport {
			return p, true
		}
	}
	return Port{}, false
}

// On returns the ports of one datapath, TYPE@NAME: datapaths of different types have separate port
// numbers.
func (i *Info) On(backer string) Datapath { return Datapath{info: i, backer: backer} }

// Datapath is one datapath of a node. It implements engine.Ports and engine.Bonds.
type Datapath struct {
	info   *Info
	backer string
}

// ByDatapath finds the port with a datapath port number or name. Several tunnel ports of the same
// kind share one datapath port; it returns any of them.
func (d Datapath) ByDatapath(dp string) (engine.Port, bool) {
	for _, p := range d.info.Ports {
		if p.Backer == d.backer && p.Datapath == dp && dp != "" {
			return p.Port, true
		}
	}
	for _, p := range d.info.Ports {
		if p.Backer == d.backer && p.Name == dp && p.Datapath != "" {
			return p.Port, true
		}
	}
	return engine.Port{}, false
}

// Members returns the ports of the bond with this number, the active one first.
func (d Datapath) Members(id uint32) []engine.Port {
	var out []engine.Port
	name := d.info.Bonds[id]
	for _, p := range d.info.Ports {
		switch {
		case p.Backer != d.backer || p.Bond != name || name == "" || p.Datapath == "":
		case p.Active:
			out = slices.Insert(out, 0, p.Port)
		default:
			out = append(out, p.Port)
		}
	}
	return out
}

// Error reports that a node could not be reached or did not answer.
type Error struct {
	Node string // chassis name, or target as given by the user
	Op   string
	Err  error
	Hint string
}

func (e *Error) Error() string { return fmt.Sprintf("chassis %s: %s: %v", e.Node, e.Op, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Failure is a node that cannot be reached, whatever the cause. A missing permission and a
// namespace's own hint say more than this one.
func (e *Error) Failure() (failure.Kind, string) {
	var ns *nodens.Error
	if errors.Is(e.Err, fs.ErrPermission) || errors.As(e.Err, &ns) && ns.Hint != "" {
		return failure.Unreachable, ""
	}
	return failure.Unreachable, e.Hint
}
