package driver

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// A tunnel's far end decapsulates the packet only where it listens: by the address on a port of
// Open vSwitch's bridges (userspace) or on any interface (kernel), and by the UDP port. Else the
// packet is lost there.
func testReceiver(t *testing.T, sb *ovn.SB) {
	listener := func(dp, addr string, udp uint16) node.Listener {
		return node.Listener{Datapath: dp, Addr: netip.MustParseAddr(addr), UDP: udp}
	}
	const userspace, kernel = "netdev@ovs-netdev", "system@ovs-system"
	deaf := "dropped drop hv2: Open vSwitch on hv2 takes no geneve packets for 10.9.0.2 (tnl/ports/show -v): the address is not on a port of its bridges"
	for _, c := range []struct {
		name, backer string
		listeners    []node.Listener
		away         []string
		sent         uint16 // the UDP port that hv1 sends to
		option       string // dst_port of hv2's ports
		want         string
	}{
		{"listens", userspace, []node.Listener{listener("4", "10.9.0.2", 6081)}, nil, 6081, "", "delivered port hv2 sw1-p1"},
		{"not asked", userspace, nil, nil, 6081, "", "delivered port hv2 sw1-p1"},
		{"nothing listens", userspace, []node.Listener{}, nil, 6081, "", deaf},
		{"another address", userspace, []node.Listener{listener("4", "10.9.0.3", 6081)}, nil, 6081, "", deaf},
		{"another tunnel", userspace, []node.Listener{listener("5", "10.9.0.2", 4789)}, nil, 6081, "", deaf},
		{"another UDP port", userspace, []node.Listener{listener("4", "10.9.0.2", 6081)}, nil, 6082, "",
			"dropped drop hv2: ovn-hv1-10.9.0.1 of hv2 takes no packets for UDP port 6082, to which hv1 sends"},
		{"kernel", kernel, nil, nil, 6081, "", "delivered port hv2 sw1-p1"},
		{"kernel, listeners of another datapath", kernel, []node.Listener{}, nil, 6081, "", "delivered port hv2 sw1-p1"},
		{"kernel, address gone", kernel, nil, []string{"10.9.0.2"}, 6081, "", "dropped drop hv2: no interface of hv2 has the tunnel address 10.9.0.2"},
		{"kernel, another UDP port", kernel, nil, nil, 6081, "6090", "dropped drop hv2: ovn-hv1-10.9.0.1 of hv2 takes no packets for UDP port 6081, to which hv1 sends"},
		{"kernel, the same UDP port", kernel, nil, nil, 6090, "6090", "delivered port hv2 sw1-p1"},
		{"UDP port unknown", kernel, nil, nil, 0, "6090", "delivered port hv2 sw1-p1"},
	} {
		hv1, hv2 := chassis("hv1", "sw0-p1"), chassis("hv2", "sw1-p1")
		leaf := through(hv1.port(t, "ovn-hv2-10.9.0.2"), tcpSYN(), "10.9.0.1", "10.9.0.2")
		leaf.Tunnel.TPDst = c.sent
		hv1.trace, hv2.trace = same(result(leaf)), same(result(output(hv2.port(t, "tap0"), tcpSYN())))
		hv2.info.Listeners, hv2.info.AwayIPs = c.listeners, c.away
		for i := range hv2.info.Ports {
			p := &hv2.info.Ports[i]
			p.Backer = c.backer
			if p.Kind == engine.PortTunnel && c.option != "" {
				p.Options["dst_port"] = c.option
			}
		}
		sent := send(t, &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2}}, tcpSYN())
		if got := strings.TrimSpace(ends(sent)); strings.Join(strings.Fields(got), " ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if dropped := strings.HasPrefix(c.want, "dropped"); dropped != (len(hv2.asked) == 0) {
			t.Errorf("%s: hv2 was asked %d times", c.name, len(hv2.asked))
		}
	}
}
