package rebuild

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// Databases are served while somebody is connected, however many there are; of those that nobody
// uses a few stay, and each can be asked again.
func TestServeLater(t *testing.T) {
	testenv.Tool(t, "ovsdb-server")
	testenv.Tool(t, "ovsdb-tool")
	room, err := Open(Options{Parent: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer room.Close()
	served := func() (n int) {
		room.mu.Lock()
		defer room.mu.Unlock()
		for _, p := range room.procs {
			if p.Alive() {
				n++
			}
		}
		return n
	}
	file := filepath.Join(t.TempDir(), "db")
	if _, err := room.Run(t.Context(), nil, "ovsdb-tool", "create", file, "/usr/share/openvswitch/vswitch.ovsschema"); err != nil {
		t.Fatal(err)
	}
	var remotes []string
	for i := range maxIdle + 3 {
		remote, err := room.ServeLater(fmt.Sprint("zone", i), file)
		if err != nil {
			t.Fatal(err)
		}
		remotes = append(remotes, remote)
	}
	if n := served(); n != 0 {
		t.Errorf("%d are served before they are needed", n)
	}
	ask := func(remote string) *ovsdb.DB {
		t.Helper()
		db, err := ovsdb.Dial(t.Context(), ovsdb.Options{Remotes: remote, Database: openVSwitch})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Select(t.Context(), ovsdb.From("Bridge", "name")); err != nil {
			t.Fatal(err)
		}
		return db
	}
	var held []*ovsdb.DB
	for _, r := range remotes {
		held = append(held, ask(r))
	}
	if n := served(); n != len(remotes) {
		t.Errorf("%d of %d that are in use are served", n, len(remotes))
	}
	for _, db := range held {
		db.Close()
	}
	for range 2 {
		for _, r := range remotes {
			ask(r).Close()
		}
	}
	waitFor(t, func() bool { return served() == maxIdle })
	if err := room.Close(); err != nil {
		t.Error(err)
	}
	if n := served(); n != 0 {
		t.Errorf("%d are left", n)
	}
	if _, err := ovsdb.Dial(t.Context(), ovsdb.Options{Remotes: remotes[0], Database: openVSwitch}); err == nil {
		t.Error("a room that was closed serves")
	}
}

// waitFor polls until ok, or until the test's time is over.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-t.Context().Done():
			t.Fatal("it does not come")
		default:
		}
	}
}
