package ctstate

// kernelRun is the state of one running ct() action of the kernel datapath; its methods are the
// functions of net/openvswitch/conntrack.c.
type kernelRun struct {
	run
	k    *Kernel
	s    *scratch
	e    *Entry // the attached entry, a working copy
	info CTInfo // what the packet is to e
	// hidden reports whether uniqueness checks must ignore s.deleted, which is gone.
	hidden bool
	dirty  bool  // e differs from what the table holds
	free   Tuple // a reply tuple known to be unused
}

// scratch holds what a Result refers to, so that an action need not allocate.
type scratch struct {
	hit, cur, committed, deleted Entry
	tcp                          TCPInfo
	sctp                         SCTPInfo
	orig, master                 Tuple
}

// dir is CTINFO2DIR(ctinfo).
func (w *kernelRun) dir() Direction { return w.info.Direction() }

// do runs the action once (ovs_ct_execute).
func (w *kernelRun) do(p *Packet) error {
	if !p.IP {
		w.why("ct is not executed for a packet that is not IP")
		return nil
	}
	switch p.Frag {
	case FragLater:
		w.r.Absorbed, w.r.Awaits = true, true
		w.why("a later fragment waits for the rest of its datagram, and goes on as part of it")
		return nil
	case FragFirst:
		w.r.Packet.Frag, w.r.Awaits = FragNo, true
		w.assume(Assumed, "a fragment waits until all fragments of its datagram have arrived (nf_ct_handle_fragments): the result is that of the whole datagram")
	}
	err := w.execute()
	w.finish()
	return w.failed(p.Tuple, err)
}

// execute is ovs_ct_lookup or ovs_ct_commit, with __ovs_ct_lookup.
func (w *kernelRun) execute() error {
	cached, err := w.cached()
	if err != nil {
		return err
	}
	if cached {
		w.s.cur = w.r.Conn.Entry
		w.e, w.info = &w.s.cur, w.r.Conn.Info
		if err := w.confirmedMeanwhile(); err != nil {
			return err
		}
		w.why("the packet was tracked in this zone before: no new look-up")
	} else if err := w.track(); err != nil || w.r.Dropped {
		return err
	}
	if w.e == nil {
		return nil // invalid: nothing to translate, nothing to commit
	}
	if err := w.nat(); err != nil || w.r.Dropped {
		return err
	}
	w.helper()
	w.beLiberal()
	if w.a.Commit {
		return w.commit()
	}
	return nil
}

