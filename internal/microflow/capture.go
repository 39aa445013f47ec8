package microflow

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// record is one frame of a capture file.
type record struct {
	data []byte
	wire int    // its length on the wire in bytes; a capture may have kept less, and some claim more
	link uint32 // link type
}

// capture reads the frames of a file in order.
type capture struct {
	r     *bufio.Reader
	order binary.ByteOrder
	read  func(keep bool) (record, error)

	// Of pcap.
	head int // length of a record's header
	link uint32

	ifaces []iface // of pcapng, in this section
}

// iface is an interface of a pcapng file.
type iface struct {
	link uint32
	snap int // 0: no limit
}

// maxFrame bounds a frame of a capture file.
const maxFrame = 256 << 10

// openCapture detects the format of a file, which may be compressed by gzip.
func openCapture(r io.Reader) (*capture, error) {
	c := &capture{r: bufio.NewReader(r)}
	if b, _ := c.r.Peek(2); string(b) == "\x1f\x8b" {
		z, err := gzip.NewReader(c.r)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		c.r = bufio.NewReader(z)
	}
	magic, err := c.r.Peek(4)
	if err != nil {
		return nil, errors.New("neither pcap nor pcapng: it has less than four bytes")
	}
	switch string(magic) {
	case "\x0a\x0d\x0d\x0a":
		c.read = c.block
		return c, nil
	case "\x28\xb5\x2f\xfd", "\x04\x22\x4d\x18", "\xfd7zX", "BZh9":
		return nil, errors.New("neither pcap nor pcapng: it is compressed, and only gzip is read")
	}
	return c, c.fileHeader(magic)
}

// fileHeader reads the header of a pcap file. The third magic is that of a kernel patch of 1999
// whose records have eight bytes more.
func (c *capture) fileHeader(magic []byte) error {
	c.read, c.head = c.pcapRecord, 16
	for _, c.order = range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch c.order.Uint32(magic) {
		case 0xa1b2cd34:
			c.head = 24
			fallthrough
		case 0xa1b2c3d4, 0xa1b23c4d: // microseconds, nanoseconds
			b := make([]byte, 24)
			if _, err := io.ReadFull(c.r, b); err != nil {
				return errors.New("neither pcap nor pcapng: it ends within its header")
			}
			if major, minor := c.order.Uint16(b[4:]), c.order.Uint16(b[6:]); major != 2 || minor != 3 && minor != 4 {
				return fmt.Errorf("pcap of version %d.%d, of which only 2.3 and 2.4 are read", major, minor)
			}
			c.link = c.order.Uint32(b[20:]) & 0xffff // above it: the length of a checksum behind each frame
			return nil
		}
	}
	return fmt.Errorf("neither pcap nor pcapng: it begins with %x", magic)
}

// header reads n bytes; io.EOF is the end of the file before the first of them.
func (c *capture) header(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(c.r, b)
	return b, err
}

// body reads n bytes, or skips them.
func (c *capture) body(n int, keep bool) ([]byte, error) {
	switch {
	case !keep:
		_, err := c.r.Discard(n)
		return nil, cutShort(err)
	case n > maxFrame:
		return nil, fmt.Errorf("it has %d bytes, and none above %d is read", n, maxFrame)
	}
	b, err := c.header(n)
	return b, cutShort(err)
}

// cutShort returns io.EOF as an error that the file was cut short.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *capture) pcapRecord(keep bool) (record, error) {
	b, err := c.header(c.head)
	if err != nil {
		return record{}, err
	}
	data, err := c.body(int(c.order.Uint32(b[8:])), keep)
	return record{data: data, wire: int(c.order.Uint32(b[12:])), link: c.link}, err
}

// Types of pcapng's blocks.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockOldPacket = 2
	blockSimple    = 3
	blockPacket    = 6
)

