// Package dummy starts an Open vSwitch that needs no root and no kernel module, for tests:
// ovsdb-server and ovs-vswitchd with the dummy datapath, in a directory of their own.
package dummy

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
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// OVS is a running Open vSwitch, which is stopped when its test ends.
type OVS struct {
	RunDir  string
	Ctl     string // ovs-vswitchd's control socket
	PID     int    // of ovs-vswitchd
	Version string // such as 3.1.0

	t      testing.TB
	env    []string
	client *unixctl.Client
}

// schemas are the paths at which packages install the database's schema.
var schemas = []string{"/usr/share/openvswitch/vswitch.ovsschema", "/usr/local/share/openvswitch/vswitch.ovsschema"}

// Start starts Open vSwitch, or ends the test if its programs are missing.
func Start(t testing.TB) *OVS {
	t.Helper()
	server, vswitchd := testenv.Tool(t, "ovsdb-server"), testenv.Tool(t, "ovs-vswitchd")
	tool := testenv.Tool(t, "ovsdb-tool")
	schema := ""
	for _, s := range schemas {
		if _, err := os.Stat(s); err == nil {
			schema = s
			break
		}
	}
	testenv.Need(t, schema != "", "vswitch.ovsschema is not installed")

	// Not t.TempDir: a socket's path has at most 107 bytes.
	dir, err := os.MkdirTemp("", "ovs-dummy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o := &OVS{RunDir: dir, t: t, env: append(os.Environ(),
		"OVS_RUNDIR="+dir, "OVS_LOGDIR="+dir, "OVS_DBDIR="+dir, "OVS_SYSCONFDIR="+dir,
		"OVN_RUNDIR="+dir, "OVN_LOGDIR="+dir)}
	db, sock := filepath.Join(dir, "conf.db"), "unix:"+filepath.Join(dir, "db.sock")
	o.run(tool, "create", db, schema)
	o.daemon(server, db, "--remote=p"+sock, "--pidfile", "-vconsole:off")
	o.wait("ovsdb-server", filepath.Join(dir, "db.sock"))
	o.run(testenv.Tool(t, "ovs-vsctl"), "--no-wait", "--db="+sock, "init")
	o.PID = o.daemon(vswitchd, sock, "--enable-dummy=system", "--disable-system", "--pidfile",
		"--log-file="+filepath.Join(dir, "vswitchd.log"), "-vconsole:off")
	o.Ctl = filepath.Join(dir, fmt.Sprintf("ovs-vswitchd.%d.ctl", o.PID))
	o.wait("ovs-vswitchd", o.Ctl, filepath.Join(dir, "ovs-vswitchd.pid"))
	o.client = &unixctl.Client{Path: o.Ctl}
	t.Cleanup(func() { o.client.Close() })
	// ovs-vswitchd listens before it registers the commands of bridges (bridge_init).
	for deadline := time.Now().Add(time.Minute); !strings.Contains(o.Appctl("list-commands"), "ofproto/trace"); {
		if time.Now().After(deadline) {
			t.Fatal("ovs-vswitchd has not registered ofproto/trace within a minute")
		}
		time.Sleep(10 * time.Millisecond)
	}
	version := o.Appctl("version")
	fields := strings.Fields(version)
	if len(fields) < 4 {
		t.Fatalf("cannot read the version of ovs-vswitchd in %q", version)
	}
	o.Version = fields[3]
	return o
}

// daemon starts a process that is killed, by its id, when the test ends.
func (o *OVS) daemon(path string, args ...string) int {
	o.t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Dir = o.env, o.RunDir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // only the test receives ^C; it cleans up
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if o.t.Failed() && out.Len() > 0 {
			o.t.Logf("%s: %s", filepath.Base(path), out.String())
		}
	})
	return cmd.Process.Pid
}

// wait waits until the files exist and the sockets among them accept connections: bind creates the
// file before listen.
func (o *OVS) wait(who string, paths ...string) {
	o.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for _, p := range paths {
		for {
			if ready(p) {
				break
			}
			if time.Now().After(deadline) {
				o.t.Fatalf("%s did not start: no %s", who, p)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func ready(path string) bool {
	fi, err := os.Stat(path)
	if err != nil || fi.Mode()&os.ModeSocket == 0 {
		return err == nil
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func (o *OVS) run(path string, args ...string) string {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Dir = o.env, o.RunDir
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("%s %s: %v: %s", filepath.Base(path), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Vsctl runs ovs-vsctl and waits until ovs-vswitchd has applied the change.
func (o *OVS) Vsctl(args ...string) string {
	o.t.Helper()
	db := "--db=unix:" + filepath.Join(o.RunDir, "db.sock")
	return strings.TrimSpace(o.run(testenv.Tool(o.t, "ovs-vsctl"), append([]string{db, "--timeout=90"}, args...)...))
}

// Ofctl runs ovs-ofctl with every OpenFlow version that OVS supports.
func (o *OVS) Ofctl(args ...string) string {
	o.t.Helper()
	return o.run(testenv.Tool(o.t, "ovs-ofctl"), append([]string{"-OOpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15"}, args...)...)
}

// AddFlows adds flows, one a line, to a bridge.
func (o *OVS) AddFlows(bridge, flows string) {
	o.t.Helper()
	file := filepath.Join(o.RunDir, "flows.txt")
	if err := os.WriteFile(file, []byte(flows), 0o600); err != nil {
		o.t.Fatal(err)
	}
	o.Ofctl("add-flows", bridge, file)
}

// AddPorts adds dummy ports NAME=OFPORT to a bridge.
func (o *OVS) AddPorts(bridge string, ports map[string]int) {
	o.t.Helper()
	var args []string
	for name, n := range ports {
		args = append(args, "--", "add-port", bridge, name, "--", "set", "interface", name, "type=dummy",
			fmt.Sprintf("ofport_request=%d", n))
	}
	o.Vsctl(args[1:]...)
}

// Appctl calls ovs-vswitchd over its control socket and fails the test on an error.
func (o *OVS) Appctl(method string, args ...string) string {
	o.t.Helper()
	out, err := o.Call(context.Background(), method, args...)
	if err != nil {
		o.t.Fatal(err)
	}
	return out
}

// Call calls ovs-vswitchd over its control socket.
func (o *OVS) Call(ctx context.Context, method string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return o.client.Call(ctx, method, args...)
}
