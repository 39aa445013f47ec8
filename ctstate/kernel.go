package ctstate

import (
	"context"
	"errors"
	"net/netip"
)

// Kernel is the kernel datapath's conntrack: net/openvswitch/conntrack.c over nf_conntrack and nf_nat.
type Kernel struct {
	Release Release
	Sysctl  Sysctls
	// Timeouts are the net namespace's; Policies those of ct(timeout=NAME).
	Timeouts Timeouts
	Policies map[string]Timeouts
	// Count and Max are nf_conntrack_count and nf_conntrack_max; Max 0 checks nothing.
	Count, Max int
	// ZoneLimits are OVS's per-zone limits with their counts, DefaultZoneLimit that of other zones; 0 is unlimited.
	ZoneLimits       map[uint16]ZoneLimit
	DefaultZoneLimit uint32
	// Now gives unix seconds, to tell a UDP connection's age by; nil: every connection is taken as young.
	Now func() int64
}

// Sysctls are the nf_conntrack sysctls that change answers.
type Sysctls struct {
	TCPLoose            int // nf_conntrack_tcp_loose
	TCPBeLiberal        bool
	TCPIgnoreInvalidRST bool
	TCPNoWindowCheck    bool
	Checksum            bool
}

// Timeouts are a net namespace's or a policy's timeouts in seconds.
type Timeouts struct {
	TCP                [10]uint32 // by TCPState
	TCPRetrans         uint32
	TCPUnack           uint32
	UDP, UDPStream     uint32
	ICMP, ICMPv6       uint32
	Generic            uint32
	GRE, GREStream     uint32
	SCTP               [9]uint32 // by SCTP state
	UDPLite, UDPLiteSt uint32
}

// ZoneLimit is a zone's limit of connections and how many it has.
type ZoneLimit struct{ Limit, Count uint32 }

// DefaultTimeouts are what a net namespace begins with.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		TCP: [10]uint32{TCPSynSent: 120, TCPSynRecv: 60, TCPEstablished: 432000, TCPFinWait: 120, TCPCloseWait: 60,
			TCPLastAck: 30, TCPTimeWait: 120, TCPClose: 10, TCPSynSent2: 120},
		TCPRetrans: 300, TCPUnack: 300, UDP: 30, UDPStream: 120, UDPLite: 30, UDPLiteSt: 120,
		ICMP: 30, ICMPv6: 30, Generic: 600, GRE: 30, GREStream: 180,
		SCTP: [9]uint32{1: 10, 2: 3, 3: 3, 4: 210, 5: 3, 6: 3, 7: 3, 8: 30},
	}
}

// NewKernel returns the model of a release with the kernel's default settings.
func NewKernel(r Release) *Kernel {
	return &Kernel{Release: r, Sysctl: Sysctls{TCPLoose: 1, Checksum: true}, Timeouts: DefaultTimeouts()}
}

// Scratch holds what a Result points to, so that [Kernel.DoInto] need not allocate. A Result is good until
// its Scratch is used again.
type Scratch struct {
	found, hit, cur, committed, deleted Entry
	tcp                                 TCPInfo
	sctp                                SCTPInfo
	orig, master                        Tuple
}

// fate is what a protocol tracker makes of a packet.
type fate uint8

const (
	accept  fate = iota
	invalid      // -NF_ACCEPT: no conntrack is attached
	repeat       // -NF_REPEAT: the entry is gone, look up again
	killed       // accepted, but the entry is gone
	proceed      // no decision yet
)

// work is one ct() action under way.
type work struct {
	ctx   context.Context
	k     *Kernel
	tbl   Table
	a     *Action
	r     *Result
	s     *Scratch
	e     *Entry // the attached entry, a working copy
	reply bool   // the packet's direction in e
	// hidden tells that e is deleted: uniqueness checks must not meet it.
	hidden bool
	dirty  bool  // e differs from what the table holds
	free   Tuple // a reply tuple known to be unused
	q      questions
}

// Do runs one ct() action for a packet that carries conn.
func (k *Kernel) Do(ctx context.Context, tbl Table, conn Conn, p Packet, a Action) (Result, error) {
	r, s := new(Result), new(Scratch)
	err := k.DoInto(ctx, tbl, &conn, &p, &a, r, s)
	return *r, err
}

// Clear is ct_clear: no conntrack, every ct field zero.
func (k *Kernel) Clear(Conn) Conn { return Conn{} }

// Rewritten is the packet after set_ip_addr, set_ipv6_addr or set_tp_port: it has lost its connection, and its key still tells
// of it (ovs_ct_clear without a key). So since 5.19, and in the stable releases before it since June 2022 (2061ecfdf235), which
// a distribution's release number does not tell: taken for all.
func (k *Kernel) Rewritten(c Conn) Conn { return c.keyOnly() }