// block reads pcapng's blocks up to one with a frame. Frames of every interface and link type are
// counted, as in Wireshark.
func (c *capture) block(keep bool) (record, error) {
	for {
		head, err := c.header(8)
		if err != nil {
			return record{}, err
		}
		if binary.LittleEndian.Uint32(head) == blockSection {
			if err := c.section(head); err != nil {
				return record{}, err
			}
			continue
		}
		kind, length := c.order.Uint32(head), int(c.order.Uint32(head[4:]))
		fixed := map[uint32]int{blockInterface: 8, blockOldPacket: 20, blockSimple: 4, blockPacket: 20}[kind]
		rest := length - 8 - fixed
		if rest < 4 || length%4 != 0 {
			return record{}, fmt.Errorf("pcapng block of type %d with %d bytes", kind, length)
		}
		b, err := c.header(fixed)
		if err != nil {
			return record{}, cutShort(err)
		}
		rec, n, err := c.blockHead(kind, b, rest-4)
		if err != nil {
			return record{}, err
		}
		isFrame := kind != blockInterface && fixed > 0
		if rec.data, err = c.body(n, keep && isFrame); err != nil {
			return record{}, err
		}
		if _, err := c.body(rest-n, false); err != nil {
			return record{}, err
		}
		if isFrame {
			return rec, nil
		}
	}
}

// blockHead reads the fixed part of a block; n is the length of the frame that follows, of at most
// room bytes.
func (c *capture) blockHead(kind uint32, b []byte, room int) (rec record, n int, err error) {
	id := 0
	switch kind {
	case blockInterface:
		c.ifaces = append(c.ifaces, iface{link: uint32(c.order.Uint16(b)), snap: int(c.order.Uint32(b[4:]))})
		return rec, 0, nil
	case blockPacket:
		id = int(c.order.Uint32(b))
	case blockOldPacket:
		id = int(c.order.Uint16(b))
	case blockSimple:
	default:
		return rec, 0, nil
	}
	if id >= len(c.ifaces) {
		return rec, 0, fmt.Errorf("it is of interface %d, and the file has %d so far", id, len(c.ifaces))
	}
	rec.link = c.ifaces[id].link
	if kind == blockSimple {
		rec.wire = int(c.order.Uint32(b))
		n = min(rec.wire, room)
		if snap := c.ifaces[0].snap; snap > 0 {
			n = min(n, snap)
		}
		return rec, n, nil
	}
	if n, rec.wire = int(c.order.Uint32(b[12:])), int(c.order.Uint32(b[16:])); n > room {
		return rec, 0, fmt.Errorf("it has %d bytes in a block with room for %d", n, room)
	}
	return rec, n, nil
}

// section reads the rest of a section header, which sets the byte order and clears the list of
// interfaces.
func (c *capture) section(head []byte) error {
	b, err := c.header(8) // byte order, version
	if err != nil {
		return cutShort(err)
	}
	switch string(b[:4]) {
	case "\x1a\x2b\x3c\x4d":
		c.order = binary.BigEndian
	case "\x4d\x3c\x2b\x1a":
		c.order = binary.LittleEndian
	default:
		return errors.New("pcapng section without a byte order")
	}
	if major := c.order.Uint16(b[4:]); major != 1 {
		return fmt.Errorf("pcapng of version %d, of which only 1 is read", major)
	}
	c.ifaces = nil
	rest := int(c.order.Uint32(head[4:])) - 16
	if rest < 12 || rest%4 != 0 {
		return fmt.Errorf("pcapng section header with %d bytes", rest+16)
	}
	_, err = c.body(rest, false)
	return err
}

// linkEthernet is the only supported link type.
const linkEthernet = 1

// wrongLink is the error for a frame of another link type.
func wrongLink(link uint32) error {
	name, advice := "", "capture on an interface that has Ethernet frames, such as the port's tap or veth"
	switch link {
	case 113, 276:
		name, advice = " (Linux cooked)", `capture on an interface, not on "any"`
	case 0, 108:
		name = " (loopback)"
	case 12, 14, 101, 228, 229:
		name = " (IP without Ethernet)"
	case 9, 50, 51:
		name = " (PPP)"
	case 105, 119, 127, 163, 192:
		name = " (IEEE 802.11)"
	case 253:
		name = " (netlink)"
	}
	return fmt.Errorf("link type is %d%s, not Ethernet (%d), which alone is read: %s", link, name, linkEthernet, advice)
}
