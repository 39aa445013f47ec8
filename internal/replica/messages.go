package replica

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Listen makes every copied Open vSwitch write down which conntrack entries it is told to remove.
func (r *Replica) Listen(ctx context.Context) error {
	for name, c := range r.chassis {
		if _, err := c.sw.Appctl(ctx, "vlog/set", "ct_dpif:console:dbg"); err != nil {
			return fmt.Errorf("the copied Open vSwitch of %s: %w", name, err)
		}
	}
	return nil
}

// Flushed returns what every ovn-controller has removed from conntrack since Listen, by chassis.
func (r *Replica) Flushed() (map[string][]Flush, error) {
	out := map[string][]Flush{}
	for name, c := range r.chassis {
		text, err := os.ReadFile(filepath.Join(c.sw.RunDir, "ovs-vswitchd.out"))
		if err != nil {
			return nil, err
		}
		if out[name], err = parseFlushes(string(text)); err != nil {
			return nil, fmt.Errorf("the copied Open vSwitch of %s: %w", name, err)
		}
	}
	return out, nil
}
