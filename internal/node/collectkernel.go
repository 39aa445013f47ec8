package node

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

// kernelTable is what a collection of the kernel's table has seen.
type kernelTable struct {
	table  *ctnetlink.Table
	helped map[helped]bool
	more   bool // there are more than maxHelped
}

// helped is a connection with a helper.
type helped struct {
	zone uint16
	orig ctstate.Tuple
}

// maxHelped bounds the connections that are asked for what they expect.
const maxHelped = 10_000

// entries writes the kernel's table.
func (c *collection) entries(ctx context.Context, w *sink, k *kernelTable) (err error) {
	c.s.mu.Lock()
	k.table, err = c.s.kernelTable(ctx)
	c.s.mu.Unlock()
	if err != nil {
		return err
	}
	return writeEntries(w, func(yield func(ctstate.Entry, error) bool) {
		for e, err := range k.table.All(ctx, everyEntry) {
			if e.Helper != "" {
				if k.more = len(k.helped) >= maxHelped; !k.more {
					k.helped[helped{e.Zone, e.Orig}] = true
				}
			}
			if !yield(e, err) {
				return
			}
		}
	})
}

// expected writes what the connections with helpers expect.
func (k *kernelTable) expected(ctx context.Context, w *sink) error {
	if k.more {
		w.lacks = fmt.Sprintf("more than %d connections have helpers", maxHelped)
	}
	for h := range k.helped {
		list, err := k.table.ExpectedBy(ctx, h.zone, h.orig)
		if err != nil {
			return err
		}
		for i := range list {
			if err := w.line(h.zone, &list[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
