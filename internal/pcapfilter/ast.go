package pcapfilter

import (
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Expr is a filter: *And, *Or, *Not or *Prim. A nil Expr matches every frame.
type Expr interface{ test(g *gen) test }

// And holds if both sides do.
type And struct{ L, R Expr }

// Or holds if one side does.
type Or struct{ L, R Expr }

// Not holds if X does not.
type Not struct{ X Expr }

// Kind is what a primitive compares.
type Kind uint8

// The kinds of primitive.
const (
	KindIs        Kind = iota // the protocol itself: "tcp"
	KindHost                  // Net, a single address, or MAC with Proto ether
	KindNet                   // Net
	KindPort                  // Lo
	KindPortRange             // Lo to Hi
	KindProto                 // Lo: an IP protocol, or an Ethernet type with Proto ether
	KindVLAN                  // a tag; of id Lo with HasID
	KindBroadcast             // to every Ethernet address
	KindMulticast             // to a group of Ethernet addresses, broadcast included
)

// Dir is the direction of an address or a port.
type Dir uint8

// The directions.
const (
	DirEither Dir = iota // src or dst
	DirSrc
	DirDst
	DirBoth // src and dst
)

// Prim is one primitive.
type Prim struct {
	Proto string // as written: "", "ether", "ip", "tcp", ...
	Dir   Dir
	Kind  Kind

	Net    netip.Prefix // host bits are zero
	MAC    packet.MAC
	Lo, Hi uint16
	HasID  bool
}
