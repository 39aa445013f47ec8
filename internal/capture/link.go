package capture

import (
	"encoding/binary"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Link types (https://www.tcpdump.org/linktypes.html).
const (
	linkEthernet = 1
	linkRaw12    = 12 // DLT_RAW of most systems, which some write instead of linkRaw
	linkRaw14    = 14 // DLT_RAW of OpenBSD
	linkRaw      = 101
	linkCooked   = 113 // Linux cooked capture, as "tcpdump -i any" of libpcap before 1.10 writes it
	linkIPv4     = 228
	linkIPv6     = 229
	linkNFLog    = 239
	linkCooked2  = 276
)

// content is a frame without the header of its link type.
type content struct {
	link    string // name of the link type
	data    []byte
	wire    int        // length of data as sent, in bytes
	off     int        // of data in the frame
	ethType uint16     // of data; 0: data is a whole Ethernet frame
	src     packet.MAC // zero where the header does not have it
	dst     packet.MAC // zero where the header does not have it
	index   uint32     // of the interface; 0 where the header does not have it
	note    string     // text that came with the frame: an nflog prefix
}

// linkNames names the link types that are read, and others that are likely in a capture.
var linkNames = map[uint32]string{
	linkEthernet: "Ethernet", linkRaw12: "raw IP", linkRaw14: "raw IP", linkRaw: "raw IP", linkIPv4: "raw IPv4", linkIPv6: "raw IPv6",
	linkCooked: "Linux cooked v1", linkCooked2: "Linux cooked v2", linkNFLog: "nflog",
	0: "loopback", 6: "Token Ring", 8: "SLIP", 9: "PPP", 10: "FDDI", 50: "PPP", 51: "PPPoE", 104: "Cisco HDLC", 105: "IEEE 802.11", 107: "Frame Relay",
	108: "loopback", 117: "pflog", 119: "IEEE 802.11", 127: "IEEE 802.11", 163: "IEEE 802.11", 187: "Bluetooth", 189: "USB", 192: "PPI", 195: "IEEE 802.15.4",
	197: "ERF", 201: "Bluetooth", 220: "USB", 227: "CAN", 247: "InfiniBand", 249: "USB", 253: "netlink", 271: "vsock",
}

// contentOf removes the header of a frame's link type.
func contentOf(rec record) (content, error) {
	name := linkNames[rec.link]
	fail := func(format string, args ...any) (content, error) {
		return content{}, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...))
	}
	c := content{link: name, data: rec.data, wire: max(rec.wire, len(rec.data))} // some claim more captured than sent
	switch rec.link {
	case linkEthernet:
		return c, nil
	case linkIPv4:
		c.ethType = packet.EthIPv4
		return c, nil
	case linkIPv6:
		c.ethType = packet.EthIPv6
		return c, nil
	case linkRaw, linkRaw12, linkRaw14:
		if len(rec.data) == 0 {
			return fail("the frame is empty")
		}
		switch v := rec.data[0] >> 4; v {
		case 4:
			c.ethType = packet.EthIPv4
		case 6:
			c.ethType = packet.EthIPv6
		default:
			return fail("IP of version %d", v)
		}
		return c, nil
	case linkCooked:
		return cooked(c)
	case linkCooked2:
		return cooked2(c)
	case linkNFLog:
		return nflog(c, rec)
	}
	if name != "" {
		name = " (" + name + ")"
	}
	return content{}, fmt.Errorf("link type %d%s is not read: capture on an interface that has Ethernet frames, such as the port's tap or veth", rec.link, name)
}

// Fields of the cooked headers (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2).
const (
	cookedLen, cooked2Len = 16, 20

	cookedBroadcast = 1 // type of a packet: somebody broadcast it

	hwEthernet = 1 // ARPHRD_ETHER
	hwLoopback = 772
	hwNetlink  = 824
	hwMonitor  = 803 // ARPHRD_IEEE80211_RADIOTAP; from 801 on, IEEE 802.11
)

func cooked(c content) (content, error) {
	b := c.data
	if len(b) < cookedLen {
		return content{}, shortLink(c, cookedLen)
	}
	be := binary.BigEndian
	return c.cooked(cookedLen, be.Uint16(b), be.Uint16(b[2:]), int(be.Uint16(b[4:])), b[6:14], be.Uint16(b[14:]))
}

func cooked2(c content) (content, error) {
	b := c.data
	if len(b) < cooked2Len {
		return content{}, shortLink(c, cooked2Len)
	}
	be := binary.BigEndian
	c.index = be.Uint32(b[4:])
	return c.cooked(cooked2Len, uint16(b[10]), be.Uint16(b[8:]), int(b[11]), b[12:20], be.Uint16(b))
}

// cooked takes over the fields of either version. The address is the sender's (packet_rcv in
// net/packet/af_packet.c: dev_parse_header); that of the receiver is not in the header.
func (c content) cooked(header int, kind, hardware uint16, addrLen int, addr []byte, protocol uint16) (content, error) {
	switch {
	case hardware == hwNetlink:
		return content{}, fmt.Errorf("%s: it is a netlink message", c.link)
	case hardware >= 801 && hardware <= hwMonitor:
		return content{}, fmt.Errorf("%s: it is a frame of IEEE 802.11", c.link)
	case protocol < packet.EthMin:
		return content{}, fmt.Errorf("%s: protocol 0x%04x is not an Ethernet type", c.link, protocol)
	}
	c.data, c.wire, c.off, c.ethType = c.data[header:], c.wire-header, header, protocol
	if addrLen == len(c.src) && (hardware == hwEthernet || hardware == hwLoopback) {
		copy(c.src[:], addr)
	}
	if kind == cookedBroadcast {
		c.dst = packet.Broadcast
	}
	return c, nil
}

// shortLink returns the error of a frame that ends within the header of its link type.
func shortLink(c content, header int) error {
	what := c.link + " header"
	if len(c.data) < c.wire {
		return &packet.CutError{Have: len(c.data), What: what}
	}
	return &packet.DecodeError{Msg: fmt.Sprintf("the frame ends inside the %s: %d bytes of %d", what, len(c.data), header)}
}
