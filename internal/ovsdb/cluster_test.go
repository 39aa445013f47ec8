package ovsdb

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// cluster is a real cluster of three members, a, b and c; a leads it at first.
type cluster struct {
	*ovsdbtest.Group
	members map[string]*exec.Cmd
	remotes map[string]string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool", "ovs-appctl", "ovs-vsctl"} {
		testenv.Tool(t, tool)
	}
	schema, err := ovsdbtest.Schema("vswitch.ovsschema")
	if err != nil {
		t.Fatal(err)
	}
	g := &cluster{Group: &ovsdbtest.Group{Dir: ovsdbtest.Dir(t)}, members: map[string]*exec.Cmd{}, remotes: map[string]string{}}
	t.Cleanup(g.Stop)
	first := ""
	for _, name := range []string{"a", "b", "c"} {
		raft, client := port(t), port(t)
		file := filepath.Join(g.Dir, name+".db")
		at := fmt.Sprintf("tcp:127.0.0.1:%d", raft)
		args := []string{"create-cluster", file, schema, at}
		if first != "" {
			args = []string{"join-cluster", file, "Open_vSwitch", at, first}
		}
		if _, err := g.Run(t.Context(), "", "ovsdb-tool", args...); err != nil {
			t.Fatal(err)
		}
		first = cmpOr(first, at)
		if g.members[name], err = g.Serve(t.Context(), name, fmt.Sprintf("--remote=ptcp:%d:127.0.0.1", client), file); err != nil {
			t.Fatal(err)
		}
		g.remotes[name] = fmt.Sprintf("tcp:127.0.0.1:%d", client)
		until(t, name+" joins", func() bool {
			db, err := Dial(t.Context(), Options{Remotes: g.remotes[name], Database: "Open_vSwitch"})
			if err == nil {
				db.Close()
			}
			return err == nil
		})
	}
	if _, err := g.Run(t.Context(), "", "ovs-vsctl", "--db="+g.all(), "--no-wait", "init"); err != nil {
		t.Fatal(err)
	}
	return g
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func port(t *testing.T) int {
	t.Helper()
	p, err := ovsdbtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// all returns the remotes of the three members.
func (g *cluster) all() string {
	return g.remotes["a"] + "," + g.remotes["b"] + "," + g.remotes["c"]
}

// name returns the member at a remote.
func (g *cluster) name(remote string) string {
	for name, r := range g.remotes {
		if r == remote {
			return name
		}
	}
	return remote
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 300 {
		if ok() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s: not in time", what)
}

// asks reads the database's only row.
func asks(t *testing.T, db *DB) error {
	t.Helper()
	res, err := db.Select(t.Context(), From("Open_vSwitch", "next_cfg"))
	if err == nil && len(res[0]) != 1 {
		t.Errorf("%d rows", len(res[0]))
	}
	return err
}

// A run goes on while its cluster loses its leader, and a second leader hands its office over; it
// ends when two of three members are gone.
func TestLeaderLost(t *testing.T) {
	t.Parallel()
	g := newCluster(t)
	db, err := Dial(t.Context(), Options{Remotes: g.all(), Database: "Open_vSwitch", LeaderOnly: true, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := asks(t, db); err != nil || g.name(db.Remote()) != "a" {
		t.Fatalf("%s: %v", g.name(db.Remote()), err)
	}
	g.StopOne(g.members["a"])
	if err := asks(t, db); err != nil {
		t.Fatalf("after the leader's end: %v", err)
	}
	second := g.name(db.Remote())
	if second == "a" {
		t.Fatal("the remote is that of the member that ended")
	}
	// A member that is no longer the leader is read on: the connection to it lives.
	if _, err := g.Run(t.Context(), "", "ovs-appctl", "-t", filepath.Join(g.Dir, second+".ctl"), "cluster/failure-test", "transfer-leadership"); err != nil {
		t.Fatal(err)
	}
	if err := asks(t, db); err != nil {
		t.Errorf("after the leader has handed over: %v", err)
	}
	hasty, err := Dial(t.Context(), Options{Remotes: g.all(), Database: "Open_vSwitch", LeaderOnly: true, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer hasty.Close()
	g.StopOne(g.members[g.name(hasty.Remote())]) // the leader; one of three is left
	err = asks(t, hasty)
	if !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrNotConnected) {
		t.Errorf("without two of three: %v", err)
	}
}

// A follower is lost in the middle of a run that may ask any member.
func TestFollowerLost(t *testing.T) {
	t.Parallel()
	g := newCluster(t)
	db, err := Dial(t.Context(), Options{Remotes: g.remotes["c"] + "," + g.all(), Database: "Open_vSwitch", Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := asks(t, db); err != nil || g.name(db.Remote()) != "c" {
		t.Fatalf("%s: %v", g.name(db.Remote()), err)
	}
	g.StopOne(g.members["c"])
	if err := asks(t, db); err != nil || g.name(db.Remote()) != "a" {
		t.Errorf("%s: %v", g.name(db.Remote()), err)
	}
}

// A relay server serves what its cluster has, whoever leads it, until it has lost all of it.
func TestRelay(t *testing.T) {
	t.Parallel()
	g := newCluster(t)
	_, err := g.Serve(t.Context(), "relay", "relay:Open_vSwitch:"+g.all())
	if err != nil {
		t.Fatal(err)
	}
	dial := func() (*DB, error) {
		return Dial(t.Context(), Options{Remotes: g.Sock("relay"), Database: "Open_vSwitch", LeaderOnly: true, Timeout: 20 * time.Second})
	}
	var db *DB
	until(t, "the relay has its database", func() bool {
		db, err = dial()
		return err == nil
	})
	defer db.Close()
	until(t, "the relay has the row", func() bool {
		res, err := db.Select(t.Context(), From("Open_vSwitch"))
		return err == nil && len(res[0]) == 1
	})
	g.StopOne(g.members["a"])
	until(t, "the relay follows the next leader", func() bool {
		again, err := dial()
		if err != nil {
			return false
		}
		defer again.Close()
		return asks(t, again) == nil
	})
	for _, name := range []string{"b", "c"} {
		g.StopOne(g.members[name])
	}
	until(t, "the relay says that it has lost its source", func() bool {
		again, err := dial()
		if err == nil {
			again.Close()
		}
		return errors.Is(err, ErrNotConnected)
	})
}
