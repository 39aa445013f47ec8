package ctstate

import (
	"context"
	"errors"
	"net/netip"
)

// Userspace is the userspace datapath's conntrack (lib/conntrack.c), which netdev and dummy bridges use.
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

// NewUserspace returns the model with OVS's default settings.
func NewUserspace() *Userspace {
	return &Userspace{Timeouts: DefaultUserTimeouts(), Fragments: DefaultUserFragments()}
}

// Clear is conntrack_clear.
func (u *Userspace) Clear(Conn) Conn { return Conn{} }

// Rewritten is the packet after packet_set_ipv4_addr and its like, which forget the connection (pkt_metadata_init_conn).
func (u *Userspace) Rewritten(c Conn) Conn { return c.keyOnly() }

// uwork is one ct() action of the userspace datapath under way.
type uwork struct {
	ctx     context.Context
	u       *Userspace
	tbl     Table
	a       *Action
	r       *Result
	key     Tuple // conn_lookup_ctx.key
	related bool  // ctx.icmp_related
	reply   bool
	// backward is what force takes for the packet's direction.
	backward bool
	e        *Entry
	dirty    bool
	gone     *Entry
	left     *Entry // gone, but for its other key (OVS before 3.3)
	ghost    bool   // e is gone
	exp      *Expectation
	q        questions
}

