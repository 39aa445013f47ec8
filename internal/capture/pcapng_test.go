package capture

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// ngOptions writes the options of a block.
func ngOptions(order binary.AppendByteOrder, options ...any) []byte {
	var b []byte
	for i := 0; i < len(options); i += 2 {
		text := options[i+1].(string)
		b = order.AppendUint16(order.AppendUint16(b, uint16(options[i].(int))), uint16(len(text)))
		b = append(append(b, text...), make([]byte, (4-len(text)%4)%4)...)
	}
	return append(b, 0, 0, 0, 0)
}

// TestInterfaces: each interface of a pcapng file has its own link type and its name; a packet's
// comments are read, without what a terminal would execute.
func TestInterfaces(t *testing.T) {
	ether := frameOf(t, "--to 10.0.0.5:80/tcp")
	ip := ether[14:]
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		u16, u32 := order.AppendUint16, order.AppendUint32
		iface := func(link uint16, options []byte) []byte {
			return ngBlock(order, blockInterface, append(append(u16(nil, link), 0, 0, 0, 0, 0, 0), options...))
		}
		frame := func(id uint32, b, options []byte) []byte {
			body := append(u32(nil, id), make([]byte, 8)...)
			body = append(u32(u32(body, uint32(len(b))), uint32(len(b))), b...)
			return ngBlock(order, blockPacket, append(append(body, make([]byte, (4-len(b)%4)%4)...), options...))
		}
		data := ngOf(order, 1)
		data = append(data, iface(228, ngOptions(order, 3, "a tunnel", 9, "\x06"))...)
		data = append(data, iface(1, ngOptions(order, 3, "second", 2, "tap7"))...)
		data = append(data, iface(1, nil)...)
		data = append(data, frame(1, ip, ngOptions(order, 1, "the first\r\nof two", 2, "\x00\x00\x00\x01", 1, "red \x1b[31m and \xff"))...)
		data = append(data, frame(2, ether, nil)...)
		data = append(data, frame(3, ether, []byte{0, 1, 0xff, 0xff})...) // an option without its value
		data = append(data, frame(0, ether, append(ngOptions(order), ngOptions(order, 1, "behind the end")...))...)
		for n, want := range []string{
			"a tunnel, raw IPv4: the first  of two; red [31m and ?", "tap7, Ethernet: ", "interface 3, Ethernet: ", "interface 0, Ethernet: ",
		} {
			f, err := Read(bytes.NewReader(data), n+1)
			got := f.Interface + ", " + f.Link + ": " + strings.Join(f.Comments, "; ")
			if err != nil || got != want || !strings.Contains(f.Packet.String(), "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn]") {
				t.Errorf("%s: frame %d: %q, %v, %v; want %q", name, n+1, got, f.Packet, err, want)
			}
		}
	}
}
