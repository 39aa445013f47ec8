package main

import (
	"context"
	"os"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// gatherer collects what must-gather would, with scripts/mustgatherdump.sh.
type gatherer struct {
	lab    *lab.Lab
	script string
	dir    string
	n      int
}

// collect returns the path for --bundle. The databases of the zone are the first ones by name.
// Every second one has clustered files. The lab's datapath stands for the kernel's, which a cluster
// has.
func (g *gatherer) collect(ctx context.Context, zone string) ([]string, error) {
	return g.collectWith(ctx, zone, "DATAPATH_TYPE=system")
}

// own is collect with the datapath that the chassis have.
func (g *gatherer) own(ctx context.Context, zone string) ([]string, error) {
	return g.collectWith(ctx, zone)
}

func (g *gatherer) collectWith(ctx context.Context, zone string, env ...string) ([]string, error) {
	if g.n++; g.n%2 == 0 {
		env = append(env, "CLUSTERED=1")
	}
	return []string{g.dir}, g.gather(ctx, zone, env...)
}

// gather runs the script with variables of its own.
func (g *gatherer) gather(ctx context.Context, zone string, env ...string) error {
	if err := os.RemoveAll(g.dir); err != nil {
		return err
	}
	args := []string{g.script, g.dir}
	for _, name := range append([]string{""}, zoneNames(g.lab.Topo)...) {
		z := g.lab.Topo.Zone(name)
		files := lab.CentralFiles(z)
		node := z.On
		if node == "" {
			node = "central" + name
		}
		if name == zone {
			node = "a-" + node
		}
		args = append(args, node+"="+strings.Join(files[:], ","))
	}
	_, err := lab.Command(ctx, env, "", args...)
	return err
}
