package packet

import (
	"strconv"
	"strings"
)

// TCPFlags are the low 12 bits of the TCP header's data offset and flags field: the nine flags,
// and three reserved bits.
type TCPFlags uint16

// The bits of TCPFlags that have a name.
const (
	FlagFIN TCPFlags = 1 << iota
	FlagSYN
	FlagRST
	FlagPSH
	FlagACK
	FlagURG
	FlagECE
	FlagCWR
	FlagNS
)

// AllTCPFlags are the bits that a TCP header can have.
const AllTCPFlags TCPFlags = 0xfff

// tcpNames are the words of packet_tcp_flag_to_string (lib/packets.c), lowest bit first.
var tcpNames = [...]string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"}

// String returns the flags as Open vSwitch prints them: "syn|ack", "0" for none. Bits above
// AllTCPFlags come last, in hexadecimal.
func (f TCPFlags) String() string {
	if f == 0 {
		return "0"
	}
	var words []string
	for i, name := range tcpNames {
		if f&(1<<i) != 0 {
			words = append(words, name)
		}
	}
	if rest := f &^ AllTCPFlags; rest != 0 {
		words = append(words, "0x"+strconv.FormatUint(uint64(rest), 16))
	}
	return strings.Join(words, "|")
}
