// Package vswitchd gives package engine the ovs-vswitchd of this machine: its trace commands, and
// the ports of its datapaths. It changes nothing there.
//
//	sw, err := vswitchd.Dial(ctx, vswitchd.DefaultRunDir)
//	...
//	ports, err := sw.Ports(ctx, "br0")
//	...
//	e := engine.Engine{OVS: sw, Ports: ports, Table: table, Tracker: ctstate.NewKernel(release)}
//
// That is all that a bridge on the kernel's datapath needs. On the userspace datapath
// (datapath_type=netdev) with native tunnels a trace may make Open vSwitch send an ARP request or a
// neighbour solicitation: see engine.Underlay, of which this package has none.
package vswitchd

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/dpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// DefaultRunDir is the run directory of Open vSwitch's packages.
const DefaultRunDir = "/var/run/openvswitch"

// Switch is a running ovs-vswitchd. Several goroutines may use it at the same time.
type Switch struct {
	engine.Tracer
	ctl     *unixctl.Client
	version string
}

// Dial connects to the ovs-vswitchd whose pid file and control socket are in runDir, as ovs-appctl
// does, and reads its version. The error is fs.ErrNotExist if none runs there, and fs.ErrPermission
// if this user may not connect.
func Dial(ctx context.Context, runDir string) (*Switch, error) {
	path, _, err := unixctl.Discover(runDir, "ovs-vswitchd")
	if err != nil {
		return nil, err
	}
	ctl := &unixctl.Client{Path: path}
	version, err := ctl.Version(ctx)
	if err != nil {
		return nil, err
	}
	return &Switch{Tracer: Over(ctl, version), ctl: ctl, version: version}, nil
}

// Version returns the daemon's version, such as "3.1.0"; empty if it is unknown.
func (s *Switch) Version() string { return s.version }

// Close closes the connection.
func (s *Switch) Close() error { return s.ctl.Close() }

// Ports reads the ports of a bridge's datapath, also those of its other bridges: a packet may leave
// by them. An unknown bridge is an error.
func (s *Switch) Ports(ctx context.Context, bridge string) (Ports, error) {
	text, err := s.ctl.Call(ctx, "dpif/show")
	if err != nil {
		return nil, err
	}
	shown, err := dpif.ParseShow(text)
	if err != nil {
		return nil, err
	}
	backer := ""
	for _, p := range shown {
		if p.Bridge == bridge {
			backer = p.Backer
		}
	}
	if backer == "" {
		return nil, fmt.Errorf("ovs-vswitchd has no bridge %s with ports", bridge)
	}
	var out Ports
	for _, p := range shown {
		if p.Backer == backer {
			out = append(out, engine.Port{Datapath: p.Datapath, Name: p.Name, Bridge: p.Bridge, OFPort: p.OFPort, Type: p.Type, Kind: kindOf(p)})
		}
	}
	return out, nil
}

// kindOf returns the kind of a port, as far as dpif/show shows it.
func kindOf(p dpif.Port) engine.PortKind {
	switch {
	case dpif.IsTunnel(p.Type):
		return engine.PortTunnel
	case p.Host():
		return engine.PortHost
	}
	return engine.PortPhysical
}

// Ports are the ports of one datapath, in the order of dpif/show; it implements engine.Ports. The
// daemon does not know which ports belong to a virtual machine: those are PortPhysical or PortHost.
type Ports []engine.Port

// ByDatapath returns a port by its datapath port number or by its name. If several tunnel ports
// share a number, it returns one of them.
func (ps Ports) ByDatapath(port string) (engine.Port, bool) {
	for _, p := range ps {
		if p.Datapath != "" && p.Datapath == port {
			return p, true
		}
	}
	for _, p := range ps {
		if p.Datapath != "" && p.Name == port {
			return p, true
		}
	}
	return engine.Port{}, false
}

// ByName returns a port of a bridge, for Request.InPort and Request.InPortDatapath.
func (ps Ports) ByName(bridge, name string) (engine.Port, bool) {
	for _, p := range ps {
		if p.Bridge == bridge && p.Name == name {
			return p, true
		}
	}
	return engine.Port{}, false
}
