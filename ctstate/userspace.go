package ctstate

import "context"

// Userspace is the userspace datapath's conntrack (lib/conntrack.c), which netdev and dummy bridges
// use. The zero Userspace has timeouts of 0; [NewUserspace] sets Open vSwitch's defaults.
type Userspace struct {
	// Release is the release of Open vSwitch; the zero Release is the newest.
	Release Release
	Limits  UserLimits
	// NoSeqCheck reports whether sequence numbers are not checked (dpctl/ct-disable-tcp-seq-chk).
	NoSeqCheck bool
	// Timeouts are those of the default policy, Policies those of zones with a policy of their own.
	// TimeoutsUnknown says that other zones may have one too.
	Timeouts        UserTimeouts
	Policies        map[uint16]UserTimeouts
	TimeoutsUnknown bool
	Fragments       UserFragments
}

// NewUserspace returns the model with Open vSwitch's default settings.
func NewUserspace() *Userspace {
	return &Userspace{Timeouts: DefaultUserTimeouts(), Fragments: DefaultUserFragments()}
}

// Do implements [Tracker] (conntrack_execute).
func (u *Userspace) Do(ctx context.Context, tbl Table, conn Conn, p Packet, a Action) (Result, error) {
	once := func(q *questions) (Result, error) {
		w := &userRun{run: run{ctx: ctx, tbl: tbl, a: &a, r: &Result{Conn: conn, Packet: p}, q: *q}, u: u}
		err := w.do()
		*q = w.q
		return *w.r, err
	}
	var q questions
	r, err := once(&q)
	if err == nil && len(q.asked) > 0 {
		err = alternatives(&r, &q, once)
	}
	return r, err
}

// Clear implements [Tracker] (conntrack_clear).
func (u *Userspace) Clear(Conn) Conn { return Conn{} }

// Rewritten implements [Tracker]: packet_set_ipv4_addr and similar functions remove the connection
// (pkt_metadata_init_conn) and leave the ct fields.
func (u *Userspace) Rewritten(c Conn) Conn { return c.keyOnly() }
