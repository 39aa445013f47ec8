package capture

import (
	"encoding/binary"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Attributes of nflog (enum nfulnl_attr_type of linux/netfilter/nfnetlink_log.h).
const (
	nfPacketHeader = 1
	nfInDevice     = 4
	nfOutDevice    = 5
	nfAddress      = 8
	nfPayload      = 9
	nfPrefix       = 10
	nfHeaderType   = 15
	nfHeader       = 16
	nfHeaderLen    = 17
)

const (
	nflogHeader = 4 // family, version, resource
	familyIPv4  = 2
	familyIPv6  = 10
)

// nflog reads a message of LINKTYPE_NFLOG: a header, then attributes of a length and a type, in the
// byte order of the machine that wrote the file, and a value. The payload begins with the network
// header; the packet's link-layer header, if there was one, is another attribute.
func nflog(c content, rec record) (content, error) {
	b := rec.data
	if len(b) < nflogHeader {
		return content{}, shortLink(c, nflogHeader)
	}
	switch b[0] {
	case familyIPv4:
		c.ethType = packet.EthIPv4
	case familyIPv6:
		c.ethType = packet.EthIPv6
	}
	if b[1] != 0 {
		return content{}, fmt.Errorf("%s: version %d, of which only 0 is read", c.link, b[1])
	}
	c.data = nil
	var header []byte
	ethernet, copied := false, 0
	for off := nflogHeader; off+4 <= len(b); {
		n, kind := int(rec.order.Uint16(b[off:])), rec.order.Uint16(b[off+2:])
		if n < 4 {
			return content{}, &packet.DecodeError{Off: off, Msg: fmt.Sprintf("nflog attribute of %d bytes", n)}
		}
		end := min(off+n, len(b))
		if off+n > len(b) && len(b) == c.wire {
			return content{}, &packet.DecodeError{Off: off, Msg: fmt.Sprintf("nflog attribute of %d bytes where the frame has %d", n, len(b)-off)}
		}
		v := b[off+4 : end]
		switch kind {
		case nfPacketHeader:
			if len(v) >= 2 && c.ethType == 0 { // of a bridge's chain
				c.ethType = binary.BigEndian.Uint16(v)
			}
		case nfInDevice, nfOutDevice:
			if len(v) >= 4 && c.index == 0 {
				c.index = binary.BigEndian.Uint32(v)
			}
		case nfAddress: // of the sender: length, two bytes of padding, address
			if len(v) >= 10 && binary.BigEndian.Uint16(v) == uint16(len(c.src)) {
				copy(c.src[:], v[4:])
			}
		case nfHeaderType:
			ethernet = len(v) >= 2 && binary.BigEndian.Uint16(v) == hwEthernet
		case nfHeader:
			header = v
		case nfPrefix:
			c.note = printable(v)
		case nfPayload:
			c.data, c.off, copied = v, off+4, n-4
		}
		off += (n + 3) &^ 3
	}
	if c.data == nil {
		return content{}, fmt.Errorf("%s: it has no packet", c.link)
	}
	// The rule may log only the first bytes of a packet: its length is then in its own header.
	c.wire = max(copied, lengthIP(c.ethType, c.data))
	if ethernet && len(header) >= 14 {
		copy(c.dst[:], header)
		copy(c.src[:], header[6:])
	}
	return c, nil
}

// lengthIP returns the length in bytes that an IP header states; 0 where there is none.
func lengthIP(ethType uint16, b []byte) int {
	switch {
	case ethType == packet.EthIPv4 && len(b) >= 4:
		return int(binary.BigEndian.Uint16(b[2:]))
	case ethType == packet.EthIPv6 && len(b) >= 6 && binary.BigEndian.Uint16(b[4:]) > 0:
		return 40 + int(binary.BigEndian.Uint16(b[4:]))
	}
	return 0
}