// Do runs one ct() action for a packet that carries conn.
func (u *Userspace) Do(ctx context.Context, tbl Table, conn Conn, p Packet, a Action) (Result, error) {
	once := func(q *questions) (Result, error) {
		w := &uwork{ctx: ctx, u: u, tbl: tbl, a: &a, r: &Result{Conn: conn, Packet: p}, q: *q}
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

// do runs the action once.
func (w *uwork) do() error {
	err := w.run()
	w.finish()
	if err != nil {
		var le *LookupError
		if !errors.As(err, &le) {
			err = &LookupError{Zone: w.a.Zone, Tuple: w.r.Packet.Tuple, Err: err}
		}
		w.assume(Undetermined, "a table could not be read")
	}
	return err
}

func (w *uwork) why(text string) { w.r.Why = append(w.r.Why, text) }

func (w *uwork) assume(c Certainty, text string) {
	w.r.Certainty = max(w.r.Certainty, c)
	w.why(text)
}

// run is conntrack_execute for one packet.
func (w *uwork) run() error {
	p, c, a := &w.r.Packet, &w.r.Conn, w.a
	switch {
	case !p.IP:
		w.why("ct is not executed for a packet that is not IP")
		return nil
	case p.Frag != FragNo && w.fragment():
		return nil
	}
	if c.Attached && c.Zone == a.Zone && !a.Force && !w.alg() {
		w.fast()
		return nil
	}
	if isICMP(p.Tuple.Proto) {
		if err := w.chooseID(); err != nil {
			return err
		}
	}
	if !w.extract() {
		*c = Conn{State: Inv | Trk, KeyZone: a.Zone}
		return nil
	}
	return w.processOne()
}

// alg mirrors get_alg_ctl_type: control packets of FTP and TFTP are never answered from the cache.
func (w *uwork) alg() bool {
	t := w.r.Packet.Tuple
	return t.Proto == ProtoTCP && (t.Src.Port() == 21 || t.Dst.Port() == 21) || t.Proto == ProtoUDP && t.Dst.Port() == 69
}

// fast is process_one_fast: the connection was found before in this zone.
func (w *uwork) fast() {
	c := &w.r.Conn
	e := c.Entry
	w.e, w.reply, w.related = &e, c.Reply, c.Related
	w.why("the packet was tracked in this zone before: no new look-up")
	if w.a.NAT != nil {
		w.handleNAT()
		c.Attached = false
	}
	c.KeyZone, c.Mark, c.Label = w.a.Zone, e.Mark, e.Label
	w.marks()
	if w.a.Commit {
		w.r.Committed = w.e
	}
}

// lookup asks the table, and does not see what this action has deleted.
func (w *uwork) lookup(t Tuple) (*Entry, error) {
	if !t.IsValid() {
		return nil, nil
	}
	w.r.Looked = true
	e, err := w.tbl.Lookup(w.ctx, w.a.Zone, t)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, lookupError(w.a.Zone, t, err)
	case w.gone != nil && w.gone.Orig == e.Orig:
		return nil, nil
	}
	w.adopt(&e)
	return &e, nil
}

// find is initial_conn_lookup: a packet translated before is found by its reverse key.
func (w *uwork) find(natted bool) error {
	key := w.key
	if natted {
		inv, ok := key.Invert()
		if !ok {
			return nil
		}
		key = inv
	}
	e, err := w.lookup(key)
	if err != nil || e == nil {
		return err
	}
	reply, _ := e.userDirection(key)
	if natted {
		reply = !reply
		w.key = e.Orig
		if reply {
			w.key = e.Reply
		}
	}
	hit := *e
	w.r.Hit, w.r.Found, w.r.Reply = &hit, e.Source, reply
	w.e, w.reply, w.backward = e, reply, reply
	if !w.u.Release.oneConn() && e.hasUnNAT() && reply != natted {
		w.backward = natted // the key was found in the connection's other half, whose directions are swapped
	}
	return nil
}

func (w *uwork) processOne() error {
	c, a := &w.r.Conn, w.a
	if c.State != 0 && c.KeyZone != a.Zone {
		c.State = 0
	}
	oldOrig := c.OrigTuple
	natted := c.State&natMask != 0
	if err := w.find(natted); err != nil {
		return err
	}
	switch {
	case !a.Force || w.e == nil || !w.backward:
	case !w.reply:
		w.why("force: before OVS 3.3 a packet that was translated in this zone loses its connection, which stays in the table")
		w.e, w.r.Hit, w.r.Found, w.reply = nil, nil, FromNone, true
	default:
		w.remove("force: the packet comes from the responder, so its connection is removed and it begins a new one")
	}
	if a.Force && w.reply && !w.backward {
		w.why("force: before OVS 3.3 the replies of a translated connection do not remove it")
	}
	create := false
	switch {
	case w.e != nil:
		create = w.updateState()
		if a.NAT != nil && !create {
			w.handleNAT()
		}
	case natted && a.NAT == nil && oldOrig != nil:
		e, err := w.lookup(*oldOrig)
		if err != nil {
			return err
		}
		if w.leftover(*oldOrig) {
			w.assume(Undetermined, "the key that is left of the removed connection is met: ovs-vswitchd ends by an assertion (conn_update_state)")
		}
		switch {
		case e != nil:
			hit := *e
			w.e, w.r.Hit, w.r.Found, w.r.Reply = e, &hit, e.Source, w.reply
			if c.State&Rpl != 0 && e.TCP != nil && !w.u.NoSeqCheck {
				w.assume(Assumed, "the packet's addresses were set after it was translated: it is taken for the originator's, whose "+
					"sequence numbers are others")
			}
			create = w.updateState()
		case w.related:
			c.State = Inv
		default:
			create = true
		}
	case w.related:
		w.why("the quoted packet's connection is not in this zone")
		c.State = Inv
	default:
		create = true
	}
	if create && !w.related {
		if err := w.notFound(); err != nil {
			return err
		}
	}
	w.metadata()
	w.marks()
	w.cache()
	return nil
}

func (w *uwork) remove(why string) {
	gone := *w.e
	w.gone, w.r.Deleted = &gone, &gone
	w.e = nil
	w.r.Hit, w.r.Found, w.r.Reply = nil, FromNone, false
	w.why(why)
	if !w.u.Release.oneConn() && w.wasNAT(&gone) {
		w.left = &gone
		w.assume(Assumed, "before OVS 3.3 the removed connection's reply key stays for some seconds: what meets it is invalid, or ends "+
			"ovs-vswitchd by an assertion")
	}
}

// updateState is conn_update_state; true asks for a new connection.
func (w *uwork) updateState() bool {
	c := &w.r.Conn
	if w.related {
		c.State |= Rel
		if w.reply {
			c.State |= Rpl
		}
		return false
	}
	if w.e.Master != nil {
		c.State |= Rel
	}
	switch w.update() {
	case userValid:
		c.State = c.State&^New | Est
		if w.reply {
			c.State |= Rpl
		}
	case userInvalid:
		c.State = Inv
	case userValidNew:
		c.State |= New
	case userNew:
		w.remove("SYN on a closed connection: it is removed and the packet begins a new one")
		return true
	}
	return false
}

// notFound is conn_not_found: a new connection, entered only by a commit that nothing forbids.
func (w *uwork) notFound() error {
	c, a := &w.r.Conn, w.a
	w.e = nil
	if taken, err := w.lookup(w.key); err != nil || taken != nil {
		return err // the packet goes on as it came
	}
	if w.leftover(w.key) {
		if !a.Force || !w.backward { // a SYN on a closed connection: its fields are still shown
			ghost := *w.left
			w.e, w.ghost = &ghost, true
		}
		return nil
	}
	w.reply = false
	if !w.validNew() {
		c.State = Inv
		return nil
	}
	c.State = New
	if err := w.expect(); err != nil {
		return err
	}
	if w.exp != nil {
		c.State |= Rel
	}
	if !a.Commit || w.full() {
		return nil
	}
	inv, ok := w.key.Invert()
	if !ok {
		return nil
	}
	e := Entry{Zone: a.Zone, Orig: w.key, Reply: inv, Helper: a.Helper}
	w.first(&e)
	if w.exp != nil {
		master := w.exp.Master.Orig
		e.Master, e.Mark, e.Label = &master, w.exp.Master.Mark, w.exp.Master.Label
	}
	if a.NAT != nil {
		ok, err := w.chooseNAT(&e)
		if err != nil || !ok {
			return err
		}
		w.e = &e
		w.natPacket()
	} else if other, err := w.lookup(e.Reply); err != nil {
		return err
	} else if other != nil { // nobody checks
		w.assume(Assumed, "connection "+other.Orig.String()+" has the same reply direction: the newer one is found first")
	}
	w.e = &e
	w.r.Committed = w.e
	return nil
}

// expect is expectation_lookup.
func (w *uwork) expect() error {
	finder, ok := w.tbl.(Expecter)
	if !ok {
		return nil
	}
	x, err := finder.Expectation(w.ctx, w.a.Zone, w.key)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return lookupError(w.a.Zone, w.key, err)
	}
	w.exp = &x
	w.why("expected by a helper of connection " + x.Master.Orig.String())
	return nil
}

