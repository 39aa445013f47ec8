package policy

import (
	"context"
	"net/netip"
	"os"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/vswitchd"
)

// table is a conntrack table of one's own: the same entries in every zone.
type table map[ctstate.Tuple]ctstate.Entry

func (tbl table) Lookup(_ context.Context, zone uint16, t ctstate.Tuple) (ctstate.Entry, error) {
	if e, ok := tbl[t]; ok {
		return e, nil
	}
	return ctstate.Entry{}, ctstate.ErrNotFound
}

// From sw0-p1 to sw0-p3 of the lab, which are on one chassis: the middle of a connection.
var (
	ack = packet.Packet{EthSrc: packet.MAC{0x50, 0x54, 0, 0, 0, 3}, EthDst: packet.MAC{0x50, 0x54, 0, 0, 0, 5},
		EthType: packet.EthIPv4, Proto: packet.ProtoTCP, TTL: 64, TCPFlags: packet.FlagACK,
		Src: netip.MustParseAddr("10.0.0.3"), SrcPort: 1000, Dst: netip.MustParseAddr("10.0.0.5"), DstPort: 80}
	there = ctstate.Tuple{Proto: packet.ProtoTCP, Src: netip.AddrPortFrom(ack.Src, 1000), Dst: netip.AddrPortFrom(ack.Dst, 80)}
	back  = ctstate.Tuple{Proto: packet.ProtoTCP, Src: there.Dst, Dst: there.Src}
	up    = ctstate.UserTCPInfo{Orig: ctstate.UserTCPEstablished, Reply: ctstate.UserTCPEstablished}
	conn  = ctstate.Entry{Orig: there, Reply: back, UserTCP: &up, Source: ctstate.FromUserspace}
)

// TestBridge is the smaller level: one bridge of this machine, without OVN's databases.
func TestBridge(t *testing.T) {
	sw, err := vswitchd.Dial(t.Context(), os.Getenv("OVS_RUNDIR"))
	if err != nil {
		t.Fatal(err)
	}
	defer sw.Close()
	ports, err := sw.Ports(t.Context(), "br-int")
	in, ok := ports.ByName("br-int", "sw0-p1")
	e := engine.Engine{OVS: sw, Ports: ports, Table: table{there: conn, back: conn}, Tracker: ctstate.NewUserspace()}
	req := engine.Request{Bridge: "br-int", InPort: in.OFPort, InPortDatapath: in.Datapath, Packet: ack}
	r, terr := e.Trace(t.Context(), req, ctstate.OverlayData{})
	if err != nil || !ok || terr != nil {
		t.Fatal(err, ok, terr)
	}
	state, leaf := r.Segments[0].CT[0].Result.Conn.State, r.Outcomes[0].Leaves[0]
	if state&ctstate.Est == 0 || leaf.Kind != engine.LeafOutput || leaf.Port.Name != "sw0-p3" {
		t.Errorf("%v, %v %s", state, leaf.Kind, leaf.Why)
	}
}
