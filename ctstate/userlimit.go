package ctstate

// UserLimits are the userspace datapath's limits of connections and the present counts. The zero
// UserLimits has no limit.
type UserLimits struct {
	// Count and Max are dpctl/ct-get-nconns and ct-get-maxconns; with Max 0 the table has no limit.
	Count, Max int
	// None reports whether no connection may be added (ct-set-maxconns 0).
	None bool
	// Zones are the zones with a limit of their own (dpctl/ct-get-limits); a limit of 0 allows
	// none.
	Zones map[uint16]ZoneLimit
	// Default is the limit of other zones, nil if they have none. Before OVS 3.5 their connections
	// are counted together.
	Default *ZoneLimit
}

// full reports whether a limit prevents adding the connection; the packet stays new
// (conn_not_found).
func (w *userRun) full() bool {
	l := &w.u.Limits
	if w.zoneFull() {
		w.why("the zone's connection limit is reached (ct-set-limits): not committed, the packet goes on as new")
		return true
	}
	if l.None || l.Max > 0 && l.Count+w.addedTotal() >= l.Max {
		w.why("the connection table is full (ct-get-maxconns): not committed, the packet goes on as new")
		return true
	}
	return false
}

// zoneFull is zone_limit_lookup_or_default and the comparison with its count.
func (w *userRun) zoneFull() bool {
	l := &w.u.Limits
	z, own := l.Zones[w.a.Zone]
	more := 0
	switch {
	case own:
		more = w.added(w.a.Zone)
	case l.Default == nil:
		return false
	case w.u.Release.sharedDefault():
		z, more = *l.Default, w.addedTotal()
		for zone := range l.Zones {
			more -= w.added(zone)
		}
	default:
		z, more = *l.Default, w.added(w.a.Zone)
	}
	return int64(z.Count)+int64(more) >= int64(z.Limit)
}
