package lab

import (
	"context"
	"path/filepath"
	"strings"
	"time"
)

// Dead returns the daemons of the lab that have ended by themselves, and not by Fail.
func (l *Lab) Dead() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, p := range l.state.Procs {
		if chassis, daemon, _ := strings.Cut(p.Name, "/"); l.failed[chassis] && daemon == "ovn-controller" {
			continue
		}
		if !p.Alive() {
			out = append(out, p.Name+logTail(filepath.Join(filepath.Dir(p.Log), filepath.Base(p.Name)+".log")))
		}
	}
	return out
}

// Revive restarts every daemon that has ended by itself: some packets crash ovs-vswitchd, which
// must not affect later cases.
func (l *Lab) Revive(ctx context.Context) error {
	for i := range l.state.Procs {
		l.mu.Lock()
		old := l.state.Procs[i]
		l.mu.Unlock()
		if old.Alive() {
			continue
		}
		p, err := startProc(old.Name, old.Log, old.Env, old.Argv...)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.state.Procs[i] = p
		err = l.save()
		l.mu.Unlock()
		if err != nil {
			return err
		}
		chassis, daemon, _ := strings.Cut(p.Name, "/")
		if daemon != "ovs-vswitchd" {
			continue
		}
		if err := waitFor(ctx, 60*time.Second, p.Name, p.Log, func() bool { return l.forwards(chassis) }); err != nil {
			return err
		}
		// The devices of its bridges still exist, with their addresses.
		if err := l.knowNeighbours(); err != nil {
			return err
		}
	}
	return nil
}

// forwards reports whether a chassis' integration bridge has the flows of ovn-controller up to the
// last table.
func (l *Lab) forwards(chassis string) bool {
	flows, err := l.Appctl(chassis, "bridge/dump-flows", "br-int")
	return err == nil && strings.Contains(flows, "table_id=65")
}
