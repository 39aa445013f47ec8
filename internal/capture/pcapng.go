package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// iface is an interface of a pcapng file.
type iface struct {
	link uint32
	snap int    // 0: no limit
	name string // if_name, else if_description; may be empty
}

// origin is an interface: of a section of a pcapng file, and by its number on the host, which some
// link types have.
type origin struct {
	section, iface int
	index          uint32
}

// Types of pcapng's blocks.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockOldPacket = 2
	blockSimple    = 3
	blockPacket    = 6
)

// Codes of pcapng's options.
const (
	optEnd         = 0
	optComment     = 1
	optName        = 2 // of an interface
	optDescription = 3 // of an interface
)

// block reads pcapng's blocks up to one with a frame. Frames of every interface and link type are
// counted, as in Wireshark.
func (c *reader) block(keep bool) (record, error) {
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
		options, err := c.options(rest-4-n, n, kind == blockInterface || keep && isFrame && kind != blockSimple)
		if err != nil {
			return record{}, err
		}
		switch {
		case kind == blockInterface:
			if names := slices.Concat(options[optName], options[optDescription]); len(names) > 0 {
				c.ifaces[len(c.ifaces)-1].name = names[0]
			}
		case isFrame:
			rec.comments = options[optComment]
			return rec, nil
		}
	}
}

// options reads the options at the end of a block, n bytes with the padding of the data before
// them, and the block's length behind them. The values of each code are in order. What is malformed
// ends the list: options only describe a frame.
func (c *reader) options(n, data int, keep bool) (map[uint16][]string, error) {
	pad := (4 - data%4) % 4
	b, err := c.body(n+4, keep && n < maxFrame)
	if err != nil || len(b) == 0 || n < pad {
		return nil, err
	}
	out := map[uint16][]string{}
	for b = b[pad:n]; len(b) >= 4; {
		code, length := c.order.Uint16(b), int(c.order.Uint16(b[2:]))
		if b = b[4:]; code == optEnd || length > len(b) {
			break
		}
		if text := printable(b[:length]); text != "" {
			out[code] = append(out[code], text)
		}
		b = b[min(len(b), length+(4-length%4)%4):]
	}
	return out, nil
}

// printable returns a text of a file on one line, without what a terminal would not print.
func printable(b []byte) string {
	text := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), "?"))
	return strings.TrimSpace(text)
}

// blockHead reads the fixed part of a block; n is the length of the frame that follows, of at most
// room bytes.
func (c *reader) blockHead(kind uint32, b []byte, room int) (rec record, n int, err error) {
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
	rec.link, rec.order, rec.iface = c.ifaces[id].link, c.order, c.ifaces[id].name
	rec.at = origin{section: c.sections, iface: id}
	if rec.iface == "" && len(c.ifaces) > 1 {
		rec.iface = fmt.Sprintf("interface %d", id)
	}
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
func (c *reader) section(head []byte) error {
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
	c.sections, c.ifaces = c.sections+1, nil
	rest := int(c.order.Uint32(head[4:])) - 16
	if rest < 12 || rest%4 != 0 {
		return fmt.Errorf("pcapng section header with %d bytes", rest+16)
	}
	_, err = c.body(rest, false)
	return err
}
