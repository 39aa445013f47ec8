package ctstate

import "net/netip"

// IP protocol numbers the model knows by name.
const (
	ProtoICMP    = 1
	ProtoTCP     = 6
	ProtoUDP     = 17
	ProtoICMPv6  = 58
	ProtoSCTP    = 132
	ProtoUDPLite = 136
)

// Tuple is one direction of a connection; comparable, so it keys maps. Ports
// are 0 where the protocol has none; ICMP's type, code and id have fields of
// their own and are 0 elsewhere.
type Tuple struct {
	Proto    uint8
	Src, Dst netip.AddrPort
	ICMPType uint8
	ICMPCode uint8
	ICMPID   uint16
}
