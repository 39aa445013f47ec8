// Package ovntest runs real ovsdb-servers and ovn-northd in a folder of its
// own, for tests and measurements that need databases and no datapath.
// Everything it starts it stops, by process.
package ovntest

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
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// Tools are the programs a Deployment runs.
var Tools = []string{"ovsdb-server", "ovsdb-tool", "ovn-northd", "ovn-nbctl", "ovn-sbctl"}

// schemaDirs hold the schemas that the packages install.
var schemaDirs = []string{"/usr/share/ovn", "/usr/share/openvswitch", "/usr/local/share/ovn", "/usr/local/share/openvswitch"}

// Schema finds an installed schema file, such as ovn-sb.ovsschema.
func Schema(name string) (string, error) {
	for _, dir := range schemaDirs {
		p := filepath.Join(dir, name)
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("schema %s is not installed", name)
}

// Group stops processes in the reverse order of their start.
type Group struct {
	Dir string // sockets, databases and logs; made by the caller
	run []*exec.Cmd
}

// path finds a daemon also where a user's PATH does not look.
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

// Env is the environment of all programs of the group: run directories that
// are not the machine's own.
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
	// A ^C at the terminal reaches the caller, who then stops in order.
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

// StopOne ends one process, with force when it does not go in five seconds.
func (g *Group) StopOne(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
	defer kill.Stop()
	cmd.Wait()
}

// Run runs a program of the group to its end and returns what it printed.
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

// Server starts an ovsdb-server NAME on a database made from a schema file,
// listening on unix:DIR/NAME.sock and whatever further arguments say.
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

// await waits until the server takes connections.
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

// FreePort is a TCP port of the loopback address that nobody listens on now.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Deployment is OVN central: both databases and ovn-northd.
type Deployment struct {
	Group
	NB, SB string // remotes
}

// StartOVN brings up a Deployment in dir, which must exist; Stop ends it.
func StartOVN(ctx context.Context, dir string) (*Deployment, error) {
	d := &Deployment{Group: Group{Dir: dir}}
	for _, db := range []struct{ name, schema string }{{"nb", "ovn-nb.ovsschema"}, {"sb", "ovn-sb.ovsschema"}} {
		schema, err := Schema(db.schema)
		if err == nil {
			_, err = d.Server(ctx, db.name, schema)
		}
		if err != nil {
			d.Stop()
			return nil, err
		}
	}
	d.NB, d.SB = d.Sock("nb"), d.Sock("sb")
	if _, err := d.Start("northd", "ovn-northd", "--ovnnb-db="+d.NB, "--ovnsb-db="+d.SB,
		"-vconsole:warn", "-vsyslog:off", "-vfile:off", "--unixctl="+filepath.Join(dir, "northd.ctl")); err != nil {
		d.Stop()
		return nil, err
	}
	if _, err := d.NBCtl(ctx, "init"); err != nil {
		d.Stop()
		return nil, err
	}
	return d, nil
}

// NBCtl runs ovn-nbctl; commands are separated by newlines, with # comments,
// and northd has carried them into the Southbound database when it returns.
func (d *Deployment) NBCtl(ctx context.Context, script string) (string, error) {
	return d.Run(ctx, "", "ovn-nbctl", append([]string{"--db=" + d.NB, "--no-leader-only", "--wait=sb", "--timeout=600"}, Commands(script)...)...)
}

// SBCtl runs ovn-sbctl in the same way.
func (d *Deployment) SBCtl(ctx context.Context, script string) (string, error) {
	return d.Run(ctx, "", "ovn-sbctl", append([]string{"--db=" + d.SB, "--no-leader-only", "--timeout=60"}, Commands(script)...)...)
}

// Commands turns lines into the arguments of a ctl program: words are
// separated by blanks, single quotes keep them together, and -- stands
// between lines.
func Commands(script string) []string {
	var args []string
	for _, line := range strings.Split(script, "\n") {
		words := split(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(args) > 0 {
			args = append(args, "--")
		}
		args = append(args, words...)
	}
	return args
}

func split(line string) []string {
	var words []string
	var word []byte
	quoted, started := false, false
	for i := range len(line) {
		switch c := line[i]; {
		case c == '\'':
			quoted, started = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if started {
				words = append(words, string(word))
			}
			word, started = nil, false
		default:
			word, started = append(word, c), true
		}
	}
	if started {
		words = append(words, string(word))
	}
	return words
}

// New starts a Deployment for one test and writes the Northbound commands.
func New(t testing.TB, nbScript string) *Deployment {
	t.Helper()
	for _, tool := range Tools {
		testenv.Tool(t, tool)
	}
	d, err := StartOVN(context.Background(), Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	if nbScript != "" {
		if _, err := d.NBCtl(context.Background(), nbScript); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// Dir makes a folder whose path is short enough for a Unix socket's 108 bytes.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ovn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
