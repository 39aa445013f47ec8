package ctstate

import "reflect"

// Unknown says what a table does not tell of an entry: later packets ask for it again.
type Unknown uint8

// What can be unknown of an entry of the userspace datapath.
const (
	UnknownAnswered Unknown = 1 << iota // whether a packet of the other side came (SeenReply)
	UnknownNAT                          // whether and how it was committed with nat (NATSrc, NATDst)
)

var unknownNames = [...]string{"answered", "nat"}

// String writes the set bits, lowest first, as in "answered|nat".
func (u Unknown) String() string { return bitsString(uint32(u), unknownNames[:]) }

// MarshalText writes the text of String.
func (u Unknown) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads what String writes.
func (u *Unknown) UnmarshalText(b []byte) error {
	v, err := parseBits(string(b), unknownNames[:])
	*u = Unknown(v)
	return err
}

// MergeEntry returns the entry that stands for both a and b: they differ in nothing, or in what can
// be unknown.
func MergeEntry(a, b Entry) (Entry, bool) {
	m := a
	if answered := SeenReply & (a.Status ^ b.Status); answered != 0 || (a.Unknown^b.Unknown)&UnknownAnswered != 0 {
		m.Unknown |= UnknownAnswered
	}
	if m.Unknown&UnknownAnswered != 0 {
		m.Status &^= SeenReply
		m.Timeout = min(a.Timeout, b.Timeout) // the most that is sure to be left
	}
	if a.NATSrc != b.NATSrc || a.NATDst != b.NATDst || (a.Unknown^b.Unknown)&UnknownNAT != 0 {
		m.Unknown |= UnknownNAT
	}
	if m.Unknown&UnknownNAT != 0 {
		m.NATSrc, m.NATDst = false, false
	}
	same := func(e Entry) Entry {
		e.Unknown, e.Status, e.Timeout, e.NATSrc, e.NATDst = m.Unknown, m.Status|e.Status&^SeenReply, m.Timeout, m.NATSrc, m.NATDst
		return e
	}
	if m.Unknown == 0 || m.Unknown&UnknownAnswered == 0 && a.Timeout != b.Timeout {
		return a, reflect.DeepEqual(a, b)
	}
	return m, reflect.DeepEqual(same(a), same(b))
}
