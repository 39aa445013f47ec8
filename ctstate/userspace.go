package ctstate

import "context"

// Userspace is the userspace datapath's conntrack (lib/conntrack.c).
type Userspace struct {
	// Count and Max are dpctl/ct-get-nconns and ct-get-maxconns; Max 0 checks nothing.
	Count, Max int
	// ZoneLimits are per-zone limits with their counts, DefaultZoneLimit that of other zones; 0 is unlimited.
	ZoneLimits       map[uint16]ZoneLimit
	DefaultZoneLimit uint32
}

// NewUserspace returns the model with OVS's default settings.
func NewUserspace() *Userspace { return &Userspace{} }

// Clear is conntrack_clear.
func (u *Userspace) Clear(Conn) Conn { return Conn{} }

// Do runs one ct() action for a packet that carries conn.
func (u *Userspace) Do(ctx context.Context, tbl Table, conn Conn, p Packet, a Action) (Result, error) {
	return NewKernel(Release{}).Do(ctx, tbl, conn, p, a)
}
