package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctjournal"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

// ErrUserspace reports that entries cannot be committed, because the userspace datapath has its own
// conntrack table.
var ErrUserspace = errors.New("the datapath is ovs-vswitchd's own: its conntrack takes no entries from outside; --commit=overlay keeps them for the trace")

// opened maps entries to their choices that could not be predicted: the kernel makes these when the
// entry is committed.
type opened map[entryKey][]ctstate.Range

type entryKey struct {
	zone uint16
	orig ctstate.Tuple
}

func (o opened) learn(res *engine.Result) {
	for _, s := range res.Segments {
		for _, c := range s.CT {
			if e := c.Result.Committed; e != nil && len(c.Result.Ranges) > 0 {
				o[entryKey{e.Zone, e.Orig}] = c.Result.Ranges
			}
		}
	}
}

// Commit writes an overlay's entries to the kernel: it creates new ones and updates those that this
// tool made. All others stay unchanged and are in the returned overlay.
func (s *Service) Commit(ctx context.Context, req CommitRequest) (*CommitResult, error) {
	if err := s.live("commit"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.readInfo(ctx)
	if err != nil {
		return nil, err
	}
	if info.Datapath != "system" {
		return nil, ErrUserspace
	}
	t, err := s.kernelTable(ctx)
	if err != nil {
		return nil, err
	}
	if s.commit == nil {
		s.commit, err = ctjournal.NewFor(t, ctjournal.Options{
			Dir: s.opt.Journal, Timeout: time.Duration(req.Timeout) * time.Second, Keep: req.Keep,
		})
		if err != nil {
			return nil, err
		}
	}
	res := &CommitResult{}
	live := map[entryKey]bool{}
	for _, e := range req.Overlay.Entries {
		live[entryKey{e.Zone, e.Orig}] = true
		got, err := s.settle(ctx, t, e.Entry)
		switch {
		case errors.Is(err, ctjournal.ErrNotOurs), errors.Is(err, ctnetlink.ErrExists):
			// The entry of a live connection is never changed: the overlay keeps the changes by the trace.
			res.Overlay.Entries = append(res.Overlay.Entries, e)
		case err != nil:
			return res, err
		default:
			res.Entries = append(res.Entries, got)
		}
	}
	for _, e := range req.Overlay.Deleted {
		if live[entryKey{e.Zone, e.Orig}] {
			continue // hidden by its changed copy, not deleted
		}
		if err := s.commit.Delete(ctx, e); err != nil && !errors.Is(err, ctstate.ErrNotFound) {
			if !errors.Is(err, ctjournal.ErrNotOurs) {
				return res, err
			}
			res.Overlay.Deleted = append(res.Overlay.Deleted, e)
		}
	}
	res.Warnings = s.commit.Warnings()
	return res, nil
}

// settle creates or updates one entry.
func (s *Service) settle(ctx context.Context, t *ctnetlink.Table, e ctstate.Entry) (ctstate.Entry, error) {
	_, err := t.Lookup(ctx, e.Zone, e.Orig)
	switch {
	case errors.Is(err, ctstate.ErrNotFound):
		return s.commit.CommitOpen(ctx, e, s.open[entryKey{e.Zone, e.Orig}])
	case err != nil:
		return ctstate.Entry{}, err
	}
	return s.commit.Update(ctx, e)
}

// CleanResult lists the entries that Clean found.
type CleanResult struct {
	Items []ctjournal.Item `json:"items"`
	Kept  []ctjournal.Item `json:"kept,omitempty"`
}

// Clean removes the entries that ended runs have left on this node; with list it only returns the
// journaled entries.
func (s *Service) Clean(ctx context.Context, list bool) (*CleanResult, error) {
	if err := s.live("clean"); err != nil { // the journal is this machine's
		return nil, err
	}
	dir := s.opt.Journal
	if dir == "" {
		dir = ctjournal.DefaultDir()
	}
	if list {
		items, err := ctjournal.List(dir)
		return &CleanResult{Items: items}, err
	}
	removed, kept, err := ctjournal.Clean(ctx, dir, ctjournal.Open)
	if err != nil {
		err = fmt.Errorf("clean: %w", err)
	}
	return &CleanResult{Items: removed, Kept: kept}, err
}
