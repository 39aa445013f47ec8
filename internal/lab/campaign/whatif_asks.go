package campaign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// flags returns the flags of what-if that name a change, and the function that removes what they
// need.
func (r *Runner) flags(ctx context.Context, c *Change) (flags []string, remove func(), err error) {
	remove = func() {}
	if c.ByFile {
		return r.fileFlags(ctx, c)
	}
	if c.Ask != nil {
		return c.Ask, remove, nil
	}
	for _, cmd := range c.Apply {
		flags = append(flags, "--nb-run", cmd)
	}
	return flags, remove, nil
}

// fileFlags makes a change for a moment, before there are connections, and saves the changed
// Northbound database.
func (r *Runner) fileFlags(ctx context.Context, c *Change) (flags []string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "ct-whatif-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			remove()
		}
	}()
	file := filepath.Join(dir, "nb.db")
	r.dirty = true
	if err := r.change(ctx, c.Apply, true); err != nil {
		return nil, nil, err
	}
	text, err := r.Lab.Ask(ctx, fmt.Sprintf("@central ovsdb-client --timeout=60 backup %s OVN_Northbound", r.Lab.Topo.Zone("").NB()))
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o600)
	}
	r.dirty = true
	if err := errors.Join(err, r.change(ctx, c.Undo, true), r.Probe.Flush()); err != nil {
		return nil, nil, err
	}
	return []string{"--nb-file", file}, remove, nil
}
