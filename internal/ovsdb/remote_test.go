package ovsdb

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

func TestParseRemote(t *testing.T) {
	for _, c := range []struct{ in, network, addr, bad string }{
		{"unix:/run/ovn/ovnsb_db.sock", "unix", "/run/ovn/ovnsb_db.sock", ""},
		{"tcp:10.0.0.1:6642", "tcp", "10.0.0.1:6642", ""},
		{"tcp:10.0.0.1", "tcp", "10.0.0.1:6640", ""},
		{"ssl:[fd00::1]:6642", "tcp", "[fd00::1]:6642", ""},
		{"tcp:[fd00::1]", "tcp", "[fd00::1]:6640", ""},
		{"ptcp:6642", "", "", "is not unix, tcp or ssl"},
		{"/run/ovn/ovnsb_db.sock", "", "", "want unix:FILE"},
		{"tcp:fd00::1:6642", "", "", "in brackets"},
		{"tcp:[fd00::1", "", "", "missing ]"},
	} {
		r, err := parseRemote(c.in)
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) || !strings.Contains(err.Error(), c.in) {
				t.Errorf("%s: %v, want %q", c.in, err, c.bad)
			}
			continue
		}
		if err != nil || r.network != c.network || r.addr != c.addr {
			t.Errorf("%s: %+v, %v", c.in, r, err)
		}
	}
	if _, err := Dial(context.Background(), Options{Database: "OVN_Southbound"}); err == nil {
		t.Error("no remote: no error")
	}
}

// vswitch starts an ovsdb-server on the Open_vSwitch schema: the quickest real server.
func vswitch(t *testing.T, args ...string) *ovsdbtest.Group {
	t.Helper()
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool", "ovs-vsctl"} {
		testenv.Tool(t, tool)
	}
	g := &ovsdbtest.Group{Dir: ovsdbtest.Dir(t)}
	t.Cleanup(g.Stop)
	schema, err := ovsdbtest.Schema("vswitch.ovsschema")
	if err == nil {
		_, err = g.Server(t.Context(), "ovs", schema, args...)
	}
	if err == nil {
		_, err = g.Run(t.Context(), "", "ovs-vsctl", "--db="+g.Sock("ovs"), "--no-wait", "init")
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestRemotes(t *testing.T) {
	port, err := ovsdbtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	tcp := fmt.Sprintf("tcp:127.0.0.1:%d", port)
	g := vswitch(t, fmt.Sprintf("--remote=ptcp:%d:127.0.0.1", port))
	dead := "unix:" + filepath.Join(g.Dir, "nobody.sock")
	for _, c := range []struct{ remotes, database, remote, bad string }{
		{tcp, "Open_vSwitch", tcp, ""},
		{dead + "," + tcp, "Open_vSwitch", tcp, ""},
		{dead, "Open_vSwitch", "", dead},
		{dead + "," + g.Sock("ovs"), "OVN_Southbound", "", "no such database on this server (it serves Open_vSwitch, _Server)"},
		{"tcp:127.0.0.1:1," + dead, "Open_vSwitch", "", "connect: tcp:127.0.0.1:1: connection refused; unix:"},
		{"tcp:127.0.0.1:1", "Open_vSwitch", "", "Open_vSwitch at tcp:127.0.0.1:1: connect: connection refused"},
	} {
		db, err := Dial(t.Context(), Options{Remotes: c.remotes, Database: c.database, Timeout: 2 * time.Second})
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s %s: %v, want %q", c.remotes, c.database, err, c.bad)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.remotes, err)
			continue
		}
		if db.Remote() != c.remote {
			t.Errorf("%s: connected to %s", c.remotes, db.Remote())
		}
		if rows, err := db.Select(t.Context(), From("Open_vSwitch", "external_ids", "no_such_column")); err != nil || len(rows[0]) != 1 {
			t.Errorf("%s: %v, %v", c.remotes, rows, err)
		}
		db.Close()
	}
}

func TestServerRestart(t *testing.T) {
	g := vswitch(t)
	db, err := Dial(t.Context(), Options{Remotes: g.Sock("ovs"), Database: "Open_vSwitch"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	read := func() error {
		rows, err := db.Select(t.Context(), From("Open_vSwitch", "external_ids"))
		if err == nil && len(rows[0]) != 1 {
			err = fmt.Errorf("%d rows", len(rows[0]))
		}
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	g.Stop()
	if err := read(); err == nil || !strings.Contains(err.Error(), g.Sock("ovs")) {
		t.Fatalf("server gone: %v", err)
	}
	if _, err := g.Serve(t.Context(), "ovs", filepath.Join(g.Dir, "ovs.db")); err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil {
		t.Fatalf("after restart: %v", err)
	}
}
