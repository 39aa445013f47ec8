package ctstate

// userRun is the state of one running ct() action of the userspace datapath; its methods are the
// functions of lib/conntrack.c.
type userRun struct {
	run
	u       *Userspace
	key     Tuple     // conn_lookup_ctx.key
	dir     Direction // conn_lookup_ctx.reply
	related bool      // conn_lookup_ctx.icmp_related
	// forceDir is the packet's direction as force sees it.
	forceDir Direction
	e        *Entry // the connection, a working copy
	dirty    bool   // e differs from what the table holds
	gone     *Entry // removed by this action
	left     *Entry // gone, but for its other key (OVS before 3.3)
	ghost    bool   // e is gone
	exp      *Expectation
}

// do runs the action once.
func (w *userRun) do() error {
	err := w.execute()
	w.finish()
	return w.failed(w.r.Packet.Tuple, err)
}

// execute is conntrack_execute for one packet.
func (w *userRun) execute() error {
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
	if isICMP(p.Tuple.Proto) && !p.HasID {
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

// alg mirrors get_alg_ctl_type: control packets of FTP and TFTP never use the cached connection.
func (w *userRun) alg() bool {
	t := w.r.Packet.Tuple
	return t.Proto == ProtoTCP && (t.Src.Port() == 21 || t.Dst.Port() == 21) || t.Proto == ProtoUDP && t.Dst.Port() == 69
}

// fast is process_one_fast: the connection was found before in this zone.
func (w *userRun) fast() {
	c := &w.r.Conn
	e := c.Entry
	w.e, w.dir, w.related = &e, c.Info.Direction(), c.Info.Related()
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

// lookup copies the table's entry for a tuple to e (conn_key_lookup); it does not find an entry
// that this action has deleted.
func (w *userRun) lookup(t Tuple, e *Entry) (found bool, err error) {
	if found, err = w.read(t, e); !found || w.gone != nil && w.gone.Orig == e.Orig {
		return false, err
	}
	w.adopt(e)
	return true, nil
}

// find is initial_conn_lookup: a packet translated before is found by its reverse key.
func (w *userRun) find(natted bool) error {
	key := w.key
	if natted {
		inv, ok := key.Invert()
		if !ok {
			return nil
		}
		key = inv
	}
	var e Entry
	found, err := w.lookup(key, &e)
	if err != nil || !found {
		return err
	}
	dir, _ := e.userDirection(key)
	if natted {
		dir = dir.Opposite()
		w.key = *e.tuple(dir)
	}
	w.found(e, dir)
	w.dir, w.forceDir = dir, dir
	if !w.u.Release.oneConn() && e.hasUnNAT() && (dir == DirReply) != natted {
		// The key was found in the connection's other half, whose directions are swapped.
		w.forceDir = dir.Opposite()
	}
	return nil
}

// found makes an entry of the table the packet's connection.
func (w *userRun) found(e Entry, d Direction) {
	hit := e
	w.e = &e
	w.r.Hit, w.r.Found, w.r.Dir = &hit, e.Source, d
}

// processOne is process_one.
func (w *userRun) processOne() error {
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
	case !a.Force || w.e == nil || w.forceDir == DirOriginal:
	case w.dir == DirOriginal:
		w.why("force: before OVS 3.3 a packet that was translated in this zone loses its connection, which stays in the table")
		w.e, w.r.Hit, w.r.Found, w.dir = nil, nil, FromNone, DirReply
	default:
		w.remove("force: the packet comes from the responder, so its connection is removed and it begins a new one")
	}
	if a.Force && w.dir == DirReply && w.forceDir == DirOriginal {
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
		var e Entry
		found, err := w.lookup(*oldOrig, &e)
		if err != nil {
			return err
		}
		if w.leftover(*oldOrig) {
			w.assume(Undetermined, "the key that is left of the removed connection is met: ovs-vswitchd ends by an assertion (conn_update_state)")
		}
		switch {
		case found:
			w.found(e, w.dir)
			if c.State&Rpl != 0 && e.UserTCP != nil && !w.u.NoSeqCheck {
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

// remove is conn_clean.
func (w *userRun) remove(why string) {
	gone := *w.e
	w.gone, w.r.Deleted = &gone, &gone
	w.e = nil
	w.r.Hit, w.r.Found, w.r.Dir = nil, FromNone, DirOriginal
	w.why(why)
	if !w.u.Release.oneConn() && w.wasNAT(&gone) {
		w.left, w.r.Left = &gone, true
		w.assume(Assumed, "before OVS 3.3 the removed connection's reply key stays for some seconds: what meets it is invalid, or ends "+
			"ovs-vswitchd by an assertion")
	}
}

// updateState is conn_update_state; it returns true if a new connection is needed.
func (w *userRun) updateState() bool {
	c := &w.r.Conn
	if w.related {
		c.State |= Rel
		if w.dir == DirReply {
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
		if w.dir == DirReply {
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

// notFound is conn_not_found: a new connection, which only a commit adds to the table, unless a
// limit forbids it.
func (w *userRun) notFound() error {
	c, a := &w.r.Conn, w.a
	w.e = nil
	if taken, err := w.lookup(w.key, new(Entry)); err != nil || taken {
		return err // the packet stays as it was
	}
	if w.leftover(w.key) {
		if !a.Force || w.forceDir == DirOriginal { // a SYN on a closed connection: its fields are still shown
			ghost := *w.left
			w.e, w.ghost = &ghost, true
		}
		return nil
	}
	w.dir = DirOriginal
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
	var other Entry
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
	} else if found, err := w.lookup(e.Reply, &other); err != nil {
		return err
	} else if found { // the datapath does not check this
		w.assume(Assumed, "connection "+other.Orig.String()+" has the same reply direction: the newer one is found first")
	}
	w.e = &e
	w.r.Committed = w.e
	return nil
}

// expect is expectation_lookup.
func (w *userRun) expect() error {
	x, found, err := w.expectation(w.key)
	if err != nil || !found {
		return err
	}
	w.exp = &x
	w.why("expected by a helper of connection " + x.Master.Orig.String())
	return nil
}

// metadata is write_ct_md.
func (w *userRun) metadata() {
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

// marks is set_mark and set_label; a connection that a helper expected keeps its master's values.
func (w *userRun) marks() {
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

// cache is set_cached_conn: an action with nat caches nothing.
func (w *userRun) cache() {
	c := &w.r.Conn
	c.Attached = w.e != nil && w.a.NAT == nil
	c.Zone, c.Info = w.a.Zone, w.info()
	if w.e != nil && w.a.Commit && !w.ghost {
		w.r.Committed = w.e
	}
}

// info returns the packet's ctinfo, in the kernel's terms.
func (w *userRun) info() CTInfo {
	switch {
	case w.related:
		return CTRelated.in(w.dir)
	case w.r.Conn.State&New != 0:
		return CTNew.in(w.dir)
	}
	return CTEstablished.in(w.dir)
}

// finish writes the connection into the result.
func (w *userRun) finish() {
	if w.e == nil {
		return
	}
	w.r.Conn.Entry = *w.e
	if w.dirty && w.r.Hit != nil && !w.ghost {
		w.r.Updated = w.e
	}
}
