// Package openflowtest formats flag matches as Open vSwitch does, for tests that compare with it.
package openflowtest

import (
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// TCPFlags returns a masked match: +syn-ack, or syn|ack under the full mask.
func TCPFlags(value, mask packet.TCPFlags) string { return match(value, mask, packet.AllTCPFlags) }

// CTState returns a masked match: +new-est+trk, or new|trk under the full mask.
func CTState(value, mask ctstate.State) string { return match(value, mask, 0xff) }

// match follows format_flags_masked (lib/flow.c).
func match[T interface {
	~uint16 | ~uint32
	fmt.Stringer
}](value, mask, all T) string {
	switch mask {
	case all:
		return value.String()
	case 0:
		return "0/0"
	}
	var b strings.Builder
	for bit := T(1); bit != 0; bit <<= 1 {
		switch {
		case mask&bit == 0:
			continue
		case value&bit != 0:
			b.WriteByte('+')
		default:
			b.WriteByte('-')
		}
		if bit&all != 0 {
			b.WriteString(bit.String())
		} else {
			b.WriteString("[Unknown]")
		}
	}
	return b.String()
}