// metadata is write_ct_md.
func (w *uwork) metadata() {
	c := &w.r.Conn
	c.State |= Trk
	c.KeyZone, c.Mark, c.Label = w.a.Zone, 0, Label{}
	orig := w.key
	switch {
	case w.e != nil:
		c.Mark, c.Label = w.e.Mark, w.e.Label
		orig = w.e.Orig
		if w.e.Master != nil {
			orig = *w.e.Master
		}
	case w.exp != nil:
		c.Mark, c.Label = w.exp.Master.Mark, w.exp.Master.Label
		orig = w.exp.Master.Orig
	}
	c.OrigTuple = &orig
}

// marks is set_mark and set_label; a connection made by a helper keeps its master's.
func (w *uwork) marks() {
	c, a := &w.r.Conn, w.a
	if w.e == nil || w.e.Master != nil {
		return
	}
	before, beforeLabel := w.e.Mark, w.e.Label
	if a.MarkMask != 0 {
		w.e.Mark = c.Mark&^a.MarkMask | a.Mark&a.MarkMask
	}
	w.e.Label = w.e.Label.Masked(a.Label, a.LabelMask)
	c.Mark, c.Label = w.e.Mark, w.e.Label
	w.dirty = w.dirty || w.e.Mark != before || w.e.Label != beforeLabel
}

// cache is set_cached_conn: an action with nat leaves nothing to find again.
func (w *uwork) cache() {
	c := &w.r.Conn
	c.Attached = w.e != nil && w.a.NAT == nil
	c.Zone, c.Reply, c.Related = w.a.Zone, w.reply, w.related
	c.NewInfo = c.State&New != 0
	if w.e != nil && w.a.Commit && !w.ghost {
		w.r.Committed = w.e
	}
}

func (w *uwork) finish() {
	if w.e == nil {
		return
	}
	w.r.Conn.Entry = *w.e
	if w.dirty && w.r.Hit != nil && !w.ghost {
		w.r.Updated = w.e
	}
}

// chooseID picks the id of an ICMP message that a flow does not give.
func (w *uwork) chooseID() error {
	if w.r.Packet.HasID {
		return nil
	}
	k := work{ctx: w.ctx, tbl: w.tbl, a: w.a, r: w.r, s: new(Scratch), q: w.q}
	err := k.chooseID()
	w.q = k.q
	return err
}

func withPort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}
