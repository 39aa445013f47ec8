package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Do runs one command that changes the lab: ovn-nbctl's; or "@ZONE ..." and "@sb ...", "@ZONE-sb
// ..." for another zone and for ovn-sbctl; "@hv1 COMMAND" or "@all COMMAND" on chassis; "@central
// COMMAND" beside the first zone's databases. "@until
// COMMAND" waits until such a command prints something; "@gone COMMAND" until it prints nothing;
// "@bound PORT CHASSIS" until a chassis has claimed a logical port. "@fail CHASSIS" and "@restore
// CHASSIS" call Fail and Restore. "@forget NETWORK" removes the
// MACs that the bridge of a physical network, or of "underlay", has learned. "@sleep 5s" waits for
// a fixed time.
func (l *Lab) Do(ctx context.Context, cmd string) error {
	_, err := l.do(ctx, cmd)
	return err
}

// Ask runs a command as Do does, and returns what it prints.
func (l *Lab) Ask(ctx context.Context, cmd string) (string, error) { return l.do(ctx, cmd) }

// waitLimit bounds a wait for a condition; it is much longer than an idle lab needs, because the
// machine may be busy.
const waitLimit = 90 * time.Second

func (l *Lab) do(ctx context.Context, cmd string) (string, error) {
	where, rest, ok := strings.Cut(cmd, " ")
	if !ok || !strings.HasPrefix(where, "@") {
		return l.NBCtl(ctx, cmd)
	}
	switch where {
	case "@sleep":
		d, err := time.ParseDuration(rest)
		if err != nil {
			return "", err
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return "", ctx.Err()
	case "@until":
		return "", l.until(ctx, cmd, func(ctx context.Context) (bool, error) {
			out, err := l.do(ctx, rest)
			return strings.TrimSpace(out) != "", err
		})
	case "@gone":
		return "", l.until(ctx, cmd, func(ctx context.Context) (bool, error) {
			out, err := l.do(ctx, rest)
			return strings.TrimSpace(out) == "", err
		})
	case "@forget":
		bridge := physBridge(rest)
		if rest == "underlay" {
			bridge = underlayBridge
		}
		return "", os.WriteFile(filepath.Join("/sys/class/net", bridge, "bridge/flush"), []byte("1"), 0o644)
	case "@fail":
		return "", l.Fail(ctx, rest)
	case "@restore":
		return "", l.Restore(ctx, rest)
	case "@bound":
		return "", l.until(ctx, cmd, func(ctx context.Context) (bool, error) { return l.bound(ctx, rest) })
	}
	argv, err := SplitWords(rest)
	if err != nil {
		return "", err
	}
	return l.at(ctx, where, argv)
}

// at runs a command at a place of the lab: a chassis, "all", "sb" or a zone.
func (l *Lab) at(ctx context.Context, where string, argv []string) (string, error) {
	if where == "@central" {
		return l.central(ctx, l.Topo.Zone(""), argv...)
	}
	for _, z := range l.Topo.allZones() {
		switch where {
		case "@" + z.Name:
			return l.central(ctx, z, append([]string{"ovn-nbctl"}, argv...)...)
		case "@" + strings.TrimPrefix(z.Name+"-sb", "-"):
			return l.central(ctx, z, append([]string{"ovn-sbctl"}, argv...)...)
		}
	}
	done, all := false, ""
	for _, c := range l.Topo.Chassis {
		if where == "@all" || where == "@"+c.Name {
			out, err := l.On(ctx, c.Name, argv...)
			if err != nil {
				return "", err
			}
			done, all = true, all+out
		}
	}
	if !done {
		return "", fmt.Errorf("%q is not a chassis or zone of the lab", where)
	}
	return all, nil
}

// until polls until a condition holds.
func (l *Lab) until(ctx context.Context, what string, holds func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	for {
		ok, err := holds(ctx)
		switch {
		case ok && err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case err != nil:
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// bound reports whether "PORT CHASSIS" is a binding of the first zone.
func (l *Lab) bound(ctx context.Context, what string) (bool, error) {
	port, chassis, _ := strings.Cut(what, " ")
	z := l.Topo.Zone("")
	at, err := l.central(ctx, z, "ovn-sbctl", "--bare", "--columns=chassis", "find", "port_binding", "logical_port="+port)
	if err != nil {
		return false, err
	}
	id, err := l.central(ctx, z, "ovn-sbctl", "--bare", "--columns=_uuid", "find", "chassis", "name="+chassis)
	return err == nil && strings.TrimSpace(id) != "" && strings.TrimSpace(id) == strings.TrimSpace(at), err
}
