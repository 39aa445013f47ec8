package ctstate_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// TCP flags of the examples' packets.
const syn, ack = 0x02, 0x10

// tcp returns a TCP packet from a to b.
func tcp(a, b string, flags uint16) ctstate.Packet {
	return ctstate.Packet{IP: true, TCPFlags: flags, Tuple: ctstate.Tuple{Proto: ctstate.ProtoTCP,
		Src: netip.MustParseAddrPort(a), Dst: netip.MustParseAddrPort(b)}}
}

// A handshake goes through ct(commit,zone=7): what each packet leaves is in the overlay for the
// next.
func ExampleKernel() {
	kernel := ctstate.NewKernel(ctstate.Release{Major: 6, Minor: 1})
	entries := ctstate.NewOverlay(nil) // over an empty table
	act := ctstate.Action{Zone: 7, Commit: true}
	const client, server = "10.0.0.1:40000", "10.0.0.2:80"

	for _, p := range []ctstate.Packet{tcp(client, server, syn), tcp(server, client, syn|ack), tcp(client, server, ack)} {
		r, err := kernel.Do(context.Background(), entries, ctstate.Conn{}, p, act)
		if err != nil {
			fmt.Println(err)
			return
		}
		entries.Apply(r)
		fmt.Printf("%s, %v: %s left for %d s\n", r.Conn.State, r.Conn.Info, r.Committed.TCP.State, r.Committed.Timeout)
	}
	// Output:
	// new|trk, NEW: SYN_SENT left for 120 s
	// est|rpl|trk, ESTABLISHED_REPLY: SYN_RECV left for 60 s
	// est|trk, ESTABLISHED: ESTABLISHED left for 432000 s
}

// Source NAT to an address whose wanted port is taken: the kernel draws another port, which nobody
// can know; the range that it lies in is known.
func ExampleKernel_sourceNAT() {
	kernel := ctstate.NewKernel(ctstate.Release{Major: 6, Minor: 1})
	entries := ctstate.NewOverlay(nil)
	act := ctstate.Action{Zone: 7, Commit: true, NAT: &ctstate.NAT{Src: true, MinAddr: netip.MustParseAddr("192.0.2.1")}}

	for _, client := range []string{"10.0.0.1:40000", "10.0.0.2:40000"} {
		r, err := kernel.Do(context.Background(), entries, ctstate.Conn{}, tcp(client, "198.51.100.9:443", syn), act)
		if err != nil {
			fmt.Println(err)
			return
		}
		entries.Apply(r)
		fmt.Printf("%s: %s, %v\n", r.Conn.State, r.Packet.Tuple, r.Certainty)
		for _, g := range r.Ranges {
			fmt.Printf("  %s from %d to %d\n", g.Kind, g.Min, g.Max)
		}
	}
	// Output:
	// new|trk|snat: tcp 192.0.2.1:40000>198.51.100.9:443, exact
	// new|trk|snat: tcp 192.0.2.1:40001>198.51.100.9:443, undetermined
	//   nat-port from 1024 to 65535
}

// The answer of a load balancer's backend is translated back by nat() alone: what to translate is
// in the entry that the request left.
func ExampleTracker() {
	var tracker ctstate.Tracker = ctstate.NewKernel(ctstate.Release{})
	entries := ctstate.NewOverlay(nil)
	balance := &ctstate.NAT{Dst: true, MinAddr: netip.MustParseAddr("10.0.0.9"), MinPort: 8080}

	for _, step := range []struct {
		p ctstate.Packet
		a ctstate.Action
	}{
		{tcp("10.0.0.1:40000", "30.0.0.1:80", syn), ctstate.Action{Zone: 7, Commit: true, NAT: balance}},
		{tcp("10.0.0.9:8080", "10.0.0.1:40000", syn|ack), ctstate.Action{Zone: 7, NAT: &ctstate.NAT{}}},
	} {
		r, err := tracker.Do(context.Background(), entries, ctstate.Conn{}, step.p, step.a)
		if err != nil {
			fmt.Println(err)
			return
		}
		entries.Apply(r)
		fmt.Printf("%v\n  leaves as %v, %v direction, %s\n", step.p.Tuple, r.Packet.Tuple, r.Conn.Info.Direction(), r.Conn.State)
	}
	// Output:
	// tcp 10.0.0.1:40000>30.0.0.1:80
	//   leaves as tcp 10.0.0.1:40000>10.0.0.9:8080, original direction, new|trk|snat|dnat
	// tcp 10.0.0.9:8080>10.0.0.1:40000
	//   leaves as tcp 30.0.0.1:80>10.0.0.1:40000, reply direction, est|rpl|trk|snat
}
