// Package ovsdbtest runs ovsdb-servers in a directory of their own, and faulty servers, for tests
// and measurements. It stops every process that it starts.
package ovsdbtest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Group stops processes in the reverse order of their start.
type Group struct {
	Dir string // sockets, databases and logs; made by the caller
	run []*exec.Cmd

	// Spent is the processor time of the processes that were stopped.
	Spent time.Duration
}

// path returns the path of a daemon, also outside a user's PATH.
func path(tool string) string {
	if p, err := exec.LookPath(tool); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if p := filepath.Join(dir, tool); isFile(p) {
			return p
		}
	}
	return tool
}

func isFile(p string) bool { _, err := os.Stat(p); return err == nil }

// Env returns the environment of the group's programs, with run directories other than the
// machine's.
func (g *Group) Env() []string {
	return append(os.Environ(), "OVS_RUNDIR="+g.Dir, "OVN_RUNDIR="+g.Dir, "OVS_DBDIR="+g.Dir, "OVN_DBDIR="+g.Dir,
		"OVS_LOGDIR="+g.Dir, "OVN_LOGDIR="+g.Dir)
}

// Start runs a daemon in the foreground until Stop; its output goes to NAME.out.
func (g *Group) Start(name, tool string, args ...string) (*exec.Cmd, error) {
	out, err := os.Create(filepath.Join(g.Dir, name+".out"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(path(tool), args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, g.Env()
	// A ^C at the terminal reaches only the caller, which then stops the processes in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g.run = append(g.run, cmd)
	return cmd, nil
}

// Stop ends every process that Start began.
func (g *Group) Stop() {
	for i := len(g.run) - 1; i >= 0; i-- {
		g.StopOne(g.run[i])
	}
	g.run = nil
}

// StopOne ends one process; after five seconds it kills it.
func (g *Group) StopOne(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
	defer kill.Stop()
	cmd.Wait()
	g.Spent += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// Run runs a program of the group to its end and returns its output.
func (g *Group) Run(ctx context.Context, stdin string, tool string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path(tool), args...)
	cmd.Env = g.Env()
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", tool, strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// Server starts an ovsdb-server NAME on a database made from a schema file, listening on
// unix:DIR/NAME.sock and on the remotes in further arguments.
func (g *Group) Server(ctx context.Context, name, schemaFile string, args ...string) (*exec.Cmd, error) {
	db := filepath.Join(g.Dir, name+".db")
	if !isFile(db) {
		if _, err := g.Run(ctx, "", "ovsdb-tool", "create", db, schemaFile); err != nil {
			return nil, err
		}
	}
	return g.Serve(ctx, name, append(args, db)...)
}

// Serve starts an ovsdb-server NAME on databases that exist.
func (g *Group) Serve(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	sock := g.Sock(name)
	all := append([]string{"--no-chdir", "-vconsole:warn", "-vsyslog:off", "-vfile:off",
		"--unixctl=" + filepath.Join(g.Dir, name+".ctl"), "--remote=punix:" + strings.TrimPrefix(sock, "unix:")}, args...)
	cmd, err := g.Start(name, "ovsdb-server", all...)
	if err != nil {
		return nil, err
	}
	return cmd, g.await(ctx, name, sock)
}

// Sock is the remote of the server NAME.
func (g *Group) Sock(name string) string { return "unix:" + filepath.Join(g.Dir, name+".sock") }

// await waits until the server accepts connections.
func (g *Group) await(ctx context.Context, name, sock string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		c, err := net.Dial("unix", strings.TrimPrefix(sock, "unix:"))
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(filepath.Join(g.Dir, name+".out"))
			return fmt.Errorf("%s did not start: %w: %s", name, err, said)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
