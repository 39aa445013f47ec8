package ctstate

import (
	"maps"
	"slices"
)

// OverlayData is the content of an overlay: its JSON is the format of overlay files and of what is
// sent between nodes. Keys are snake_case; values of a closed set are written by name.
type OverlayData struct {
	Entries []OverlayEntry `json:"entries"`
	Deleted []Entry        `json:"deleted,omitempty"` // of the table below
}

// OverlayEntry is an entry and the time from which its timeout counts.
type OverlayEntry struct {
	Entry
	At int64 `json:"at"` // seconds since 1970; 0 where the overlay had no clock
}

// Fork returns a copy over the same table below, for a branch of a trace: what is applied to one is
// not seen in the other.
func (o *Overlay) Fork() *Overlay {
	f := &Overlay{Below: o.Below, Now: o.Now, used: slices.Clone(o.used), left: maps.Clone(o.left)}
	if o.mine == nil {
		return f
	}
	f.init()
	for _, r := range o.mine.records() {
		f.mine.insert(r.e.clone(), r.at)
	}
	f.mine.expected = slices.Clone(o.mine.expected)
	for k, e := range o.gone {
		f.gone[k] = e
	}
	return f
}

// Snapshot returns a copy of the overlay's content without expired entries. It does not contain
// expectations.
func (o *Overlay) Snapshot() OverlayData {
	d := OverlayData{Entries: []OverlayEntry{}}
	if o.mine == nil {
		return d
	}
	for _, r := range o.mine.records() {
		if _, alive := o.aged(r); !alive {
			continue
		}
		d.Entries = append(d.Entries, OverlayEntry{Entry: r.e.clone(), At: r.at})
	}
	for _, e := range o.gone {
		d.Deleted = append(d.Deleted, e)
	}
	slices.SortFunc(d.Deleted, func(a, b Entry) int {
		if a.Zone != b.Zone {
			return int(a.Zone) - int(b.Zone)
		}
		return slices.Compare([]byte(a.Orig.String()), []byte(b.Orig.String()))
	})
	return d
}

// Load replaces the overlay's content by a snapshot.
func (o *Overlay) Load(d OverlayData) {
	o.mine, o.used = nil, nil
	o.init()
	for _, e := range d.Entries {
		e.Entry.Source = FromOverlay
		o.mine.insert(e.Entry, e.At)
	}
	for i := range d.Deleted {
		e := d.Deleted[i]
		o.gone[zoneTuple{e.Zone, e.Orig}] = e
	}
}
