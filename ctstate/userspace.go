package ctstate

import "context"

// Userspace is the userspace datapath's conntrack (lib/conntrack.c), which netdev and dummy bridges
// use. The zero Userspace has timeouts of 0; [NewUserspace] sets Open vSwitch's defaults.
type Userspace struct {
	// Release is Open vSwitch's own; the zero Release is the newest.
	Release Release
	Limits  UserLimits
	// NoSeqCheck is dpctl/ct-disable-tcp-seq-chk.
	NoSeqCheck bool
	// Timeouts are the default policy's, Policies those of zones that have one. With
	// TimeoutsUnknown other zones may have one too.
	Timeouts        UserTimeouts
	Policies        map[uint16]UserTimeouts
	TimeoutsUnknown bool
	Fragments       UserFragments
}

// NewUserspace returns the model with Open vSwitch's default settings.
func NewUserspace() *Userspace {
	return &Userspace{Timeouts: DefaultUserTimeouts(), Fragments: DefaultUserFragments()}
}

// Do runs one ct() action, as [Tracker] says (conntrack_execute).
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

// Clear returns a packet without conntrack (conntrack_clear).
func (u *Userspace) Clear(Conn) Conn { return Conn{} }

// Rewritten returns what is left after packet_set_ipv4_addr and its like, which forget the
// connection (pkt_metadata_init_conn) and leave the ct fields.
func (u *Userspace) Rewritten(c Conn) Conn { return c.keyOnly() }
