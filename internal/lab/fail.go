package lab

import (
	"context"
	"fmt"
	"maps"
	"strings"
)

// Fail makes a chassis what a machine without power is to the others: all its cables are cut, and
// its ovn-controller ends without removing its rows. Its ovs-vswitchd goes on, so that its
// conntrack entries can still be read.
func (l *Lab) Fail(ctx context.Context, chassis string) error {
	l.mu.Lock()
	if l.failed == nil {
		l.failed = map[string]bool{}
	}
	l.failed[chassis] = true
	l.mu.Unlock()
	if _, err := l.On(ctx, chassis, "ovn-appctl", "-t", "ovn-controller", "exit", "--restart"); err != nil {
		return err
	}
	return l.cables(ctx, chassis, "down")
}

// Restore connects a chassis again, and starts its ovn-controller.
func (l *Lab) Restore(ctx context.Context, chassis string) error {
	if err := l.cables(ctx, chassis, "up"); err != nil {
		return err
	}
	l.mu.Lock()
	delete(l.failed, chassis)
	l.mu.Unlock()
	return l.Revive(ctx)
}

// cables sets the ends of a chassis' cables up or down.
func (l *Lab) cables(ctx context.Context, chassis, state string) error {
	var inside []string
	var root []string
	for _, c := range l.Topo.Chassis {
		if c.Name != chassis {
			continue
		}
		// At the far end: a device that is set down itself would lose its IPv6 addresses.
		root = append(root, fmt.Sprintf("link set %s %s", UnderlayLeg(chassis), state))
		for _, n := range sortedKeys(c.Mappings) {
			root = append(root, fmt.Sprintf("link set %s %s", PhysLeg(chassis, n), state))
		}
	}
	for _, v := range l.Topo.VIFs {
		if v.Chassis == chassis && v.Parent == "" {
			inside = append(inside, fmt.Sprintf("link set %s %s", v.Port, state))
		}
	}
	for _, c := range l.Topo.Cables {
		if netns, ifname := c.split(0); netns == chassis {
			inside = append(inside, fmt.Sprintf("link set %s %s", ifname, state))
		}
	}
	if root == nil {
		return fmt.Errorf("%q is not a chassis of the lab", chassis)
	}
	if err := ipBatch(ctx, "", root); err != nil {
		return err
	}
	return ipBatch(ctx, chassis, inside)
}

// failing returns the chassis that Fail has cut off.
func (l *Lab) failing() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.failed)
}

// syncOthers waits until the chassis of a zone that have not failed have installed the flows for
// its Northbound DB: "--wait=hv" would wait for the others too.
func (l *Lab) syncOthers(ctx context.Context, z Zone, failed map[string]bool) error {
	if _, err := l.central(ctx, z, "ovn-nbctl", "--wait=sb", "--timeout=150", "sync"); err != nil {
		return err
	}
	want, err := l.central(ctx, z, "ovn-nbctl", "get", "nb_global", ".", "nb_cfg")
	if err != nil {
		return err
	}
	for _, c := range l.Topo.Chassis {
		if failed[c.Name] || c.Zone != z.Name {
			continue
		}
		caught := fmt.Sprintf("%s catches up with %s", c.Name, strings.TrimSpace(want))
		err := l.until(ctx, caught, func(ctx context.Context) (bool, error) {
			out, err := l.central(ctx, z, "ovn-sbctl", "--bare", "--columns=nb_cfg", "find", "chassis_private", "name="+c.Name)
			return compareNumbers(strings.TrimSpace(out), strings.TrimSpace(want)) >= 0, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
