package node

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// held returns the table of the entries that were read. Those of a live machine are of OVN's zones
// only (Lister): a flow that others have put into a provider bridge may ask for another zone. info is
// of the copy, which may have new zones of OVN, without entries.
func (k *Kept) held(r *Replica, info *Info) table {
	t := ctstate.NewMemTable(k.Held...)
	if r.Live == nil || len(r.Live.Zones) == 0 {
		return t
	}
	return heldZones{t, r.Of, func(zone uint16) bool {
		return r.Live.Zones[zone] != "" || info.Zones[zone] != ""
	}}
}

// heldZones is a table that has the entries of some zones only.
type heldZones struct {
	*ctstate.MemTable
	of   string
	read func(zone uint16) bool
}

// unread returns the error of a look-up in a zone whose entries were not read.
func (h heldZones) unread(zone uint16, t ctstate.Tuple) error {
	if h.read(zone) {
		return nil
	}
	return &ctstate.LookupError{Zone: zone, Tuple: t, Err: &NotCollectedError{h.of, fmt.Sprintf("zone %d is not OVN's, and only the entries of OVN's zones were read", zone)}}
}

// Lookup implements ctstate.Table.
func (h heldZones) Lookup(ctx context.Context, zone uint16, t ctstate.Tuple) (ctstate.Entry, error) {
	if err := h.unread(zone, t); err != nil {
		return ctstate.Entry{}, err
	}
	return h.MemTable.Lookup(ctx, zone, t)
}

// Expectation implements ctstate.Expecter.
func (h heldZones) Expectation(ctx context.Context, zone uint16, t ctstate.Tuple) (ctstate.Expectation, error) {
	if err := h.unread(zone, t); err != nil {
		return ctstate.Expectation{}, err
	}
	return h.MemTable.Expectation(ctx, zone, t)
}

// Echoes implements ctstate.EchoFinder.
func (h heldZones) Echoes(ctx context.Context, zone uint16, t ctstate.Tuple) ([]ctstate.Entry, error) {
	if err := h.unread(zone, t); err != nil {
		return nil, err
	}
	return h.MemTable.Echoes(ctx, zone, t)
}

// BySource implements ctstate.SourceBinder.
func (h heldZones) BySource(ctx context.Context, zone uint16, proto uint8, src netip.AddrPort) ([]ctstate.Entry, error) {
	if err := h.unread(zone, ctstate.Tuple{Proto: proto, Src: src}); err != nil {
		return nil, err
	}
	return h.MemTable.BySource(ctx, zone, proto, src)
}
