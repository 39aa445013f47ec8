package packet_test

import (
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// A SYN from 10.0.0.3 to 30.0.0.10, port 80, as a capture with a snap length of 54 bytes keeps it.
func ExampleDecode() {
	frame := []byte{
		0x00, 0x00, 0x00, 0x00, 0xff, 0x01, 0x50, 0x54, 0x00, 0x00, 0x00, 0x03, 0x08, 0x00, // Ethernet
		0x45, 0x00, 0x00, 0x3c, 0x00, 0x01, 0x40, 0x00, 0x40, 0x06, 0x00, 0x00, // IPv4
		10, 0, 0, 3, 30, 0, 0, 10,
		0xb7, 0x86, 0x00, 0x50, 0, 0, 0, 1, 0, 0, 0, 0, 0xa0, 0x02, 0xff, 0xff, 0, 0, 0, 0, // TCP
	}
	p, _, err := packet.Decode(frame, 74)
	fmt.Println(p, err)
	fmt.Println(p.TCPFlags, p.Length)

	_, _, err = packet.Decode(frame[:40], 74)
	var cut *packet.CutError
	fmt.Println(errors.As(err, &cut), err)
	// Output:
	// tcp 10.0.0.3:46982 > 30.0.0.10:80 [syn] ttl 64 <nil>
	// syn 60
	// true the capture cut it at 40 bytes, within the tcp header
}
