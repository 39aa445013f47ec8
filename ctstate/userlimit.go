package ctstate

// UserLimits is what keeps the userspace datapath from entering connections. The zero UserLimits
// keeps none out.
type UserLimits struct {
	// Count and Max are dpctl/ct-get-nconns and ct-get-maxconns; Max 0 checks nothing.
	Count, Max int
	// None reports that no connection is entered (ct-set-maxconns 0).
	None bool
	// Zones are those with a limit of their own (dpctl/ct-get-limits), where 0 lets nothing in.
	Zones map[uint16]ZoneLimit
	// Default is the limit of other zones, nil without one. Before OVS 3.5 they all count together.
	Default *ZoneLimit
}

// full reports that a limit keeps the connection from being entered; the packet goes on as new
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
