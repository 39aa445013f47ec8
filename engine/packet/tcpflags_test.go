package packet_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

func TestTCPFlags(t *testing.T) {
	for f, want := range map[packet.TCPFlags]string{
		0:      "0",
		0x12:   "syn|ack",
		0x1ff:  "fin|syn|rst|psh|ack|urg|ece|cwr|ns",
		0xa02:  "syn|[200]|[800]",
		0x1002: "syn|0x1000",
	} {
		if got := f.String(); got != want {
			t.Errorf("%#x: got %s, want %s", uint16(f), got, want)
		}
	}
}

// TestTCPFlagsWire: the node protocol carries the flags as a number.
func TestTCPFlagsWire(t *testing.T) {
	b, err := json.Marshal(packet.Packet{TCPFlags: packet.FlagSYN | packet.FlagACK})
	if err != nil || !strings.Contains(string(b), `"tcp_flags":18,`) {
		t.Errorf("%s, %v", b, err)
	}
}
