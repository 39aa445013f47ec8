package deployment

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// nodeArg makes the test binary act as a node, whose Open_vSwitch database and OVN run folder
// follow.
const nodeArg = "play-node"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == nodeArg {
		_, db, _ := strings.Cut(os.Args[2], "=")
		svc := node.NewService(node.Options{DB: db, OVNRunDir: os.Args[3]})
		defer svc.Close(context.Background())
		if node.Serve(context.Background(), svc, os.Stdin, os.Stdout) != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Where a deployment begins that names no database.
func TestStarts(t *testing.T) {
	for _, c := range []struct {
		opt   Options
		names []string
		named bool
	}{
		{Options{}, []string{""}, false},
		{Options{Nodes: map[string]string{"b": "local", "a": "exec:x"}}, []string{"a", "b"}, true},
		{Options{NodeCommand: "ssh host tool"}, []string{""}, true},
		{Options{NodeCommand: "ssh {hostname} tool"}, []string{""}, false},
	} {
		if names, named := c.opt.starts(); !slices.Equal(names, c.names) || named != c.named {
			t.Errorf("%+v: %q, %v", c.opt, names, named)
		}
	}
	for sb, ok := range map[string]bool{"node:hv1": true, "node:": false, "node:hv1,tcp:10.0.0.1:6642": false, "tcp:10.0.0.1:6642": true} {
		if err := (Options{SB: sb}).Check(); (err == nil) != ok {
			t.Errorf("--sb %s: %v", sb, err)
		}
	}
	if err := (Options{NB: "node:hv1"}).Check(); err == nil {
		t.Error("--nb node:hv1 is accepted")
	}
}

// zoneOfNode is a zone with databases on sockets, and the way to the node of its chassis.
func zoneOfNode(t *testing.T, chassis string) string {
	t.Helper()
	d := ovntest.New(t, "ls-add sw0\nlsp-add sw0 "+chassis+"-p1")
	schema, err := ovsdbtest.Schema("vswitch.ovsschema")
	if err == nil {
		_, err = d.Server(t.Context(), "ovs", schema)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := ovsdbtest.Dir(t)
	for from, to := range map[string]string{d.SB: "ovnsb_db.sock", d.NB: "ovnnb_db.sock"} {
		if err := os.Symlink(strings.TrimPrefix(from, "unix:"), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	ovsdbtest.Transact(t, d.Sock("ovs"), "Open_vSwitch", fmt.Sprintf(
		`{"op":"insert","table":"Open_vSwitch","row":{"external_ids":["map",[["system-id",%q],["ovn-remote","unix:%s/ovnsb_db.sock"]]]}}`, chassis, dir))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("exec:%s %s db=%s %s", exe, nodeArg, d.Sock("ovs"), dir)
}

// Without a database of its own a deployment begins with those of a node: of the one that is named,
// or of the first that answers.
func TestOpenByNode(t *testing.T) {
	none := t.TempDir()
	t.Setenv("OVN_RUNDIR", none)
	t.Setenv("OVN_SB_DB", "")
	t.Setenv("OVN_NB_DB", "")
	nodes := map[string]string{"hv0": "exec:/bin/false", "hv7": zoneOfNode(t, "hv7"), "hv8": zoneOfNode(t, "hv8")}
	for sb, want := range map[string]string{"": "hv7", "node:hv8": "hv8"} {
		d, err := Open(t.Context(), Options{SB: sb, Nodes: nodes})
		if err != nil {
			t.Fatalf("--sb %q: %v", sb, err)
		}
		if d.NB == nil || !strings.HasSuffix(d.NB.Remote(), " on "+want) || !strings.HasSuffix(d.SB.Remote(), " on "+want) {
			t.Errorf("--sb %q: %s, %v", sb, d.SB.Remote(), d.NoNB)
		}
		if _, err := d.SB.PortByName(t.Context(), want+"-p1"); err != nil {
			t.Errorf("--sb %q: %v", sb, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	var unreached *node.Error
	if _, err := Open(t.Context(), Options{SB: "node:hv0", Nodes: nodes}); !errors.As(err, &unreached) || unreached.Node != "hv0" {
		t.Errorf("a node that does not answer: %v", err)
	}
}

// TestNorthOfZone: each run that lacks the Northbound database of a zone has the warning, once; one
// that was not found out because a run ended is asked for again.
func TestNorthOfZone(t *testing.T) {
	nb := ovsdbtest.Lone(t, "ovn-nb.ovsschema", "OVN_Northbound", `{"op":"insert","table":"NB_Global","row":{}}`)
	s := (&Deployment{opt: Options{NBOf: map[string]string{"hv4": "tcp:127.0.0.1:1", "hv5": nb}}}).share()
	defer s.Close(t.Context())
	sb := &ovn.SB{}
	for range 2 {
		r := s.Run()
		for range 2 {
			if r.zoneNB(t.Context(), "hv4", sb) != nil {
				t.Error("hv4's zone has a Northbound database")
			}
		}
		if w := r.Warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "without the Northbound database of hv4's zone, ") {
			t.Errorf("warnings: %q", w)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if s.Run().zoneNB(ended, "hv5", sb) != nil {
		t.Error("a run that has ended has a Northbound database")
	}
	r := s.Run()
	if r.zoneNB(t.Context(), "hv5", sb) == nil || len(r.Warnings()) != 0 {
		t.Errorf("the next run: %q", r.Warnings())
	}
}

// TestZonesAtOnce: the database of a zone that does not answer holds up that of no other zone.
func TestZonesAtOnce(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := (&Deployment{}).share()
	defer s.Close(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.dialSB(ctx, "hv1", "tcp:"+silent.Addr().String())
		ended <- err
	}()
	conn, err := silent.Accept() // it is being opened
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	other := make(chan error)
	go func() {
		_, err := s.dialSB(ctx, "hv2", "tcp:127.0.0.1:1")
		other <- err
	}()
	select {
	case err := <-other:
		if err == nil {
			t.Error("hv2's zone answers")
		}
	case <-time.After(10 * time.Second):
		t.Error("the other zone waits")
		go func() { <-other }()
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
