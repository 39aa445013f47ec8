package ctstate

// commit is ovs_ct_commit after its look-up.
func (w *kernelRun) commit() error {
	a, e := w.a, w.e
	fresh := e.Status&Confirmed == 0
	if fresh && w.overLimit() {
		w.r.Dropped = true
		return nil
	}
	before, beforeLabel := e.Mark, e.Label
	if a.MarkMask != 0 {
		e.Mark = e.Mark&^a.MarkMask | a.Mark&a.MarkMask
	}
	// A new entry's label starts from its master's (ovs_ct_init_labels), which initConntrack has
	// put there.
	e.Label = e.Label.Masked(a.Label, a.LabelMask)
	// The key takes the written bits (ovs_ct_set_mark, ovs_ct_set_labels) and keeps the others,
	// which may come from another entry (findExisting).
	if e.Mark != before {
		w.r.Conn.Mark = e.Mark
	}
	if fresh || !a.LabelMask.IsZero() {
		w.r.Conn.Label = e.Label
	}
	if e.Mark != before || e.Label != beforeLabel {
		w.dirty = true
	}
	if fresh {
		return w.confirm()
	}
	if (w.r.Deleted == nil || w.hidden) && e.Status&Dying == 0 {
		w.s.committed = *e
		w.r.Committed = &w.s.committed
	}
	return nil
}

// confirm is __nf_conntrack_confirm.
func (w *kernelRun) confirm() error {
	e := w.e
	if e.Reply != w.free {
		var clash Entry
		found, err := w.lookup(e.Reply, &clash)
		if err != nil {
			return err
		}
		if found {
			w.r.Dropped = true
			w.why("the reply direction " + e.Reply.String() + " already belongs to connection " + clash.Orig.String() +
				": the packet is dropped when committed")
			return nil
		}
	}
	e.Status |= Confirmed
	if w.k.Now != nil {
		e.Created = w.k.Now()
	}
	w.s.committed = *e
	w.r.Committed = &w.s.committed
	return nil
}

// overLimit is ovs_ct_check_limit: the count with this connection must not exceed the zone's limit.
func (w *kernelRun) overLimit() bool {
	zone := w.a.Zone
	z, ok := w.k.ZoneLimits[zone]
	if !ok {
		z = ZoneLimit{Limit: w.k.DefaultZoneLimit}
		if z.Limit != 0 {
			w.assume(Assumed, "the zone has the default limit and its count is unknown: taken as below it")
		}
	}
	if z.Limit == 0 || int64(z.Count)+int64(w.added(zone))+1 <= int64(z.Limit) {
		return false
	}
	w.why("the zone's connection limit is reached (ct-set-limits): the packet is dropped when committed")
	return true
}
