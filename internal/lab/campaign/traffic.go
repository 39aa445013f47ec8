package campaign

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// beating are the flows that run beside the faults: east-west, through VIPs, through source NAT of
// both kinds of routers, to floating addresses. Their source ports are apart from those of the
// instances.
var beating = []Flow{
	{From: "sw0-p3", To: "sw1-p3", Proto: "icmp"},
	{From: "sw0-p2", To: "30.0.0.10", Proto: "udp", Dport: 53, Sport: 61001},
	{From: "sw0-p1", To: "30.0.0.11", Proto: "tcp", Dport: 80, Sport: 55000},
	{From: "sw3-p3", To: "ext1", Proto: "tcp", Dport: 80, Sport: 56000},
	{From: "sw3-p3", To: "ext1", Proto: "udp", Dport: 123, Sport: 61002},
	{From: "sw4-p2", To: "ext3", Proto: "tcp", Dport: 443, Sport: 57000},
	{From: "ext3", To: "172.17.0.30", Proto: "udp", Dport: 4500, Sport: 61003},
	{From: "ext1", To: "172.16.0.10", Proto: "tcp", Dport: 22, Sport: 58000},
}

// trafficEnds are the machines that answer.
var trafficEnds = []string{"sw1-p1", "sw1-p2", "sw1-p3", "ext1", "ext3", "sw4-p1", "sw3-p1"}

func trafficFlows(t *lab.Topology) []probe.Packet {
	var out []probe.Packet
	for _, f := range beating {
		p := f.packet(t, f.Sport)
		p.ID = 4321 // of echo requests: the instances have another
		out = append(out, p)
	}
	return out
}

// healthy draws a flow that works in the lab as it is.
func (d *draw) healthy() Flow {
	if d.IntN(2) == 0 {
		return d.pair()
	}
	f := one(d, beating...)
	f.Sport = 0
	return f
}
