package capture

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// UDP ports of tunnels.
const (
	portGeneve   = 6081
	portVXLAN    = 4789
	portVXLANGPE = 4790
)

// protoGRE is the IP protocol of GRE.
const protoGRE = 47

// ethBridged is the Ethernet type of a whole Ethernet frame in a tunnel (ETH_TYPE_TEB).
const ethBridged = 0x6558

// OVN's Geneve option (controller/encaps.h, lib/ovn-util.h: OVN_GENEVE_CLASS, OVN_GENEVE_TYPE).
const (
	ovnOptionClass = 0x0102
	ovnOptionType  = 0x80
)

// Tunnel is a tunnel's packet: its outer addresses, the fields of its header, and the packet
// inside.
type Tunnel struct {
	Kind     string // "Geneve", "VXLAN", "VXLAN-GPE", "GRE"
	Src, Dst netip.Addr
	Key      uint32
	HasKey   bool
	// Option is the value of OVN's Geneve option; HasOption says that there is one.
	Option    uint32
	HasOption bool

	// Inner is the packet inside. It is nil if it could not be read, or is of an Ethernet type of
	// which only the number is known; InnerErr then says why.
	Inner    *packet.Packet
	InnerCut *packet.CutError // as Frame.Cut, for Inner
	InnerErr error

	inner   uint16 // Ethernet type of the inner packet; 0 if it is unknown
	payload []byte
}

// DatapathKey returns the tunnel key of the logical datapath (ovn controller/physical.c:
// put_encapsulation): of VXLAN between chassis the lower 12 bits.
func (t *Tunnel) DatapathKey() int64 {
	if t.Kind == "VXLAN" {
		return int64(t.Key & 0xfff)
	}
	return int64(t.Key)
}

// IngressKey returns the tunnel key of the logical ingress port, 15 bits of OVN's Geneve option; 0
// where the tunnel does not carry it.
func (t *Tunnel) IngressKey() int64 { return int64(t.Option >> 16 & 0x7fff) }

// EgressKey returns the tunnel key of the logical egress port or multicast group: 16 bits of OVN's
// Geneve option, or the upper 12 bits of VXLAN's key; 0 where the tunnel does not carry it.
func (t *Tunnel) EgressKey() int64 {
	if t.Kind == "VXLAN" {
		return int64(t.Key >> 12)
	}
	return int64(t.Option & 0xffff)
}

// String describes the tunnel: "Geneve tunnel (key 7)".
func (t *Tunnel) String() string {
	if t.HasKey {
		return fmt.Sprintf("%s tunnel (key %d)", t.Kind, t.Key)
	}
	return t.Kind + " tunnel"
}

// Inside returns the inner packet's text.
func (t *Tunnel) Inside() string {
	const unknown = "what is inside"
	switch {
	case t.Inner == nil || t.InnerCut != nil && t.InnerCut.Lacks != 0:
		return unknown
	case t.inner != ethBridged && !t.Inner.IsIP():
		return fmt.Sprintf("%s (Ethernet type 0x%04x)", unknown, t.inner)
	}
	return t.Inner.String()
}

// Remark says that the tunnel's packet is traced, and not the one inside: a user who captured below
// OVN usually wants that one.
func (t *Tunnel) Remark() string {
	return fmt.Sprintf("the frame is of a %s, and is traced as the tunnel's; to trace %s, capture it where it enters OVN", t, t.Inside())
}

// open reads the packet inside, by the type in the tunnel's header; cut is the number of bytes that
// the capture left out at the end of the frame.
func (t *Tunnel) open(cut int) {
	if len(t.payload) == 0 || t.inner == 0 {
		t.InnerErr = fmt.Errorf("the header of the tunnel is incomplete, or of an unknown kind")
		return
	}
	ethType := t.inner
	if ethType == ethBridged {
		ethType = 0
	}
	d, err := decode(ethType, t.payload, len(t.payload)+cut)
	if err != nil {
		t.InnerErr = err
		return
	}
	t.Inner, t.InnerCut = &d.packet, d.cut
}

// tunnelOf reads the header of a Geneve, VXLAN or GRE tunnel, and the packet behind it. It returns
// nil for any other packet.
func tunnelOf(p packet.Packet, b []byte, cut int) *Tunnel {
	var t Tunnel
	ok := true
	switch {
	case !p.IsIP() || p.Frag == packet.FragLater:
		ok = false
	case p.Proto == protoGRE && len(b) >= 4:
		t, ok = gre(b)
	case p.Proto != packet.ProtoUDP || len(b) < 8:
		ok = false
	case p.DstPort == portGeneve:
		t = geneve(b)
	case p.DstPort == portVXLAN || p.DstPort == portVXLANGPE:
		t = vxlan(b)
	default:
		ok = false
	}
	if !ok {
		return nil
	}
	t.Src, t.Dst = p.Src, p.Dst
	t.open(cut)
	return &t
}

// vni returns the 24-bit key of Geneve and VXLAN.
func vni(b []byte) uint32 { return binary.BigEndian.Uint32(b[4:]) >> 8 }

// geneve reads RFC 8926's header: version, length of the options, protocol type, key, options.
func geneve(b []byte) Tunnel {
	t := Tunnel{Kind: "Geneve", Key: vni(b), HasKey: true}
	n := 8 + 4*int(b[0]&0x3f)
	if b[0]>>6 != 0 || n > len(b) {
		return t
	}
	t.inner, t.payload = binary.BigEndian.Uint16(b[2:]), b[n:]
	for o := b[8:n]; len(o) >= 4; {
		length := 4 + 4*int(o[3]&0x1f)
		if length > len(o) {
			break
		}
		if binary.BigEndian.Uint16(o) == ovnOptionClass && o[2] == ovnOptionType && length == 8 {
			t.Option, t.HasOption = binary.BigEndian.Uint32(o[4:]), true
		}
		o = o[length:]
	}
	return t
}

// vxlan reads RFC 7348's header, and with its P bit the next protocol of the generic extension.
func vxlan(b []byte) Tunnel {
	t := Tunnel{Kind: "VXLAN", Key: vni(b), HasKey: true, inner: ethBridged, payload: b[8:]}
	if b[0]&4 != 0 {
		t.Kind = "VXLAN-GPE"
		t.inner = map[byte]uint16{1: packet.EthIPv4, 2: packet.EthIPv6, 3: ethBridged, 4: packet.EthNSH, 5: packet.EthMPLS}[b[3]]
	}
	return t
}

// gre reads RFC 2890's header; version 1 is PPTP's.
func gre(b []byte) (Tunnel, bool) {
	const checksum, key, sequence = 0x8000, 0x2000, 0x1000
	flags, n := binary.BigEndian.Uint16(b), 4
	if flags&7 != 0 {
		return Tunnel{}, false
	}
	t := Tunnel{Kind: "GRE", inner: binary.BigEndian.Uint16(b[2:])}
	if flags&checksum != 0 {
		n += 4
	}
	if flags&key != 0 {
		if len(b) >= n+4 {
			t.Key, t.HasKey = binary.BigEndian.Uint32(b[n:]), true
		}
		n += 4
	}
	if flags&sequence != 0 {
		n += 4
	}
	if n <= len(b) {
		t.payload = b[n:]
	}
	return t, true
}
