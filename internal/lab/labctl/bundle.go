package main

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// bundler collects with the tool's own command.
type bundler struct {
	lab  *lab.Lab
	tool string
	file string
}

// collect returns the path for --bundle.
func (b *bundler) collect(ctx context.Context, zone string) ([]string, error) {
	args := append([]string{"bundle", "--force", "-o", "json"}, b.lab.Topo.Zone(zone).Reach()...)
	args = append(append(args, b.lab.Topo.NodeFlags(b.tool)...), b.file)
	run, err := b.lab.RunTool(ctx, b.tool, args...)
	if run == nil {
		return nil, err
	}
	// Chassis that the lab has stopped are missing in it.
	if run.Status != 0 && run.Status != 3 {
		return nil, fmt.Errorf("collecting: status %d: %s", run.Status, run.Stderr)
	}
	return []string{b.file}, nil
}
