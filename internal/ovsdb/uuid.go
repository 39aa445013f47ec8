package ovsdb

import (
	"fmt"

	"github.com/google/uuid"
	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// UUID identifies a row. The zero UUID identifies none.
type UUID [16]byte

// uuidLen is the length of a UUID's text.
const uuidLen = 36

// ParseUUID reads the form 8-4-4-4-12 of hex digits in either case.
func ParseUUID(s string) (UUID, error) {
	u, ok := parseUUID([]byte(s))
	if !ok {
		return UUID{}, fmt.Errorf("%q is not a UUID", s)
	}
	return u, nil
}

// parseUUID rejects the other forms that uuid.ParseBytes accepts: all have another length.
func parseUUID(s []byte) (UUID, bool) {
	if len(s) != uuidLen {
		return UUID{}, false
	}
	u, err := uuid.ParseBytes(s)
	return UUID(u), err == nil
}

// String returns the form 8-4-4-4-12 in lower case.
func (u UUID) String() string { return uuid.UUID(u).String() }

// IsZero reports whether u is the zero UUID.
func (u UUID) IsZero() bool { return u == UUID{} }

// notation returns the UUID in libovsdb's notation.
func (u UUID) notation() libovsdb.UUID { return libovsdb.UUID{GoUUID: u.String()} }
