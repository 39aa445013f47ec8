package ctjournal

import (
	"context"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func tup(proto uint8, src, dst string) ctstate.Tuple {
	return ctstate.Tuple{Proto: proto, Src: ap(src), Dst: ap(dst)}
}

// fake is a table in memory; its kernel may show tags or not.
type fake struct {
	tags    bool
	entries map[place]ctnetlink.Record
	nextID  uint32
	deleted []place
	err     error // result of the next Create, which still creates the entry
}

func newFake(tags bool) *fake { return &fake{tags: tags, entries: map[place]ctnetlink.Record{}} }

func (f *fake) Read(_ context.Context, zone uint16, t ctstate.Tuple) (ctnetlink.Record, error) {
	if r, ok := f.entries[place{zone, t}]; ok {
		return r, nil
	}
	return ctnetlink.Record{}, ctstate.ErrNotFound
}

func (f *fake) Create(_ context.Context, s ctnetlink.Spec) error {
	p := place{s.Zone, s.Orig}
	if _, ok := f.entries[p]; ok {
		return ctnetlink.ErrExists
	}
	f.nextID++
	r := ctnetlink.Record{Entry: ctstate.Entry{Zone: s.Zone, ID: f.nextID, Orig: s.Orig, Status: s.Status | ctstate.Confirmed,
		Timeout: s.Timeout, HasTimeout: true, Mark: s.Mark, Label: s.Label}}
	r.Reply = s.Orig
	r.Reply.Src, r.Reply.Dst = s.Orig.Dst, s.Orig.Src
	if s.TCP != nil {
		r.TCP = &ctstate.TCPInfo{State: s.TCP.State, FlagsOrig: 0x0a, FlagsReply: 0x0a}
	}
	if f.tags {
		r.Tag, r.HasTag = s.Tag, true
	}
	f.entries[p] = r
	err := f.err
	f.err = nil
	return err
}

func (f *fake) Update(context.Context, ctnetlink.Key, ctnetlink.Change) error { return nil }

func (f *fake) Delete(_ context.Context, k ctnetlink.Key) error {
	for p, r := range f.entries {
		if key, _ := ctnetlink.KeyOf(r.Entry); key == k {
			delete(f.entries, p)
			f.deleted = append(f.deleted, p)
			return nil
		}
	}
	return ctstate.ErrNotFound
}

func (f *fake) opener(context.Context, NSRef) (Kernel, func() error, error) {
	return f, func() error { return nil }, nil
}

func udpEntry() ctstate.Entry {
	return ctstate.Entry{Zone: 7, Orig: tup(17, "10.0.0.1:1", "10.0.0.2:2"), Reply: tup(17, "10.0.0.2:2", "10.0.0.1:1"), Status: ctstate.Confirmed}
}

func tcpEntry(state ctstate.TCPState) ctstate.Entry {
	return ctstate.Entry{Zone: 7, Orig: tup(6, "10.0.0.1:1", "10.0.0.2:2"), Reply: tup(6, "10.0.0.2:2", "10.0.0.1:1"),
		Status: ctstate.Confirmed, TCP: &ctstate.TCPInfo{State: state}}
}
