package replica

import (
	"errors"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// A command that depends on rows is refused before anything but the Northbound database was read;
// the database that was read stays as it is.
func TestTry(t *testing.T) {
	testenv.Tool(t, "ovn-nbctl")
	testenv.Tool(t, "ovsdb-server")
	room, err := rebuild.Open(rebuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer room.Close()
	schema := "/usr/share/ovn/ovn-nb.ovsschema"
	file := filepath.Join(t.TempDir(), "nb.db")
	if out, err := exec.CommandContext(t.Context(), "ovsdb-tool", "create", file, schema).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	live, err := room.OpenDB(t.Context(), "live", file)
	if err != nil {
		t.Fatal(err)
	}
	nb, err := ovn.DialNB(t.Context(), ovsdb.Options{Remotes: live.Remote})
	if err != nil {
		t.Fatal(err)
	}
	defer nb.Close()
	var refused *ChangeError
	if err := Try(t.Context(), room, nb.DB, Change{Run: [][]string{{"ls-add", "a"}, {"acl-del", "nobody"}}}); !errors.As(err, &refused) {
		t.Errorf("a row that is not there: %v", err)
	}
	res, err := nb.Select(t.Context(), ovsdb.From("Logical_Switch", "name"))
	if err != nil || len(res[0]) != 0 {
		t.Errorf("the database that was read has %d switches, %v", len(res[0]), err)
	}
}
