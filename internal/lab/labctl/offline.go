package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// cmdOffline runs oracle cases that are also predicted from archives.
func cmdOffline(ctx context.Context, args []string) error {
	return cmdOracle(ctx, append([]string{"-offline"}, args...))
}

// cmdCuts cuts the files of archives of the lab.
func cmdCuts(ctx context.Context, args []string) error {
	checkout, err := findCheckout()
	if err != nil {
		return err
	}
	return inside("cuts")(ctx, append([]string{"-script", filepath.Join(checkout, "scripts", "sosdump.sh"), "-gathered", filepath.Join(checkout, "scripts", "mustgatherdump.sh")}, args...))
}

// archiver collects what sosreport would, with scripts/sosdump.sh.
type archiver struct {
	lab    *lab.Lab
	script string
	dir    string
	n      int
}

// archivesOf returns the kinds of archives of a lab that the script and the tool collect, and what
// removes the files.
func archivesOf(l *lab.Lab, script, tool string) (all []probe.Archive, remove func()) {
	a := &archiver{lab: l, script: script, dir: "/run/ctlab-sos"}
	b := &bundler{lab: l, tool: tool, file: "/run/ctlab-bundle.tar.zst"}
	return []probe.Archive{{Kind: "sosreport", Collect: a.collect}, {Kind: "bundle", Collect: b.collect}}, func() {
		os.RemoveAll(a.dir)
		os.Remove(b.file)
	}
}

// openFlows are the versions of OpenFlow in which the dumps are made, in turn: a report may have
// any of them.
var openFlows = []string{"OpenFlow15", "OpenFlow13", "OpenFlow10"}

// collect returns the paths for --bundle: the zone's databases first. One chassis is packed.
func (a *archiver) collect(ctx context.Context, zone string) ([]string, error) {
	if err := os.RemoveAll(a.dir); err != nil {
		return nil, err
	}
	a.n++
	version := openFlows[a.n%len(openFlows)]
	var paths []string
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	run := func(f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				mu.Lock()
				if first == nil {
					first = err
				}
				mu.Unlock()
			}
		})
	}
	zones := []lab.Zone{a.lab.Topo.Zone(zone)}
	for _, name := range append([]string{""}, zoneNames(a.lab.Topo)...) {
		if name != zone {
			zones = append(zones, a.lab.Topo.Zone(name))
		}
	}
	for _, z := range zones {
		out := filepath.Join(a.dir, "sosreport-central"+z.Name)
		paths = append(paths, out)
		files := lab.CentralFiles(z)
		run(func() error {
			_, err := lab.Command(ctx, append(a.lab.CentralEnv(), "QUICK=1", "OVN_NB_FILE="+files[0], "OVN_SB_FILE="+files[1]), "", a.script, out, "central"+z.Name)
			return err
		})
	}
	for i, c := range a.lab.Topo.Chassis {
		out := filepath.Join(a.dir, "sosreport-"+c.Name)
		packed := i == 1
		if packed {
			paths = append(paths, out+".tar.gz")
		} else {
			paths = append(paths, out)
		}
		run(func() error {
			env := append(a.lab.ChassisEnv(c.Name), "QUICK=1", "OPENFLOW="+version, "OVS_CONF_DB="+lab.ConfFile(c.Name))
			if _, err := lab.Command(ctx, env, "", a.script, out, c.Name, "ip", "netns", "exec", c.Name); err != nil || !packed {
				return err
			}
			_, err := lab.Command(ctx, nil, "", "tar", "-C", a.dir, "--use-compress-program=gzip -1", "-cf", out+".tar.gz", filepath.Base(out))
			return err
		})
	}
	wg.Wait()
	if first != nil {
		return nil, fmt.Errorf("collecting: %w", first)
	}
	return paths, nil
}

func zoneNames(t *lab.Topology) []string {
	var out []string
	for _, z := range t.Zones {
		out = append(out, z.Name)
	}
	return out
}
