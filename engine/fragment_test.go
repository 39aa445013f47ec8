package engine_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// A later fragment has no ports: registers loaded from ports are empty if a later fragment
// completes the datagram. (Look-ups see no ports in the first one either, ofproto's
// OFPUTIL_FRAG_NORMAL.)
const fragmentFlows = `
table=0,priority=3,in_port=1,ip,nw_dst=10.0.0.9,actions=output:2
table=0,priority=4,in_port=1,udp6,ipv6_dst=fd00::9,actions=output:2
table=0,priority=4,in_port=1,ipv6,ipv6_dst=fd00::9,nw_proto=44,actions=output:3
table=0,priority=3,in_port=1,udp6,actions=ct(table=2,zone=5)
table=0,priority=3,in_port=1,ipv6,nw_proto=44,actions=ct(table=2,zone=5)
table=0,priority=2,in_port=1,ip,nw_dst=10.0.0.7,nw_frag=first,actions=output:3
table=0,priority=2,in_port=1,ip,nw_dst=10.0.0.8,nw_frag=first,actions=ct(table=1,zone=6)
table=0,priority=1,in_port=1,udp,actions=move:NXM_OF_UDP_DST[]->NXM_NX_REG0[0..15],ct(table=1,zone=5)
table=1,priority=2,udp,reg0=53,actions=output:3
table=1,priority=1,udp,nw_frag=no,actions=ct(table=2,zone=7)
table=2,udp,actions=output:2
table=2,udp6,tp_dst=53,actions=output:2
`

func TestFragments(t *testing.T) {
	b, p := start(t, 3, fragmentFlows)
	for name, c := range map[string]struct {
		change func(*packet.Packet)
		want   string
	}{
		"no ct":                           {func(p *packet.Packet) { p.Dst = netip.MustParseAddr("10.0.0.9") }, "output p2 first 1000>1"},
		"no ct, later":                    {func(p *packet.Packet) { p.Dst, p.Frag = netip.MustParseAddr("10.0.0.9"), packet.FragLater }, "output p2 later 0>0"},
		"held and cut again":              {func(*packet.Packet) {}, "output p2 first 1000>1 held in 5"},
		"the last fragment's registers":   {func(p *packet.Packet) { p.DstPort = 53 }, "output p2 first 1000>53 held in 5"},
		"later":                           {func(p *packet.Packet) { p.Frag = packet.FragLater }, "unknown later 0>0 held in 5: a later fragment waits"},
		"first alone on its way":          {func(p *packet.Packet) { p.Dst = netip.MustParseAddr("10.0.0.7") }, "output p3 first 1000>1"},
		"later ones go to another ct()":   {func(p *packet.Packet) { p.Dst = netip.MustParseAddr("10.0.0.8") }, "unknown no 1000>1 held in 6: the datagram's later fragments do not go"},
		"IPv6, later":                     {func(p *packet.Packet) { v6(p); p.Frag, p.Dst = packet.FragLater, netip.MustParseAddr("fd00::9") }, "output p3 later 0>0"},
		"IPv6, whose protocol is then 44": {func(p *packet.Packet) { v6(p); p.DstPort = 53 }, "output p2 first 1000>53 held in 5"},
	} {
		pkt := syn()
		pkt.Proto, pkt.TCPFlags, pkt.DstPort, pkt.Frag = ctstate.ProtoUDP, 0, 1, packet.FragFirst
		c.change(&pkt)
		res := trace(t, eng(b, p, table(nil)), engine.Request{Bridge: "br0", InPort: 1, Packet: pkt})
		if n := len(res.Outcomes[0].Leaves); n != 1 {
			t.Fatalf("%s: %d leaves", name, n)
		}
		l := res.Outcomes[0].Leaves[0]
		got := string(l.Kind)
		if l.Port != nil {
			got += " " + l.Port.Name
		}
		got += fmt.Sprintf(" %s %d>%d", l.Packet.Frag, l.Packet.SrcPort, l.Packet.DstPort)
		if l.Held != nil {
			got += fmt.Sprintf(" held in %d", l.Held.Zone)
		}
		if l.Why != "" {
			got += ": " + l.Why
		}
		if got != c.want && (l.Why == "" || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func v6(p *packet.Packet) {
	p.EthType, p.Src, p.Dst = packet.EthIPv6, netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
}
