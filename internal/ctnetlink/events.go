package ctnetlink

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// EventKind is what happened to an entry.
type EventKind uint8

// The kinds of events.
const (
	EventNew EventKind = iota
	EventUpdate
	EventDestroy
	// EventLost says that the kernel had no room for events: an unknown number of them is missing. It
	// has no entry.
	EventLost
)

var eventNames = [...]string{"new", "update", "destroy", "lost"}

// String returns "new", "update", "destroy" or "lost".
func (k EventKind) String() string { return eventNames[k] }

// Event is one event of a conntrack table.
type Event struct {
	Kind  EventKind
	Entry ctstate.Entry
}

// eventGroups are the multicast groups of ctnetlink's events (NFNLGRP_CONNTRACK_NEW, _UPDATE and
// _DESTROY of linux/netfilter/nfnetlink.h).
var eventGroups = [...]uint32{1, 2, 3}

// eventBuffer is the size of the receive buffer in bytes; the kernel allows itself twice as much.
// An event takes some 400 bytes there, so that it holds about 80,000.
const eventBuffer = 16 << 20

// ErrNoEvents reports a table whose events are turned off (nf_conntrack_events is 0).
var ErrNoEvents = errors.New("the kernel sends no conntrack events (net.netfilter.nf_conntrack_events is 0)")

// Watch receives the events of all zones until ctx ends, which is no error. It calls ready when it
// listens: what happens afterwards is an event, or lost. An event with EventLost stands for those
// that did not fit into the socket's buffer. It comes after all that did: a table that is read then
// is newer than every event before.
//
// The kernel has no events for entries that were made while nobody listened, unless
// nf_conntrack_events is 1, and Open vSwitch asks for none when the state of a TCP connection
// changes (OVS_CT_ATTR_EVENTMASK).
func (t *Table) Watch(ctx context.Context, ready func() error, yield func(*Event) error) error {
	set, err := t.Settings()
	if err != nil {
		return err
	}
	if set.Events == 0 {
		return ErrNoEvents
	}
	s, err := t.dialAgain()
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.conn.SetReadBuffer(eventBuffer); err != nil {
		return fmt.Errorf("conntrack events of %v: receive buffer: %w", t.ns, err)
	}
	for _, g := range eventGroups {
		if err := s.conn.JoinGroup(g); err != nil {
			return fmt.Errorf("conntrack events of %v: %w", t.ns, err)
		}
	}
	if err := ready(); err != nil {
		return err
	}
	var ev Event
	var rec Record
	lost := false
	for {
		if lost && !s.ready() {
			lost = false
			if err := yield(&Event{Kind: EventLost}); err != nil {
				return err
			}
		}
		b, err := s.recv(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			lost = true
			continue
		case err != nil:
			return err
		}
		for len(b) > 0 {
			var m message
			if m, b, err = split(b); err != nil {
				return err
			}
			var ok bool
			if ev.Kind, ok = eventKind(m); !ok || len(m.body) < nfgenHdr {
				continue
			}
			if err := decodeRecord(m.body[nfgenHdr:], &rec); err != nil {
				return err
			}
			ev.Entry = rec.Entry
			if err := yield(&ev); err != nil {
				return err
			}
		}
	}
}

// eventKind returns the kind of a message: ctnetlink_conntrack_event marks a new entry by its
// flags.
func eventKind(m message) (EventKind, bool) {
	switch m.typ {
	case msgCTNew:
		if m.flags&(nlmCreate|nlmExcl) != 0 {
			return EventNew, true
		}
		return EventUpdate, true
	case msgCTDelete:
		return EventDestroy, true
	}
	return 0, false
}
