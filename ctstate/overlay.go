package ctstate

import "context"

// Overlay is a copy-on-write table over a live one: entries committed, changed or deleted
// by a trace exist here only. Not safe for concurrent use.
type Overlay struct {
	Below Table        // nil: nothing below
	Now   func() int64 // unix seconds, for entries to age by; nil: entries do not age
}

// NewOverlay returns an empty overlay over below.
func NewOverlay(below Table) *Overlay { return &Overlay{Below: below} }

// Lookup answers from the overlay, then from the table below unless the overlay deleted the entry.
func (o *Overlay) Lookup(ctx context.Context, zone uint16, t Tuple) (Entry, error) {
	panic("todo")
}

// Apply records what an action did: committed, updated and deleted entries.
func (o *Overlay) Apply(r Result) {}

// Snapshot copies what the overlay holds, to save it or to fork it for a branch.
func (o *Overlay) Snapshot() OverlayData { return OverlayData{} }

// Load replaces what the overlay holds.
func (o *Overlay) Load(d OverlayData) {}

// OverlayData is an overlay's content, JSON-encodable with stable field names.
type OverlayData struct {
	Entries []OverlayEntry `json:"entries"`
	Deleted []Entry        `json:"deleted,omitempty"`
}

// OverlayEntry is an entry with the time (unix seconds) it was last refreshed.
type OverlayEntry struct {
	Entry
	At int64 `json:"at"`
}
