package inventory

import (
	"fmt"
	"net/netip"
	"strings"
)

// Port returns a logical switch port, or nil.
func (inv *Inventory) Port(name string) *Port { return inv.ports[name] }

// PortByKey returns the logical switch port with the tunnel keys of a switch and of a port in it,
// or nil.
func (inv *Inventory) PortByKey(datapath, port int64) *Port { return inv.keys[portKey{datapath, port}] }

// PortsByMAC returns the logical switch ports, none of them attached to a router, that list the MAC
// address.
func (inv *Inventory) PortsByMAC(mac string) []*Port { return inv.portsByMAC[strings.ToLower(mac)] }

// RouterPort returns a logical router port, or nil.
func (inv *Inventory) RouterPort(name string) *RouterPort { return inv.routerPorts[name] }

// Router returns a logical router, or nil.
func (inv *Inventory) Router(name string) *Router { return inv.routers[name] }

// Switch returns a logical switch, or nil.
func (inv *Inventory) Switch(name string) *Switch { return inv.switches[name] }

// Owner is one owner of an address: one of the fields is set.
type Owner struct {
	Port   *Port
	Router *RouterPort
	NAT    *NAT // the address is the rule's external one
	VIP    *VIP
}

// IsRouter reports whether the router itself has the address: at a port, by a NAT rule or by a VIP.
func (o Owner) IsRouter(r *Router) bool {
	return o.Router != nil && o.Router.Router == r || o.NAT != nil && o.NAT.Router == r || o.VIP != nil && o.VIP.Balancer.OnRouter(r)
}

// String returns the owner as text: "port sw0-p1 (pod blue/web)", "router lr0 (port lr0-sw0)",
// "dnat_and_snat of router lr0 for 10.0.0.3", `VIP 30.0.0.10:80 of load balancer "web"`.
func (o Owner) String() string {
	switch {
	case o.Port != nil:
		s := "port " + o.Port.Name
		if o.Port.Workload != "" {
			s += " (" + o.Port.Workload + ")"
		}
		return s
	case o.Router != nil:
		return fmt.Sprintf("router %s (port %s)", o.Router.Router.Name, o.Router.Name)
	case o.NAT != nil:
		return fmt.Sprintf("%s of router %s for %s", o.NAT.Type, o.NAT.Router.Name, PrefixText(o.NAT.Logical))
	case o.VIP != nil:
		return fmt.Sprintf("VIP %s of load balancer %s", o.VIP.Text, o.VIP.Balancer.Title())
	}
	return ""
}

// PrefixText returns a prefix as text; one of full length as an address.
func PrefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// Owners returns who has the address: ports, router ports, NAT rules by their external address,
// and VIPs, in this order. Networks that are not connected may use one address: then there are
// several owners of a kind.
func (inv *Inventory) Owners(ip netip.Addr) []Owner {
	ip = ip.Unmap().WithZone("")
	var out []Owner
	for _, p := range inv.portsByAddr[ip] {
		out = append(out, Owner{Port: p})
	}
	for _, p := range inv.routersByAddr[ip] {
		out = append(out, Owner{Router: p})
	}
	for _, n := range inv.natsByAddr[ip] {
		out = append(out, Owner{NAT: n})
	}
	for _, v := range inv.vipsByAddr[ip] {
		out = append(out, Owner{VIP: v})
	}
	return out
}

// VIPs returns the VIPs on the address, whatever their port and protocol.
func (inv *Inventory) VIPs(ip netip.Addr) []*VIP { return inv.vipsByAddr[ip] }

// VIP returns the VIPs that take a packet of the protocol to the address and port: those with the
// port, or else those without one, which take every port and protocol.
func (inv *Inventory) VIP(proto uint8, to netip.AddrPort) []*VIP {
	return inv.vips(proto, to, func(*Balancer) bool { return true })
}

// vips is VIP of the load balancers that a packet passes: a VIP with the port of another load
// balancer does not hide one without.
func (inv *Inventory) vips(proto uint8, to netip.AddrPort, passes func(*Balancer) bool) []*VIP {
	var exact, any []*VIP
	for _, v := range inv.vipsByAddr[to.Addr()] {
		switch {
		case !passes(v.Balancer):
		case v.Addr.Port() == 0:
			any = append(any, v)
		case v.Addr == to && v.Balancer.Protocol == proto:
			exact = append(exact, v)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return any
}

// NATByExternal returns the NAT rules with the external address.
func (inv *Inventory) NATByExternal(ip netip.Addr) []*NAT { return inv.natsByAddr[ip] }

// NATOf returns the router's rules that concern the address: those with it as external address, and
// those whose logical address or network contains it.
func (r *Router) NATOf(ip netip.Addr) []*NAT {
	var out []*NAT
	for _, n := range r.NATs {
		if n.External == ip || n.Logical.IsValid() && n.Logical.Contains(ip) {
			out = append(out, n)
		}
	}
	return out
}

// ZoneOwner is the owner of a conntrack zone: one of Router, Switch, Port and RouterPort is set.
type ZoneOwner struct {
	Router     *Router
	Switch     *Switch
	Port       *Port
	RouterPort *RouterPort
	Use        string // "dnat" or "snat" for a router's or switch's zone, empty for a port's
}

// Zone returns the owner of the zone with a name of ovn-controller: PORT, DATAPATH_dnat or
// DATAPATH_snat, with the datapath's name. ok is false if no row has the name.
func (inv *Inventory) Zone(name string) (o ZoneOwner, ok bool) {
	if p := inv.ports[name]; p != nil {
		return ZoneOwner{Port: p}, true
	}
	if p := inv.routerPorts[strings.TrimPrefix(name, redirect)]; p != nil {
		return ZoneOwner{RouterPort: p}, true
	}
	for _, use := range []string{"dnat", "snat"} {
		base, found := strings.CutSuffix(name, "_"+use)
		if !found {
			continue
		}
		o := ZoneOwner{Router: inv.routers[base], Use: use}
		if o.Router == nil {
			o.Switch = inv.switches[base]
		}
		return o, o.Router != nil || o.Switch != nil
	}
	return ZoneOwner{}, false
}
