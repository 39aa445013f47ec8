package engine

import (
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
)

// A set action with a mask leaves the other bits as they are.
func TestMaskedSet(t *testing.T) {
	tos, port := uint8(0x13), uint16(0x1234)
	mac := packet.MAC{1, 2, 3, 4, 5, 6}
	addr := netip.MustParseAddr("10.1.2.3")
	for _, c := range []struct {
		name  string
		field odp.KeyField
		set   func(odp.KeyField) error
		got   func() any
		want  any // nil: refused
	}{
		{"part of a byte", odp.KeyField{Value: "0xb8", Mask: "0xfc"}, func(f odp.KeyField) error { return setUint(&tos, f) }, func() any { return tos }, uint8(0xbb)},
		{"a byte", odp.KeyField{Value: "7"}, func(f odp.KeyField) error { return setUint(&tos, f) }, func() any { return tos }, uint8(7)},
		{"too large a number", odp.KeyField{Value: "256"}, func(f odp.KeyField) error { return setUint(&tos, f) }, nil, nil},
		{"part of a port", odp.KeyField{Value: "0xff00", Mask: "0xf000"}, func(f odp.KeyField) error { return setUint(&port, f) }, func() any { return port }, uint16(0xf234)},
		{"part of a MAC address", odp.KeyField{Value: "ff:ff:00:00:00:00", Mask: "ff:00:00:00:00:00"}, func(f odp.KeyField) error { return setMAC(&mac, f) }, func() any { return mac }, packet.MAC{0xff, 2, 3, 4, 5, 6}},
		{"part of an address", odp.KeyField{Value: "172.16.9.9", Mask: "255.255.0.0"}, func(f odp.KeyField) error { return setAddr(&addr, f) }, func() any { return addr }, netip.MustParseAddr("172.16.2.3")},
		{"another family's mask", odp.KeyField{Value: "172.16.9.9", Mask: "ffff::"}, func(f odp.KeyField) error { return setAddr(&addr, f) }, nil, nil},
		{"no mask", odp.KeyField{Value: "172.16.9.9", Mask: "x"}, func(f odp.KeyField) error { return setAddr(&addr, f) }, nil, nil},
	} {
		err := c.set(c.field)
		if (err != nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want != nil && c.got() != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got(), c.want)
		}
	}
}