// DoInto is Do with the caller's memory: r is overwritten and points into s; conn and p must not be
// r's own.
func (k *Kernel) DoInto(ctx context.Context, tbl Table, conn *Conn, p *Packet, a *Action, r *Result, s *Scratch) error {
	*r = Result{Conn: *conn, Packet: *p, Ranges: r.Ranges[:0], Why: r.Why[:0]}
	w := work{ctx: ctx, k: k, tbl: tbl, a: a, r: r, s: s}
	if err := w.do(p); err != nil || len(w.q.asked) == 0 {
		return err
	}
	return alternatives(r, &w.q, func(q *questions) (Result, error) {
		other := Result{Conn: *conn, Packet: *p}
		w := work{ctx: ctx, k: k, tbl: tbl, a: a, r: &other, s: new(Scratch), q: *q}
		err := w.do(p)
		*q = w.q
		return other, err
	})
}

// do runs the action once.
func (w *work) do(p *Packet) error {
	r, a := w.r, w.a
	if !p.IP {
		w.why("ct is not executed for a packet that is not IP")
		return nil
	}
	switch p.Frag {
	case FragLater:
		r.Absorbed, r.Awaits = true, true
		w.why("a later fragment waits for the rest of its datagram, and goes on as part of it")
		return nil
	case FragFirst:
		r.Packet.Frag, r.Awaits = FragNo, true
		w.assume(Assumed, "a fragment waits until all of its datagram has come (nf_ct_handle_fragments): told of the whole datagram")
	}
	err := w.run()
	w.finish()
	if err != nil {
		var le *LookupError
		if !errors.As(err, &le) {
			err = &LookupError{Zone: a.Zone, Tuple: p.Tuple, Err: err}
		}
		w.assume(Undetermined, "a table could not be read")
	}
	return err
}

// run is ovs_ct_lookup or ovs_ct_commit.
func (w *work) run() error {
	r := w.r
	cached, err := w.cached()
	if err != nil {
		return err
	}
	if cached {
		w.s.cur = r.Conn.Entry
		w.e, w.reply = &w.s.cur, r.Conn.Reply
		if err := w.confirmedMeanwhile(); err != nil {
			return err
		}
		w.why("the packet was tracked in this zone before: no new look-up")
	} else if err := w.track(); err != nil || r.Dropped {
		return err
	}
	if w.e == nil {
		return nil // invalid: nothing to translate, nothing to commit
	}
	if err := w.nat(); err != nil || r.Dropped {
		return err
	}
	w.helper()
	w.beLiberal()
	if w.a.Commit {
		return w.commit()
	}
	return nil
}

// cached mirrors skb_nfct_cached.
func (w *work) cached() (bool, error) {
	c, a := &w.r.Conn, w.a
	if !c.Attached {
		// An untracked packet whose direction is forced is looked up beforehand (ovs_ct_find_existing).
		if a.Force && c.State == 0 {
			return false, w.forceUntracked()
		}
		if found, err := w.findExisting(); err != nil || !found {
			return false, err
		}
	}
	if c.Zone != a.Zone {
		return false, nil
	}
	confirmed := c.Entry.Status&Confirmed != 0
	if a.Helper != "" && c.Entry.Helper != "" && c.Entry.Helper != a.Helper {
		return false, nil
	}
	if a.TimeoutPolicy != "" && !confirmed && c.TimeoutPolicy != a.TimeoutPolicy {
		return false, nil
	}
	if a.Force && c.Reply {
		if confirmed {
			w.delete(&c.Entry, "force: the packet comes from the responder, so its entry is deleted and it begins a new one")
		}
		return false, nil
	}
	return true, nil
}

// findExisting mirrors ovs_ct_find_existing: the key says that the packet was tracked in this zone, and its connection is
// looked for by the addresses that it has now.
func (w *work) findExisting() (bool, error) {
	c := &w.r.Conn
	if c.State&Trk == 0 || c.State&Inv != 0 || c.KeyZone != w.a.Zone {
		return false, nil
	}
	t, natted := w.r.Packet.Tuple, c.State&natMask != 0
	if natted {
		inv, ok := t.Invert()
		if !ok {
			return false, nil
		}
		t = inv
	}
	e, found, err := w.lookup(t)
	if err != nil || !found {
		return false, err
	}
	reply, _ := e.Direction(t)
	reply = reply != natted
	w.s.hit = *e
	w.r.Hit, w.r.Found, w.r.Reply = &w.s.hit, e.Source, reply
	first := !reply && e.Status&SeenReply == 0
	c.Attached, c.Zone, c.Entry, c.Reply = true, w.a.Zone, *e, reply
	c.NewInfo, c.Related = first && e.Status&Expected == 0, first && e.Status&Expected != 0
	return true, nil
}

func (w *work) forceUntracked() error {
	e, found, err := w.lookup(w.r.Packet.Tuple)
	if err != nil || !found {
		return err
	}
	if reply, _ := e.Direction(w.r.Packet.Tuple); reply {
		w.delete(e, "force: the packet comes from the responder, so its entry is deleted and it begins a new one")
	}
	return nil
}

func (w *work) delete(e *Entry, why string) {
	w.s.deleted = *e
	w.r.Deleted = &w.s.deleted
	w.hidden = true
	if why != "" {
		w.why(why)
	}
}

