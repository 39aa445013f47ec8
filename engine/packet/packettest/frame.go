package packettest

import (
	"encoding/hex"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Frame is Encode for a packet that can be encoded.
func Frame(t testing.TB, p packet.Packet) []byte {
	t.Helper()
	b, err := Encode(p)
	if err != nil {
		t.Fatalf("%v: %v", p, err)
	}
	return b
}

// SNAP puts an 802.2 header, given in hexadecimal, in front of the Ethernet type at an offset of a
// frame; the length field takes the frame's length.
func SNAP(frame []byte, at int, header string) []byte {
	b, err := hex.DecodeString(header)
	if err != nil {
		panic(err)
	}
	out := append(frame[:at:at], byte(len(frame)>>8), byte(len(frame)))
	return append(append(out, b...), frame[at:]...)
}
