package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
)

// writeHelpers writes commands for the shell and returns their folder: the tool with this lab's
// remotes and nodes, and one that runs a command on a chassis.
func writeHelpers(l *lab.Lab) (string, error) {
	dir := filepath.Join(lab.Dir, "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	script := "#!/bin/sh\nh=$1; shift\nexec ip netns exec \"$h\" env OVS_RUNDIR=" + lab.Dir + "/$h/ovs OVN_RUNDIR=" + lab.Dir + "/$h/ovn \"$@\"\n"
	return dir, os.WriteFile(filepath.Join(dir, "on"), []byte(script), 0o755)
}

// nodeCmd returns the --node-cmd of the lab.
func nodeCmd() string { return nodeCmdOf(builtTool) }

// nodeCmdOf returns the --node-cmd that runs this command on the chassis.
func nodeCmdOf(tool string) string {
	return fmt.Sprintf("ip netns exec {chassis} env OVS_RUNDIR=%s/{chassis}/ovs OVN_RUNDIR=%s/{chassis}/ovn %s node stdio", lab.Dir, lab.Dir, tool)
}

func cmdInsideShell(ctx context.Context, args []string) error {
	l, err := lab.Attach(base(), os.Stderr)
	if err != nil {
		return err
	}
	dir, err := writeHelpers(l)
	if err != nil {
		return err
	}
	fmt.Print(`
The lab is up: chassis hv1, hv2, hv3 (network namespaces), Northbound and Southbound databases.
  ovn-nbctl show                      the logical network
  on hv1 ovs-vsctl show               a command on a chassis
  on hv1 conntrack -L                 its conntrack table
  ip netns exec sw0-p1 tcpdump -eni e0   a VIF
  ovn-ct-trace session --node-cmd "$NODE_CMD" --from sw0-p1 --to 30.0.0.10:80/tcp
`)
	cmd := exec.CommandContext(ctx, "/bin/bash", "--norc", "-i")
	cmd.Env = append(os.Environ(), l.CentralEnv()...)
	cmd.Env = append(cmd.Env, "PATH="+dir+":"+remoteBin+":"+strings.TrimPrefix(l.Bin.Env()[0], "PATH="), "PS1=lab:\\w# ", "NODE_CMD="+nodeCmd())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Run() // the status of the shell does not matter
	return nil
}

// cmdInsideDemo runs the tool on its examples.
func cmdInsideDemo(ctx context.Context, args []string) error {
	if _, err := lab.Attach(base(), os.Stderr); err != nil {
		return err
	}
	runs := []struct {
		what string
		args []string
	}{
		{"A TCP handshake from sw0-p1 (hv1) through the VIP 30.0.0.11:80, whose three backends sit on hv2 and hv3", []string{"session", "--from", "sw0-p1", "--to", "30.0.0.11:80/tcp"}},
		{"Another client, and a server whose ACLs are closed to its subnet", []string{"trace", "--from", "sw1-p1", "--to", "40.0.0.4:8080/tcp"}},
		{"The same as a question", []string{"why", "--from", "sw1-p1", "--to", "40.0.0.4:8080/tcp"}},
	}
	for i, r := range runs {
		fmt.Printf("\n%s\n\n  $ ovn-ct-trace %s\n\n", r.what, strings.Join(r.args, " "))
		cmd := exec.CommandContext(ctx, builtTool, append(r.args, reach(builtTool)...)...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		err := cmd.Run()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if code := cmd.ProcessState.ExitCode(); i == 0 && code != 0 {
			return &guest.ExitError{Code: 1, Msg: fmt.Sprintf("the demo's session: %v", err)}
		}
	}
	return nil
}
