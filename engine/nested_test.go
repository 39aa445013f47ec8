package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// After a patch port or a native tunnel the trace is in the outer bridge again: the look-ups and
// the mirror's copies are that bridge's, and a packet sent to conntrack there resumes there.
func TestBehindNestedBridge(t *testing.T) {
	b, p := underlay(t, `
table=0,in_port=1,tcp,tp_dst=80 actions=set_field:5->tun_id,output:10,resubmit(,40)
table=0,in_port=1,tcp,tp_dst=81 actions=output:20,resubmit(,40)
table=0,in_port=1,tcp,tp_dst=82 actions=output:20,output:2,resubmit(,40)
table=0,in_port=1,tcp,tp_dst=83 actions=resubmit(,41),resubmit(,40)
table=0,in_port=1,tcp,tp_dst=84 actions=output:20,ct(table=42,zone=3)
table=40 actions=drop
table=41 actions=set_field:5->tun_id,output:10,output:20
table=42 actions=output:2,resubmit(,40)
`, "table=0,in_port=LOCAL actions=resubmit(,7)\ntable=0,in_port=8 actions=resubmit(,7)\ntable=7 actions=drop\n")
	b.Vsctl("add-port", "br-int", "pi", "--", "set", "interface", "pi", "type=patch", "options:peer=px", "ofport_request=20",
		"--", "add-port", "br-phy", "px", "--", "set", "interface", "px", "type=patch", "options:peer=pi", "ofport_request=8")
	b.Vsctl("--id=@s", "get", "port", "p1", "--", "--id=@o", "get", "port", "p2",
		"--", "--id=@m", "create", "mirror", "name=m", "select_dst_port=@s", "output_port=@o", "--", "add", "bridge", "br-int", "mirrors", "@m")
	for dp, port := range p {
		if port.Name == "p2" {
			port.Mirrors = []string{"m"}
			p[dp] = port
		}
	}
	for port, want := range map[uint16]string{
		80: "br-int 0, br-phy 0, br-phy 7, br-int 40",
		81: "br-int 0, br-phy 0, br-phy 7, br-int 40",
		82: "br-int 0, br-phy 0, br-phy 7, br-int 40",
		83: "br-int 0, br-int 41, br-phy 0, br-phy 7, br-phy 0, br-phy 7, br-int 40",
		84: "br-int 0, br-phy 0, br-phy 7; br-int 42, br-int 40",
	} {
		for _, lose := range []bool{false, true} { // a recirculation that dies is resumed by packet-out, on its own bridge
			pkt := syn()
			pkt.DstPort = port
			b.lose = lose
			res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br-int", InPort: 1, Packet: pkt})
			var segments []string
			for _, s := range res.Segments {
				var hits []string
				for _, h := range s.Tables {
					hits = append(hits, fmt.Sprint(h.Bridge, " ", h.Table))
				}
				segments = append(segments, strings.Join(hits, ", "))
			}
			if got := strings.Join(segments, "; "); got != want {
				t.Errorf("port %d, lost %v: %s, want %s", port, lose, got, want)
			}
			for _, l := range res.Outcomes[0].Leaves {
				if l.Port != nil && l.Port.Name == "p2" && l.Mirror != "" {
					t.Errorf("port %d: the packet's own output is taken for a copy", port)
				}
			}
		}
	}
}
