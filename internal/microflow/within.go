package microflow

import (
	"encoding/binary"
	"fmt"

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

// tunnel is the content of a tunnel's header.
type tunnel struct {
	kind    string
	key     string // empty: none
	inner   uint16 // Ethernet type of the inner packet; 0 if it is unknown
	payload []byte
}

// within describes a tunnel's packet: a user who captured one below OVN usually wants to trace the
// inner packet. cut is the number of bytes that the capture left out at the end of the frame.
func within(p packet.Packet, payload []byte, cut int) string {
	t, ok := tunnelOf(p, payload)
	if !ok {
		return ""
	}
	what := t.kind + " tunnel"
	if t.key != "" {
		what += " (key " + t.key + ")"
	}
	return fmt.Sprintf("the frame is of a %s, and is traced as the tunnel's; to trace %s, capture it where it enters OVN", what, t.inside(cut))
}

// inside returns the inner packet's text, decoded by the type in the tunnel's header.
func (t tunnel) inside(cut int) string {
	const unknown = "what is inside"
	if len(t.payload) == 0 || t.inner == 0 {
		return unknown
	}
	var p packet.Packet
	var err error
	if t.inner == ethBridged {
		p, _, err = packet.Decode(t.payload, len(t.payload)+cut)
	} else {
		p, err = packet.DecodeBehind(t.inner, t.payload, len(t.payload)+cut)
	}
	if err != nil {
		return unknown
	}
	if t.inner != ethBridged && !p.IsIP() {
		return fmt.Sprintf("%s (Ethernet type 0x%04x)", unknown, t.inner)
	}
	return p.String()
}

// tunnelOf reads the header of a Geneve, VXLAN or GRE tunnel.
func tunnelOf(p packet.Packet, b []byte) (tunnel, bool) {
	switch {
	case !p.IsIP() || p.Frag == packet.FragLater:
	case p.Proto == protoGRE && len(b) >= 4:
		return gre(b)
	case p.Proto != packet.ProtoUDP || len(b) < 8:
	case p.DstPort == portGeneve:
		return geneve(b), true
	case p.DstPort == portVXLAN || p.DstPort == portVXLANGPE:
		return vxlan(b), true
	}
	return tunnel{}, false
}

// vni returns the 24-bit key of Geneve and VXLAN.
func vni(b []byte) string { return fmt.Sprint(binary.BigEndian.Uint32(b[4:]) >> 8) }

// geneve reads RFC 8926's header: version, length of the options, protocol type, key.
func geneve(b []byte) tunnel {
	t := tunnel{kind: "Geneve", key: vni(b)}
	if n := 8 + 4*int(b[0]&0x3f); b[0]>>6 == 0 && n <= len(b) {
		t.inner, t.payload = binary.BigEndian.Uint16(b[2:]), b[n:]
	}
	return t
}

// vxlan reads RFC 7348's header, and with its P bit the next protocol of the generic extension.
func vxlan(b []byte) tunnel {
	t := tunnel{kind: "VXLAN", key: vni(b), inner: ethBridged, payload: b[8:]}
	if b[0]&4 != 0 {
		t.kind = "VXLAN-GPE"
		t.inner = map[byte]uint16{1: packet.EthIPv4, 2: packet.EthIPv6, 3: ethBridged, 4: packet.EthNSH, 5: packet.EthMPLS}[b[3]]
	}
	return t
}

// gre reads RFC 2890's header; version 1 is PPTP's.
func gre(b []byte) (tunnel, bool) {
	const checksum, key, sequence = 0x8000, 0x2000, 0x1000
	flags, n := binary.BigEndian.Uint16(b), 4
	if flags&7 != 0 {
		return tunnel{}, false
	}
	t := tunnel{kind: "GRE", inner: binary.BigEndian.Uint16(b[2:])}
	if flags&checksum != 0 {
		n += 4
	}
	if flags&key != 0 {
		if len(b) >= n+4 {
			t.key = fmt.Sprint(binary.BigEndian.Uint32(b[n:]))
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
