package campaign

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// draw draws an instance out of the lab's topology.
type draw struct {
	*rand.Rand
	topo *lab.Topology
	n    int // number of the instance, for names
}

// one draws an element.
func one[T any](d *draw, from ...T) T { return from[d.IntN(len(from))] }

// two draws two different elements.
func two[T comparable](d *draw, from ...T) (T, T) {
	i := d.IntN(len(from))
	j := (i + 1 + d.IntN(len(from)-1)) % len(from)
	return from[i], from[j]
}

// name returns a name that no other instance has.
func (d *draw) name(of string) string { return fmt.Sprintf("%s-%d", of, d.n) }

// The ports of each switch that can send and receive IPv4 among each other.
var ports = map[string][]string{
	"sw0": {"sw0-p1", "sw0-p2", "sw0-p3"},
	"sw1": {"sw1-p1", "sw1-p2", "sw1-p3"},
	"sw3": {"sw3-p1", "sw3-p2", "sw3-p3"},
	"sw4": {"sw4-p1", "sw4-p2"},
}

// switchOf returns the logical switch of a port.
func switchOf(port string) string { return port[:strings.IndexByte(port, '-')] }

// routerOf returns the router of a switch, and the router's port there.
func routerOf(sw string) (router, port string) {
	router = map[string]string{"sw0": "lr0", "sw1": "lr0", "sw2": "lr0", "sw3": "lr1", "sw4": "lr2"}[sw]
	return router, router + "-" + sw
}

// proto draws a protocol and a port.
func (d *draw) proto(f Flow) Flow {
	f.Proto = one(d, "tcp", "udp", "icmp")
	return d.port(f)
}

func (d *draw) port(f Flow) Flow {
	if f.Proto != "icmp" {
		f.Dport = one(d, 80, 443, 5432, 8080, 8443, 9090)
	}
	return f
}

// pair draws a flow between two ports of one switch or of sw0 and sw1.
func (d *draw) pair() Flow {
	if d.IntN(2) == 0 {
		return d.routed()
	}
	a, b := two(d, ports[one(d, "sw0", "sw1", "sw3", "sw4")]...)
	return d.proto(Flow{From: a, To: b})
}

// either draws a flow as pair does, of IPv4 or IPv6.
func (d *draw) either() Flow {
	f := d.pair()
	f.V6 = d.IntN(4) == 0
	return f
}

// routed draws a flow through lr0.
func (d *draw) routed() Flow {
	from, to := two(d, "sw0", "sw1")
	return d.proto(Flow{From: one(d, ports[from]...), To: one(d, ports[to]...)})
}

// far draws two ports on different chassis.
func (d *draw) far() Flow {
	for {
		f := d.either()
		if d.chassis(f.From) != d.chassis(f.To) {
			return f
		}
	}
}

func (d *draw) chassis(port string) string {
	v, err := d.topo.VIF(port)
	if err != nil {
		panic(err)
	}
	return v.Chassis
}

// match returns the part of an ACL's match that holds for the flow's first packet.
func (d *draw) match(f Flow) string {
	p := f.packet(d.topo, 1)
	ip, icmp := "ip4", "icmp4"
	if p.V6() {
		ip, icmp = "ip6", "icmp6"
	}
	m := fmt.Sprintf("%s.src == %s && %s.dst == %s", ip, p.Src, ip, p.Dst)
	if f.Proto == "icmp" {
		return m + " && " + icmp
	}
	return fmt.Sprintf("%s && %s.dst == %d", m, f.Proto, f.Dport)
}
