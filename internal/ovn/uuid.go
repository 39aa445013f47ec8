package ovn

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// UUID names a row; the zero UUID means "no row".
type UUID [16]byte

// uuidLen is the length of a UUID's text.
const uuidLen = 36

// ParseUUID reads the 8-4-4-4-12 form.
func ParseUUID(s string) (UUID, error) {
	u, ok := parseUUID([]byte(s))
	if !ok {
		return UUID{}, fmt.Errorf("%q is not a UUID", s)
	}
	return u, nil
}

func parseUUID(s []byte) (u UUID, ok bool) {
	if len(s) != uuidLen || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return UUID{}, false
	}
	at := 0
	for i := 0; i < uuidLen; {
		if s[i] == '-' {
			i++
			continue
		}
		hi, lo := nibble(s[i]), nibble(s[i+1])
		if hi < 0 || lo < 0 {
			return UUID{}, false
		}
		u[at] = byte(hi<<4 | lo)
		at++
		i += 2
	}
	return u, true
}

func nibble(c byte) int {
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

// String prints the 8-4-4-4-12 form.
func (u UUID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// IsZero reports that u names no row.
func (u UUID) IsZero() bool { return u == UUID{} }

// Cookie is the OpenFlow cookie ovn-controller gives to flows made from the
// row: its UUID's first 32 bits (uuid.parts[0]).
func (u UUID) Cookie() uint32 { return binary.BigEndian.Uint32(u[:4]) }

// ovsdb is the UUID in libovsdb's notation, for conditions.
func (u UUID) ovsdb() ovsdb.UUID { return ovsdb.UUID{GoUUID: u.String()} }