// cached is skb_nfct_cached: it reports whether the packet already has its entry in this zone.
func (w *kernelRun) cached() (bool, error) {
	c, a := &w.r.Conn, w.a
	if !c.Attached {
		// An untracked packet whose direction is forced is looked up beforehand
		// (ovs_ct_find_existing).
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
	if a.Force && c.Info.Direction() == DirReply {
		if confirmed {
			w.delete(&c.Entry, forced)
		}
		return false, nil
	}
	return true, nil
}

// forced explains what force does to an entry.
const forced = "force: the packet comes from the responder, so its entry is deleted and it begins a new one"

// findExisting is ovs_ct_find_existing: if the key says that the packet was tracked in this zone,
// it looks the connection up by the packet's present addresses.
func (w *kernelRun) findExisting() (bool, error) {
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
	var e Entry
	found, err := w.lookup(t, &e)
	if err != nil || !found {
		return false, err
	}
	dir, _ := e.Direction(t)
	if natted {
		dir = dir.Opposite()
	}
	w.found(&e, dir)
	c.Attached, c.Zone, c.Entry, c.Info = true, w.a.Zone, e, infoOf(&e, dir)
	return true, nil
}

// infoOf is ovs_ct_get_info: it returns the ctinfo of a packet of direction d with a confirmed
// entry. resolve_normal_ct agrees with it.
func infoOf(e *Entry, d Direction) CTInfo {
	switch {
	case d == DirReply:
		return CTEstablishedReply
	case e.Status&SeenReply != 0:
		return CTEstablished
	case e.Status&Expected != 0:
		return CTRelated
	}
	return CTNew
}

// forceUntracked deletes the entry of an untracked packet that force finds to be a reply.
func (w *kernelRun) forceUntracked() error {
	var e Entry
	found, err := w.lookup(w.r.Packet.Tuple, &e)
	if err != nil || !found {
		return err
	}
	if dir, _ := e.Direction(w.r.Packet.Tuple); dir == DirReply {
		w.delete(&e, forced)
	}
	return nil
}

// delete is nf_ct_delete.
func (w *kernelRun) delete(e *Entry, why string) {
	w.s.deleted = *e
	w.r.Deleted = &w.s.deleted
	w.hidden = true
	if why != "" {
		w.why(why)
	}
}

// confirmedMeanwhile reads the attached entry from the table if another copy of the packet has
// committed it since (a clone shares the conntrack).
func (w *kernelRun) confirmedMeanwhile() error {
	if w.e.Status&Confirmed != 0 || !w.a.Commit {
		return nil
	}
	var e Entry
	found, err := w.lookup(w.e.Orig, &e)
	if err != nil || !found || e.Orig != w.e.Orig {
		return err
	}
	w.s.cur = e
	w.why("another copy of this packet has committed the connection")
	return nil
}

// lookup copies the table's entry for a tuple to e; it does not find an entry that this action has
// deleted.
func (w *kernelRun) lookup(t Tuple, e *Entry) (found bool, err error) {
	found, err = w.read(t, e)
	return found && !(w.hidden && e.Orig == w.s.deleted.Orig && e.Reply == w.s.deleted.Reply), err
}

// found records the entry that a look-up found.
func (w *kernelRun) found(e *Entry, d Direction) {
	w.s.hit = *e
	w.r.Hit, w.r.Found, w.r.Dir = &w.s.hit, e.Source, d
}

// attach puts the working entry on the packet (nf_ct_set) and computes the key's fields
// (ovs_ct_update_key, ovs_ct_get_state).
func (w *kernelRun) attach() {
	policy := ""
	if w.e.Status&Confirmed == 0 {
		policy = w.a.TimeoutPolicy
	}
	state := Trk
	switch w.info {
	case CTRelated, CTRelatedReply:
		state |= Rel
	case CTNew:
		state |= New
	default:
		state |= Est
	}
	if w.dir() == DirReply {
		state |= Rpl
	}
	if w.e.Status&Confirmed == 0 {
		state |= New
	}
	if w.e.Master != nil {
		state |= Rel
	}
	w.r.Conn = Conn{Attached: true, Zone: w.a.Zone, KeyZone: w.a.Zone, Info: w.info, State: state, TimeoutPolicy: policy}
	w.key()
}

// key fills mark, label and original tuple (__ovs_ct_update_key).
func (w *kernelRun) key() {
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

// invalidate leaves the packet +inv: no conntrack, and no fields but the zone.
func (w *kernelRun) invalidate() {
	w.e = nil
	w.r.Conn = Conn{State: Trk | Inv, KeyZone: w.a.Zone}
}

// finish carries the working entry into the result.
func (w *kernelRun) finish() {
	r := w.r
	if w.e == nil {
		return
	}
	r.Conn.Entry = *w.e
	if w.dirty && r.Hit != nil && r.Deleted == nil && w.e.Status&Confirmed != 0 {
		r.Updated = w.e
	}
}

// beLiberal is nf_ct_set_tcp_be_liberal, which __ovs_ct_lookup calls for established connections.
func (w *kernelRun) beLiberal() {
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

// helper attaches the action's helper to a connection that is being committed (nf_ct_add_helper).
func (w *kernelRun) helper() {
	if w.a.Commit && w.a.Helper != "" && w.e.Status&Confirmed == 0 && w.e.Helper == "" {
		w.e.Helper = w.a.Helper
		w.e.Status |= Helper
	}
}
