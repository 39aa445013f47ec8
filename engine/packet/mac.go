package packet

import (
	"fmt"
	"strings"
)

// Broadcast is ff:ff:ff:ff:ff:ff.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// ParseMAC reads six groups of one or two hex digits, separated by colons, as ETH_ADDR_SCAN_FMT
// (include/openvswitch/types.h) does; the error quotes s.
func ParseMAC(s string) (MAC, error) {
	var m MAC
	rest := s
	for i := range m {
		group := rest
		if i < len(m)-1 {
			var ok bool
			if group, rest, ok = strings.Cut(rest, ":"); !ok {
				return MAC{}, fmt.Errorf("%q is not an Ethernet address", s)
			}
		}
		if len(group) == 0 || len(group) > 2 {
			return MAC{}, fmt.Errorf("%q is not an Ethernet address", s)
		}
		for j := 0; j < len(group); j++ {
			d := hexDigit(group[j])
			if d < 0 {
				return MAC{}, fmt.Errorf("%q is not an Ethernet address", s)
			}
			m[i] = m[i]<<4 | byte(d)
		}
	}
	return m, nil
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// String returns the address as "aa:bb:cc:dd:ee:ff".
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// IsZero reports whether m is 00:00:00:00:00:00.
func (m MAC) IsZero() bool { return m == MAC{} }

// IsMulticast reports whether the group bit is set (broadcast included).
func (m MAC) IsMulticast() bool { return m[0]&1 != 0 }

// MarshalText returns the text of String; for the zero address it is empty.
func (m MAC) MarshalText() ([]byte, error) {
	if m.IsZero() {
		return []byte{}, nil
	}
	return []byte(m.String()), nil
}

// UnmarshalText reads what MarshalText returns; m is unchanged on an error.
func (m *MAC) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*m = MAC{}
		return nil
	}
	v, err := ParseMAC(string(text))
	if err == nil {
		*m = v
	}
	return err
}