// confirmedMeanwhile finds out whether another copy of the packet (a clone shares the conntrack) has committed
// the attached entry since.
func (w *work) confirmedMeanwhile() error {
	if w.e.Status&Confirmed != 0 || !w.a.Commit {
		return nil
	}
	e, found, err := w.lookup(w.e.Orig)
	if err != nil || !found || e.Orig != w.e.Orig {
		return err
	}
	w.s.cur = *e
	w.why("another copy of this packet has committed the connection")
	return nil
}

// lookup asks the table, and does not see what this action has deleted.
func (w *work) lookup(t Tuple) (*Entry, bool, error) {
	if !t.IsValid() {
		return nil, false, nil
	}
	w.r.Looked = true
	e, err := w.tbl.Lookup(w.ctx, w.a.Zone, t)
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil, false, nil
		}
		return nil, false, lookupError(w.a.Zone, t, err)
	}
	w.s.found = e
	if w.hidden && e.Orig == w.s.deleted.Orig && e.Reply == w.s.deleted.Reply {
		return nil, false, nil
	}
	return &w.s.found, true, nil
}

// why adds an explanation.
func (w *work) why(text string) { w.r.Why = append(w.r.Why, text) }

// assume adds an explanation and lowers the certainty.
func (w *work) assume(c Certainty, text string) {
	w.r.Certainty = max(w.r.Certainty, c)
	w.why(text)
}

// timeouts gives the timeouts that hold for the connection.
func (w *work) timeouts() *Timeouts {
	name := w.a.TimeoutPolicy
	if name == "" && w.e.Status&Confirmed == 0 {
		name = w.r.Conn.TimeoutPolicy
	}
	if name != "" {
		if t, ok := w.k.Policies[name]; ok {
			return &t
		}
	}
	return &w.k.Timeouts
}

// refresh mirrors nf_ct_refresh_acct.
func (w *work) refresh(seconds uint32) {
	if w.e.Status&FixedTimeout != 0 {
		return
	}
	w.e.Timeout, w.e.HasTimeout = seconds, true
	w.dirty = true
}

// attach puts the working entry on the packet and computes the key's fields (ovs_ct_update_key).
func (w *work) attach(related, isNew bool) {
	c := &w.r.Conn
	policy := ""
	if w.e.Status&Confirmed == 0 {
		policy = w.a.TimeoutPolicy
	}
	*c = Conn{Attached: true, Zone: w.a.Zone, KeyZone: w.a.Zone, Reply: w.reply, Related: related, NewInfo: isNew,
		TimeoutPolicy: policy}
	c.State = Trk
	switch {
	case related:
		c.State |= Rel
	case isNew:
		c.State |= New
	default:
		c.State |= Est
	}
	if w.reply {
		c.State |= Rpl
	}
	if w.e.Status&Confirmed == 0 {
		c.State |= New
	}
	if w.e.Master != nil {
		c.State |= Rel
	}
	w.key()
}

// key fills mark, label and original tuple (__ovs_ct_update_key).
func (w *work) key() {
	c := &w.r.Conn
	c.Mark, c.Label = w.e.Mark, w.e.Label
	w.s.orig = w.e.Orig
	if w.e.Master != nil {
		w.s.orig = *w.e.Master
	}
	c.OrigTuple = nil
	if w.s.orig.IsIPv6() == w.r.Packet.Tuple.IsIPv6() {
		c.OrigTuple = &w.s.orig
	}
}

// invalidate leaves the packet +inv: no conntrack, no fields but the zone.
func (w *work) invalidate() {
	w.e = nil
	w.r.Conn = Conn{State: Trk | Inv, KeyZone: w.a.Zone}
}

// finish carries the working entry into the result.
func (w *work) finish() {
	r := w.r
	if w.e == nil {
		return
	}
	r.Conn.Entry = *w.e
	if w.dirty && r.Hit != nil && r.Deleted == nil && w.e.Status&Confirmed != 0 {
		r.Updated = w.e
	}
}

// beLiberal is nf_ct_set_tcp_be_liberal, which OVS calls for established connections.
func (w *work) beLiberal() {
	if w.e.Orig.Proto != ProtoTCP || w.e.Status&Confirmed == 0 || w.e.TCP == nil || !w.k.Release.beLiberal() {
		return
	}
	if t := w.e.TCP; t.State == TCPEstablished && (t.FlagsOrig&t.FlagsReply)&TCPFlagBeLiberal == 0 {
		w.s.tcp = *t
		w.e.TCP = &w.s.tcp
		w.e.TCP.FlagsOrig |= TCPFlagBeLiberal
		w.e.TCP.FlagsReply |= TCPFlagBeLiberal
		w.dirty = true
	}
}

// helper attaches the action's helper to a connection being committed.
func (w *work) helper() {
	if w.a.Commit && w.a.Helper != "" && w.e.Status&Confirmed == 0 && w.e.Helper == "" {
		w.e.Helper = w.a.Helper
		w.e.Status |= Helper
	}
}

// linkLocal mirrors IPV6_ADDR_LINKLOCAL.
func linkLocal(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }
