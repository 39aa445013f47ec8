package ovsdb

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

func TestLeaderOnly(t *testing.T) {
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool"} {
		testenv.Tool(t, tool)
	}
	schema, err := ovsdbtest.Schema("vswitch.ovsschema")
	if err != nil {
		t.Fatal(err)
	}
	g := &ovsdbtest.Group{Dir: ovsdbtest.Dir(t)}
	t.Cleanup(g.Stop)
	var raft [2]string
	for i := range raft {
		port, err := ovsdbtest.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		raft[i] = fmt.Sprintf("tcp:127.0.0.1:%d", port)
	}
	a, b := filepath.Join(g.Dir, "a.db"), filepath.Join(g.Dir, "b.db")
	if _, err := g.Run(t.Context(), "", "ovsdb-tool", "create-cluster", a, schema, raft[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Run(t.Context(), "", "ovsdb-tool", "join-cluster", b, "Open_vSwitch", raft[1], raft[0]); err != nil {
		t.Fatal(err)
	}
	leader, err := g.Serve(t.Context(), "a", a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Serve(t.Context(), "b", b); err != nil {
		t.Fatal(err)
	}
	dial := func(remotes string, leaderOnly bool) (*DB, error) {
		return Dial(t.Context(), Options{Remotes: remotes, Database: "Open_vSwitch", LeaderOnly: leaderOnly, Timeout: 2 * time.Second})
	}
	// The second member needs a moment to join.
	var db *DB
	for try := 0; ; try++ {
		if db, err = dial(g.Sock("b"), false); err == nil {
			break
		}
		if try == 100 {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	db.Close()
	if _, err := dial(g.Sock("b"), true); !errors.Is(err, ErrNotLeader) || !strings.Contains(err.Error(), g.Sock("b")) {
		t.Errorf("follower: %v, want ErrNotLeader with its name", err)
	}
	db, err = dial(g.Sock("b")+","+g.Sock("a"), true)
	if err != nil || db.Remote() != g.Sock("a") {
		t.Fatalf("follower, leader: %v, %v", db, err)
	}
	db.Close()
	// Without its leader the follower of two has no quorum.
	g.StopOne(leader)
	for try := 0; ; try++ {
		db, err := dial(g.Sock("b"), false)
		if errors.Is(err, ErrNotConnected) {
			break
		}
		if err == nil {
			db.Close()
		}
		if try == 150 {
			t.Fatalf("cut off member: %v, want ErrNotConnected", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
