package driver

import (
	"context"
	"maps"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// CommitOptions are how entries are written to the nodes' kernels.
type CommitOptions struct {
	Timeout uint32 // seconds; the node's default when 0
	Keep    bool
}

// Commit writes a world's overlay entries to the nodes' kernels. The world that it returns has only
// the entries that were not written: the next packet finds the others in the nodes' own tables.
func (d *Driver) Commit(ctx context.Context, w World, opt CommitOptions) (World, []string, error) {
	next := World{Overlays: map[string]ctstate.OverlayData{}, Lessons: w.Lessons, Carried: w.Carried}
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(w.Overlays)) {
		o := w.Overlays[name]
		if len(o.Entries) == 0 && len(o.Deleted) == 0 {
			continue
		}
		n, _, err := d.node(ctx, name)
		if err != nil {
			return w, warnings, err
		}
		res, err := n.Commit(ctx, node.CommitRequest{Overlay: o, Timeout: opt.Timeout, Keep: opt.Keep})
		if err != nil {
			return w, warnings, at(name, "commit", err)
		}
		next.Overlays[name] = res.Overlay
		for _, text := range res.Warnings {
			warnings = append(warnings, name+": "+text)
		}
	}
	return next, warnings, nil
}
