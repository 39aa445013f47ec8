// Package capture reads captured frames: pcap and pcapng files, the link types that tcpdump writes,
// packets inside tunnels, and the frames of one connection.
package capture

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
	data  []byte
	wire  int    // its length on the wire in bytes; a capture may have kept less, and some claim more
	link  uint32 // link type
	order binary.ByteOrder

	// Of pcapng.
	at       origin
	iface    string   // name of the interface, or its number; empty where the file has only one
	comments []string // of the packet
}

// reader reads the frames of a file in order.
type reader struct {
	r     *bufio.Reader
	order binary.ByteOrder
	read  func(keep bool) (record, error)

	// Of pcap.
	head int // length of a record's header
	link uint32

	sections int     // of pcapng: number of them so far
	ifaces   []iface // of this section
}

// maxFrame bounds a frame of a capture file in bytes.
const maxFrame = 256 << 10

// open detects the format of a file, which may be compressed by gzip.
func open(r io.Reader) (*reader, error) {
	c := &reader{r: bufio.NewReader(r)}
	if b, _ := c.r.Peek(2); string(b) == "\x1f\x8b" {
		z, err := gzip.NewReader(c.r)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		c.r = bufio.NewReader(z)
	}
	magic, err := c.r.Peek(4)
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("neither pcap nor pcapng: it has less than four bytes")
	case err != nil:
		return nil, err
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
func (c *reader) fileHeader(magic []byte) error {
	c.read, c.head = c.pcapRecord, 16
	for _, c.order = range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch c.order.Uint32(magic) {
		case 0xa1b2cd34:
			c.head = 24
			fallthrough
		case 0xa1b2c3d4, 0xa1b23c4d: // microseconds, nanoseconds
			b := make([]byte, 24)
			switch _, err := io.ReadFull(c.r, b); {
			case errors.Is(err, io.ErrUnexpectedEOF):
				return errors.New("neither pcap nor pcapng: it ends within its header")
			case err != nil:
				return err
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
func (c *reader) header(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(c.r, b)
	return b, err
}

// body reads n bytes, or skips them.
func (c *reader) body(n int, keep bool) ([]byte, error) {
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

func (c *reader) pcapRecord(keep bool) (record, error) {
	b, err := c.header(c.head)
	if err != nil {
		return record{}, err
	}
	data, err := c.body(int(c.order.Uint32(b[8:])), keep)
	return record{data: data, wire: int(c.order.Uint32(b[12:])), link: c.link, order: c.order}, err
}
