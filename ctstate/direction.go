package ctstate

// Direction is a packet's direction in its connection: enum ip_conntrack_dir of
// uapi/linux/netfilter/nf_conntrack_tuple_common.h.
type Direction uint8

// The two directions: DirOriginal is that of the packet that began the connection.
const (
	DirOriginal Direction = iota // IP_CT_DIR_ORIGINAL
	DirReply                     // IP_CT_DIR_REPLY
)

var directionNames = [...]string{"original", "reply"}

// String returns "original" or "reply".
func (d Direction) String() string { return nameOf(d, directionNames[:]) }

// MarshalText returns the text of String.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what String returns. Other text is a *SyntaxError and sets the zero value.
func (d *Direction) UnmarshalText(b []byte) error { return parseName(d, b, directionNames[:]) }

// Opposite returns the other direction, as !dir does in the kernel.
func (d Direction) Opposite() Direction { return d ^ 1 }

// CTInfo is what a packet is to its connection, with its direction: enum ip_conntrack_info of
// uapi/linux/netfilter/nf_conntrack_common.h, in the kernel's numbers.
type CTInfo uint8

// The values of CTInfo.
const (
	CTEstablished      CTInfo = iota // IP_CT_ESTABLISHED: of an answered connection
	CTRelated                        // IP_CT_RELATED: of an expected connection, or an ICMP error
	CTNew                            // IP_CT_NEW: begins the connection, which is not answered yet
	CTEstablishedReply               // IP_CT_ESTABLISHED_REPLY
	CTRelatedReply                   // IP_CT_RELATED_REPLY
)

// ctIsReply is IP_CT_IS_REPLY, from which the values of the reply direction count.
const ctIsReply = CTEstablishedReply

var ctInfoNames = [...]string{"ESTABLISHED", "RELATED", "NEW", "ESTABLISHED_REPLY", "RELATED_REPLY"}

// String returns the kernel's name without its IP_CT_ prefix, as in "RELATED_REPLY".
func (i CTInfo) String() string { return nameOf(i, ctInfoNames[:]) }

// MarshalText returns the text of String.
func (i CTInfo) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what String returns. Other text is a *SyntaxError and sets the zero value.
func (i *CTInfo) UnmarshalText(b []byte) error { return parseName(i, b, ctInfoNames[:]) }

// Direction is CTINFO2DIR.
func (i CTInfo) Direction() Direction {
	if i >= ctIsReply {
		return DirReply
	}
	return DirOriginal
}

// Related reports whether the packet is related to its connection, in either direction.
func (i CTInfo) Related() bool { return i == CTRelated || i == CTRelatedReply }

// in returns i, one of the first three values, in a direction; a connection has no new replies.
func (i CTInfo) in(d Direction) CTInfo {
	switch {
	case d == DirOriginal:
		return i
	case i == CTNew:
		return CTEstablishedReply
	}
	return i + ctIsReply
}
