package engine_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// canned is a Tracer that answers as ovs-vswitchd does whose bridge br0 has these flows; a real one
// comes from package engine/vswitchd.
//
//	table=0,tcp,actions=ct(zone=5,table=1)
//	table=1,ct_state=+new,in_port=1,tcp,actions=ct(commit,zone=5),output:2
//	table=1,ct_state=+est,tcp,in_port=1,actions=output:2
//	table=1,ct_state=+est,tcp,in_port=2,actions=output:1
type canned struct{}

func (canned) Trace(_ context.Context, bridge, flow string) (string, error) {
	head, actions := `recirc_id=0x1`, "drop"
	switch {
	case !strings.HasPrefix(flow, "recirc_id="):
		head, actions = "tcp", "ct(zone=5),recirc(0x1)"
	case strings.Contains(flow, "ct_state=new") && strings.Contains(flow, "in_port=1"):
		actions = "ct(commit,zone=5),2"
	case strings.Contains(flow, "ct_state=est") && strings.Contains(flow, "in_port=1"):
		actions = "2"
	case strings.Contains(flow, "ct_state=est"):
		actions = "1"
	}
	return fmt.Sprintf("Flow: %s\n\nbridge(%q)\n-------------\n 0. priority 32768\n    next\n\nFinal flow: unchanged\nMegaflow: %s\nDatapath actions: %s\n",
		flow, bridge, head, actions), nil
}

func (canned) TracePacketOut(context.Context, string, string, string) (string, error) {
	return "", fmt.Errorf("no packet-out here")
}

// wired are two ports whose OpenFlow and datapath numbers are the same.
type wired struct{}

func (wired) ByDatapath(port string) (engine.Port, bool) {
	return engine.Port{Datapath: port, Name: "p" + port, Bridge: "br0", Type: "system", Kind: engine.PortPhysical}, port == "1" || port == "2"
}

// empty is a ctstate.Table without entries; one's own table answers Lookup from a snapshot, a
// database, or the kernel.
type empty struct{}

func (empty) Lookup(context.Context, uint16, ctstate.Tuple) (ctstate.Entry, error) {
	return ctstate.Entry{}, ctstate.ErrNotFound
}

// A SYN through one bridge, and the answer to it over the entry that the SYN left.
func Example() {
	e := &engine.Engine{
		OVS:     canned{},
		Ports:   wired{},
		Table:   empty{},
		Tracker: ctstate.NewKernel(ctstate.Release{Major: 6, Minor: 1}),
	}
	syn := packet.Packet{
		EthType: packet.EthIPv4, Proto: packet.ProtoTCP, TTL: 64, TCPFlags: packet.FlagSYN,
		Src: netip.MustParseAddr("10.0.0.1"), SrcPort: 1000,
		Dst: netip.MustParseAddr("10.0.0.2"), DstPort: 80,
	}
	answer := syn
	answer.Src, answer.SrcPort, answer.Dst, answer.DstPort = syn.Dst, syn.DstPort, syn.Src, syn.SrcPort
	answer.TCPFlags = packet.FlagSYN | packet.FlagACK

	var overlay ctstate.OverlayData // the entries that packets have left so far
	show(e, 1, syn, &overlay)
	show(e, 2, answer, &overlay)
	show(e, 2, answer, &ctstate.OverlayData{}) // without the entry
	// Output:
	// tcp 10.0.0.1:1000 > 10.0.0.2:80 [syn] ttl 64
	//   segment 0: ct(zone=5),recirc(0x1)
	//     ct(zone=5): new|trk
	//   segment 1: ct(commit,zone=5),2
	//     ct(commit,zone=5): new|trk
	//   output p2
	// tcp 10.0.0.2:80 > 10.0.0.1:1000 [syn|ack] ttl 64
	//   segment 0: ct(zone=5),recirc(0x1)
	//     ct(zone=5): est|rpl|trk
	//   segment 1: 1
	//   output p1
	// tcp 10.0.0.2:80 > 10.0.0.1:1000 [syn|ack] ttl 64
	//   segment 0: ct(zone=5),recirc(0x1)
	//     ct(zone=5): inv|trk
	//   segment 1: drop
	//   drop
}

// show traces a packet and prints what became of it.
func show(e *engine.Engine, inPort uint32, p packet.Packet, overlay *ctstate.OverlayData) {
	res, err := e.Trace(context.Background(), engine.Request{Bridge: "br0", InPort: inPort, Packet: p}, *overlay)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p)
	for _, s := range res.Segments {
		fmt.Printf("  segment %d: %s\n", s.ID, s.Actions)
		for _, ct := range s.CT {
			fmt.Printf("    %s: %v\n", ct.Action, ct.Result.Conn.State)
		}
	}
	for _, o := range res.Outcomes { // one: no choice is left open
		for _, leaf := range o.Leaves {
			fmt.Printf("  %s", leaf.Kind)
			if leaf.Port != nil {
				fmt.Printf(" %s", leaf.Port.Name)
			}
			fmt.Println()
		}
		*overlay = o.Overlay
	}
}
