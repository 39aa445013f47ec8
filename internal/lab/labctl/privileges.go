package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// privilege is what a node's side may do, and how a command then ends.
type privilege struct {
	who     string // for people
	setpriv string // its arguments
	netns   bool   // with --netns, which spares looking for ovs-vswitchd's process
	command []string
	status  int
	says    string // words of the first line of standard error
}

// Users and capabilities of the node's side. Nobody is in no group.
const (
	asRoot   = "--inh-caps=-all --bounding-set=-all"
	asNobody = "--reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all"
	asOwner  = "--reuid=64001 --regid=64001 --clear-groups --bounding-set=-all --inh-caps=-all"
	ownerUID = 64001 // of asOwner
)

// with adds capabilities to a user.
func with(user string, caps ...string) string {
	var list []string
	for _, c := range caps {
		list = append(list, "+"+c)
	}
	set := "-all," + strings.Join(list, ",")
	user = strings.ReplaceAll(strings.ReplaceAll(user, "--inh-caps=-all", "--inh-caps="+set), "--bounding-set=-all", "--bounding-set="+set)
	return user + " --ambient-caps=" + set
}

// privileges are the rows of docs/security.md that the userspace datapath can show; the kernel's
// conntrack is tested in internal/ctnetlink.
func privileges() []privilege {
	trace := []string{"trace", "-q", "--from", "sw0-p1", "--to", "sw0-p3:80/tcp", "--expect", "delivered"}
	capture := []string{"capture", "--timeout", "20s", "sw0-p1", "tcp dst port 80"}
	return []privilege{
		{"root without capabilities", asRoot, false, trace, 0, ""},
		{"root without capabilities", asRoot, false, []string{"conn", "ip4.src == 192.0.2.77"}, 1, ""},
		{"root without capabilities", asRoot, false, []string{"doctor"}, 0, ""},
		{"nobody without capabilities", asNobody, false, trace, 3, "ovs-vswitchd."},
		{"nobody with CAP_NET_ADMIN", with(asNobody, "net_admin"), false, trace, 3, "dpif/show: connect: permission denied"},
		{"nobody with CAP_DAC_OVERRIDE", with(asNobody, "dac_override"), false, trace, 0, ""},
		{"the sockets' owner without capabilities", asOwner, false, trace, 0, ""},
		{"root without capabilities", asRoot, true, capture, 3, "operation not permitted"},
		{"root with CAP_NET_RAW, --netns", with(asRoot, "net_raw"), true, capture, 0, ""},
		{"root with CAP_NET_RAW", with(asRoot, "net_raw"), false, capture, 3, "permission denied"},
		{"the sockets' owner with CAP_NET_RAW, --netns", with(asOwner, "net_raw"), true, capture, 0, ""},
	}
}

// cmdInsidePrivileges runs commands whose node's side has few privileges.
func cmdInsidePrivileges(ctx context.Context, args []string) error {
	l, err := lab.Attach(base(), os.Stderr)
	if err != nil {
		return err
	}
	v := &verifier{Lab: l}
	p, err := v.segment("sw0-p1", "30.0.0.10", 80)
	if err != nil {
		return err
	}
	frame, err := p.Bytes()
	if err != nil {
		return err
	}
	failed := 0
	for _, c := range privileges() {
		run := func() (*lab.ToolRun, error) { return v.privileged(ctx, c) }
		if c.command[0] == "capture" {
			run = func() (*lab.ToolRun, error) {
				stop := v.sending("sw0-p1", frame, 200*time.Millisecond)
				r, err := v.privileged(ctx, c)
				return r, errors.Join(err, stop())
			}
		}
		back := func() {}
		if strings.Contains(c.setpriv, fmt.Sprint(ownerUID)) {
			if back, err = v.own(ownerUID); err != nil {
				return err
			}
		}
		r, err := run()
		back()
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(r.Stderr, "\n")
		outcome := "ok"
		if r.Status != c.status || !strings.Contains(first, c.says) {
			outcome = fmt.Sprintf("FAILED: exit status %d, want %d and %q: %s %s", r.Status, c.status, c.says, r.Stderr, r.Out)
			failed++
		}
		fmt.Printf("privileges: %s as %s: exit status %d: %s\n", c.command[0], c.who, r.Status, outcome)
	}
	if failed > 0 {
		return fmt.Errorf("privileges: %d checks failed", failed)
	}
	return nil
}

// privileged runs a command of the tool, which itself is root; the node's sides are not.
func (v *verifier) privileged(ctx context.Context, c privilege) (*lab.ToolRun, error) {
	ns := ""
	if c.netns {
		ns = " --netns /proc/self/ns/net"
	}
	node := fmt.Sprintf("ip netns exec {chassis} env OVS_RUNDIR=%s/{chassis}/ovs OVN_RUNDIR=%s/{chassis}/ovn setpriv %s %s node stdio%s", lab.Dir, lab.Dir, c.setpriv, builtTool, ns)
	return v.RunTool(ctx, builtTool, append([]string{c.command[0], "--sb", lab.SBRemote, "--nb", lab.NBRemote, "--node-cmd", node}, c.command[1:]...)...)
}

// own gives the control sockets and databases of every chassis to a user, as ovs-vswitchd --user
// does; back undoes it.
func (v *verifier) own(uid int) (back func(), err error) {
	var files []string
	for _, c := range v.Topo.Chassis {
		for _, dir := range []string{lab.OVSRundir(c.Name), lab.OVNRundir(c.Name)} {
			list, err := os.ReadDir(dir)
			if err != nil {
				return nil, err
			}
			for _, f := range list {
				if f.Type()&os.ModeSocket != 0 {
					files = append(files, dir+"/"+f.Name())
				}
			}
		}
	}
	back = func() {
		for _, f := range files {
			_ = os.Chown(f, 0, 0)
		}
	}
	for _, f := range files {
		if err := os.Chown(f, uid, uid); err != nil {
			back()
			return nil, err
		}
	}
	return back, nil
}
