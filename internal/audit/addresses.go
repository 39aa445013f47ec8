package audit

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// addresses looks for addresses with several owners on one switch.
//
// address-claimed-twice: of the switch's ports, the router ports attached to it, and the NAT rules
// and VIPs of their routers, two have one address and different MAC addresses: who answers first is
// believed. Ports that share a MAC address too, as the two of a machine that migrates, are not
// reported, nor is the parent of a virtual port. A disabled port does not count.
func (a *auditor) addresses() {
	for _, s := range a.inv.Switches {
		if !a.meets(s.Name) {
			continue
		}
		for _, ip := range a.inv.AddressesOn(s) {
			a.claimed(s, ip)
		}
	}
}

func (a *auditor) claimed(s *inventory.Switch, ip netip.Addr) {
	var macs, owners []string
	for _, o := range a.inv.MACsOn(s, ip) {
		if o.Port != nil && o.Port.Type == "virtual" {
			return
		}
		if o.Port != nil && !o.Port.Enabled {
			continue
		}
		if !slices.Contains(macs, o.MAC) {
			macs = append(macs, o.MAC)
			owners = append(owners, fmt.Sprintf("%s: %s", o.Owner, o.MAC))
		}
	}
	if len(macs) < 2 {
		return
	}
	if i := a.about(s.UUID.String()+ip.String(), report.SeverityWarning, report.CodeAddressClaimedTwice,
		fmt.Sprintf("switch %s: %d owners answer for %s with different MAC addresses", s.Name, len(owners), ip), ip); i != nil {
		i.Where = map[string]string{"switch": s.Name, "address": ip.String()}
		i.Evidence = owners
	}
}

// learned compares learned MAC addresses with their owners.
//
// stale-mac-binding: a router port has learned, or was given (Static_MAC_Binding), another MAC
// address for an IP address than that of the port, NAT rule, VIP or router port that has it on the
// router port's switch. A warning where the router uses what it has learned: for NAT and VIP
// addresses, and for router ports if the router has dynamic_neigh_routers. For a port's own address
// northd adds a flow that goes before: information.
//
// stale-fdb: a switch has learned, at another port, a MAC address that one of its ports lists.
// A localnet port learns it where packets come back from the physical network: information.
func (a *auditor) learned() {
	if a.Learned == nil {
		return
	}
	for i := range a.Learned.Neighbours {
		a.neighbour(&a.Learned.Neighbours[i])
	}
	a.fdb()
}

// fdb compares the learned ports of MAC addresses with their owners.
func (a *auditor) fdb() {
	if a.Learned == nil {
		return
	}
	for _, f := range a.Learned.FDB {
		a.learnedPort(f.UUID.String(), f.MAC, a.inv.PortByKey(f.Datapath, f.Port))
	}
}

// neighbour checks one row. Rows of several routers that say the same are one finding.
func (a *auditor) neighbour(n *ovn.NeighbourRow) {
	owner, p, ok := a.inv.Contradicted(n)
	if !ok {
		return
	}
	if a.Address.IsValid() && a.Address != n.IP {
		return
	}
	sev := report.SeverityWarning
	if owner.Port != nil || owner.Router != nil && p.Router.Options["dynamic_neigh_routers"] != "true" {
		sev = report.SeverityInfo
	}
	i, isNew := a.issue(fmt.Sprint(p.Switch.UUID, n.IP, n.MAC, sev), report.CodeStaleMACBinding)
	if isNew {
		i.Severity, i.Where = sev, map[string]string{"address": n.IP.String(), "switch": p.Switch.Name}
		i.text = func(rows int) string {
			who := "router " + p.Router.Name + " takes"
			if rows > 1 {
				who = fmt.Sprintf("%d routers take", rows)
			}
			return fmt.Sprintf("%s %s for the MAC address of %s, whose owner has %s: %s", who, n.MAC, n.IP, owner.MAC, owner.Owner)
		}
	}
	i.count++
	if i.count > maxNeighbours {
		return
	}
	i.listed++
	i.evidence("%s of router port %s: %s is %s", n.Table(), p.Name, n.IP, n.MAC)
	i.Mend = append(i.Mend, n.Forget())
}

// maxNeighbours is the maximum number of rows that a finding lists.
const maxNeighbours = 20

func (a *auditor) learnedPort(row, mac string, at *inventory.Port) {
	if at == nil || !a.meets(at.Switch.Name) || a.way != nil && !a.way.macs[mac] {
		return
	}
	var there []string
	var about []netip.Addr
	for _, p := range a.inv.PortsByMAC(mac) {
		if p == at {
			return
		}
		if p.Switch == at.Switch {
			there = append(there, p.Name)
			for _, o := range p.Addrs {
				about = append(about, o.IPs...)
			}
		}
	}
	if len(there) == 0 {
		return
	}
	sev := report.SeverityWarning
	if at.Type == "localnet" {
		sev = report.SeverityInfo
	}
	if a.way != nil {
		about = slices.Collect(maps.Keys(a.way.addrs)) // the MAC address is on the way
	}
	if i := a.about(row, sev, report.CodeStaleFDB, fmt.Sprintf("switch %s has learned MAC address %s at port %s, and it is port %s's", at.Switch.Name, mac, at.Name, strings.Join(there, " and ")), about...); i != nil {
		i.Where = map[string]string{"switch": at.Switch.Name, "port": at.Name}
		i.Mend = []string{"ovn-sbctl destroy fdb " + row}
	}
}
