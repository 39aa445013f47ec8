package driver

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// TestHostIgnores checks that the host's stack takes packets to its port's own MAC address, and
// broadcasts, and no others.
func TestHostIgnores(t *testing.T) {
	const own = "02:00:00:00:00:aa"
	takes := "host host hv1 br-int: the bridge's own port: the host's stack takes it"
	for _, c := range []struct {
		name, mac, dst, want string
		ignored              bool
	}{
		{"own", own, own, takes, false},
		{"broadcast", own, "ff:ff:ff:ff:ff:ff", takes, false},
		{"unknown", "", "02:00:00:00:00:bb", takes, false},
		{"another's", own, "02:00:00:00:00:bb",
			"host host hv1 br-int: the bridge's own port: the host's stack ignores a packet for 02:00:00:00:00:bb there, as the port has " + own, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			hv1 := chassis("hv1", "sw0-p1")
			hv1.info.Ports[0].MAC = c.mac
			p := tcpSYN()
			var err error
			if p.EthDst, err = packet.ParseMAC(c.dst); err != nil {
				t.Fatal(err)
			}
			hv1.trace = same(result(output(&engine.Port{Name: "br-int", Bridge: "br-int", OFPort: 65534, Datapath: "1", Kind: engine.PortHost}, p)))
			sent := send(t, &Driver{SB: southbound(t), Nodes: fakeNodes{"hv1": hv1}}, p)
			wantText(t, ends(sent), c.want)
			if got := sent.Branches[0].Ignored; got != c.ignored {
				t.Errorf("ignored: %v", got)
			}
		})
	}
}
