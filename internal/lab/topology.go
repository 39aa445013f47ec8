// Package lab starts a real OVN deployment for tests and demonstrations: the central databases,
// ovn-northd, and several chassis, each in its own network namespace, with the kernel's or the
// userspace datapath.
package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
)

// Topology describes a lab.
type Topology struct {
	Datapath string `json:",omitempty"` // System or Userspace
	Chassis  []Chassis
	VIFs     []VIF
	Hosts    []Host
	Cables   []Cable
	Setup    []string // ovn-nbctl commands
	On       string   `json:",omitempty"` // Zone.On of the first zone
	Zones    []Zone   // further availability zones
	After    []string // commands for Do, run when every port is up
}

// Zone is an availability zone with its own databases and ovn-northd.
type Zone struct {
	Name  string
	IP    string // address of its databases
	Setup []string
	// On is the chassis that has the databases, on sockets in the run folder of its OVN and nowhere
	// else; empty: they are beside the chassis, and listen at IP.
	On string `json:",omitempty"`
}

// Chassis is one hypervisor: a namespace with its own Open vSwitch and
// ovn-controller.
type Chassis struct {
	Name     string
	EncapIP  string
	IPs      []string          // further addresses on the underlay
	Encap    string            // empty: geneve
	Zone     string            // availability zone; "" is the first
	Mappings map[string]string // physical network -> provider bridge
	Options  map[string]string // further external-ids of the Open_vSwitch row
}

// VIF is a logical port bound on a chassis: a veth pair whose far end, e0, is in a namespace with
// the port's name and sends nothing by itself.
type VIF struct {
	Port    string // logical switch port
	Chassis string
	MAC     string
	IPs     []string
	Gateway string // MAC of the router port that it sends to
	Local   bool   // a localport: on every chassis, never bound or up
	Parent  string // for a nested container: its parent's VIF
	Tag     int    // and its VLAN tag
}

// Host is a machine on the physical network that OVN does not own.
type Host struct {
	Name    string
	Network string // physical network
	MAC     string
	IPs     []string
	VLAN    int
	Gateway string // MAC of the router port that it sends to
	Port    string // the localnet port by which its packets enter OVN
}

// Cable is an additional veth pair for cases. An end is "NAMESPACE/INTERFACE"; an empty namespace
// is the instance's, where the end is added to a bridge.
type Cable struct {
	Ends   [2]string
	Bridge string // bridge of the second end, if that is in the instance's namespace
	Sees   string // name of the probe's tap at the second end, shared with another cable
	MTU    string
}

// VIF returns the VIF of a logical port.
func (t *Topology) VIF(port string) (VIF, error) {
	for _, v := range t.VIFs {
		if v.Port == port {
			return v, nil
		}
	}
	return VIF{}, fmt.Errorf("the topology has no port %q", port)
}

// Zone returns an availability zone; "" is the first.
func (t *Topology) Zone(name string) Zone {
	for _, z := range t.Zones {
		if z.Name == name {
			return z
		}
	}
	return t.first()
}

// first returns the first zone.
func (t *Topology) first() Zone { return Zone{IP: centralIP, On: t.On, Setup: t.Setup} }

// allZones returns all zones, the first one first.
func (t *Topology) allZones() []Zone {
	return append([]Zone{t.first()}, t.Zones...)
}

// ZoneOf returns the availability zone of a port.
func (t *Topology) ZoneOf(port string) Zone {
	if v, err := t.VIF(port); err == nil {
		for _, c := range t.Chassis {
			if c.Name == v.Chassis {
				return t.Zone(c.Zone)
			}
		}
	}
	return t.Zone("")
}

// NB returns the remote of the zone's Northbound DB.
func (z Zone) NB() string { return z.remote("ovnnb_db.sock", "6641") }

// SB returns the remote of the zone's Southbound DB.
func (z Zone) SB() string { return z.remote("ovnsb_db.sock", "6642") }

func (z Zone) remote(sock, port string) string {
	if z.On != "" {
		return "unix:" + filepath.Join(z.dir(), sock)
	}
	return "tcp:" + z.IP + ":" + port
}

// dir returns the folder of the zone's databases.
func (z Zone) dir() string {
	if z.On != "" {
		return OVNRundir(z.On)
	}
	return filepath.Join(Dir, "central"+z.Name)
}

// Reach returns the flags by which the tool reaches the zone's databases: none where the nodes of
// their chassis read them.
func (z Zone) Reach() []string {
	if z.On != "" {
		return nil
	}
	return []string{"--sb", z.SB(), "--nb", z.NB()}
}

// Networks returns the physical networks that a chassis maps.
func (t *Topology) Networks() []string {
	var names []string
	seen := map[string]bool{}
	for _, c := range t.Chassis {
		for _, n := range sortedKeys(c.Mappings) {
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	return names
}

// IP returns the VIF's first address of the wanted family.
func (v VIF) IP(v6 bool) string { return firstIP(v.IPs, v6) }

// IP returns the host's first address of the wanted family.
func (h Host) IP(v6 bool) string { return firstIP(h.IPs, v6) }

func firstIP(ips []string, v6 bool) string {
	for _, s := range ips {
		if a, err := netip.ParseAddr(s); err == nil && a.Is6() == v6 {
			return s
		}
	}
	return ""
}

// digest identifies a topology.
func (t *Topology) digest() string {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and numbers
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
