package ctstate

// Source is the table that an entry was read from.
type Source uint8

// The tables an entry can come from.
const (
	FromNone Source = iota // no table: the entry is new
	FromKernel
	FromUserspace
	FromOverlay // left by an earlier packet of the trace
)

var sourceNames = [...]string{"none", "kernel", "userspace", "overlay"}

// String returns the table's name: "none", "kernel", "userspace" or "overlay".
func (s Source) String() string { return nameOf(s, sourceNames[:]) }

// MarshalText returns the text of String.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String returns. Other text is a *SyntaxError and sets the zero value.
func (s *Source) UnmarshalText(b []byte) error { return parseName(s, b, sourceNames[:]) }

// Entry is one connection as a table holds it: struct nf_conn, or Open vSwitch's struct conn.
// Copies of an entry share what its pointers refer to, which is never changed.
type Entry struct {
	Zone       uint16 `json:"zone"`
	ID         uint32 `json:"id,omitempty"` // CTA_ID; 0 where the table has none
	Orig       Tuple  `json:"orig"`
	Reply      Tuple  `json:"reply"`
	Status     Status `json:"status"`
	Timeout    uint32 `json:"timeout"`               // seconds left
	HasTimeout bool   `json:"has_timeout,omitempty"` // offloaded entries export none
	Mark       uint32 `json:"mark"`
	Label      Label  `json:"label"`
	// TCP and SCTP are the kernel's protocol information, UserTCP the userspace datapath's; nil
	// where the table exports none, and for other protocols.
	TCP     *TCPInfo     `json:"tcp,omitempty"`
	UserTCP *UserTCPInfo `json:"user_tcp,omitempty"`
	SCTP    *SCTPInfo    `json:"sctp,omitempty"`
	Helper  string       `json:"helper,omitempty"`
	Master  *Tuple       `json:"master,omitempty"` // original tuple of the master connection
	Source  Source       `json:"source"`
	// Created is when the connection began, in seconds since 1970 (CTA_TIMESTAMP_START or the
	// overlay's clock); 0 when unknown.
	Created int64 `json:"created,omitempty"`
	// Counters are what the entry's packets were counted as; nil where the table does not count
	// (nf_conntrack_acct was off when the entry was made; the userspace datapath).
	Counters *Counters `json:"counters,omitempty"`
	// NATSrc and NATDst are the userspace datapath's nat_action of the connection
	// (NAT_ACTION_SRC, NAT_ACTION_DST); its table does not export them.
	NATSrc bool `json:"nat_src,omitempty"`
	NATDst bool `json:"nat_dst,omitempty"`
	// Unknown lists the properties of the entry that its table does not export.
	Unknown Unknown `json:"unknown,omitzero"`
}

// Counters are the packets of a connection in each direction (struct nf_conn_acct).
type Counters struct {
	Orig  Traffic `json:"orig"`
	Reply Traffic `json:"reply"`
}

// Traffic is a number of packets and their bytes, from the IP header on.
type Traffic struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Direction returns the direction of the entry that equals t; ok is false when neither does. If
// both do (a connection to itself) it returns DirReply: the kernel hashes the reply last, and so
// finds it first.
func (e *Entry) Direction(t Tuple) (d Direction, ok bool) {
	if e.Reply == t {
		return DirReply, true
	}
	return DirOriginal, e.Orig == t
}

// tuple is tuplehash[d].tuple.
func (e *Entry) tuple(d Direction) *Tuple {
	if d == DirReply {
		return &e.Reply
	}
	return &e.Orig
}

// clone returns a copy that shares no memory with e, for an overlay: its packets are not counted.
func (e *Entry) clone() Entry {
	c := *e
	c.TCP, c.UserTCP, c.SCTP, c.Master = cloned(e.TCP), cloned(e.UserTCP), cloned(e.SCTP), cloned(e.Master)
	c.Counters = nil
	return c
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
