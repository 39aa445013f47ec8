package ctstate

import "reflect"

// Unknown is a set of properties of an entry that its table does not export. They are an open
// question for each packet again.
type Unknown uint8

// What can be unknown of an entry of the userspace datapath.
const (
	UnknownAnswered Unknown = 1 << iota // whether the connection was answered (SeenReply)
	UnknownNAT                          // whether and how it was committed with nat (NATSrc, NATDst)
)

var unknownNames = [...]string{"answered", "nat"}

// String returns the set bits, lowest first, as in "answered|nat".
func (u Unknown) String() string { return bitsString(uint32(u), unknownNames[:]) }

// MarshalText returns the text of String.
func (u Unknown) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads what String returns. Other text is a *SyntaxError and sets the zero value.
func (u *Unknown) UnmarshalText(b []byte) error {
	v, err := parseBits(string(b), unknownNames[:])
	*u = Unknown(v)
	return err
}

// MergeEntry returns one entry for a and b, whose Unknown lists what they differ in; ok is false if
// they differ in anything that Unknown cannot express.
func MergeEntry(a, b Entry) (m Entry, ok bool) {
	m = a
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
