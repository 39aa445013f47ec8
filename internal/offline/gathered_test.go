package offline_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ovncttrace "github.com/ovn-ct-trace/ovn-ct-trace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// mustGather writes a must-gather of the databases that a sosreport has.
func mustGather(t *testing.T, sos string, env ...string) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "must-gather.local.1")
	central := filepath.Join(sos, "var", "lib", "ovn")
	cmd := exec.CommandContext(t.Context(), "bash", "../../scripts/mustgatherdump.sh", folder,
		"node1="+filepath.Join(central, "ovnnb_db.db")+","+filepath.Join(central, "ovnsb_db.db"))
	cmd.Env = append(os.Environ(), append(env, "DATAPATH_TYPE=system")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return folder
}

// A must-gather answers what happens to new connections as the chassis' own report does, and
// nothing that depends on entries; with the report beside it, the report's entries and flows count.
// Whatever is cut, no answer is another one.
func TestMustGather(t *testing.T) {
	testenv.Tool(t, "ovn-controller")
	sos, live := collected(t)
	asNew := func(bundles ...string) ([]string, string, error) {
		for i := range questions {
			questions[i].AsNew = true
		}
		defer func() {
			for i := range questions {
				questions[i].AsNew = false
			}
		}()
		return ask(t, ovncttrace.Options{Bundles: bundles})
	}
	want, why, err := asNew(sos)
	if err != nil || slices.Contains(want, "unknown") {
		t.Fatalf("as new, of the sosreport: %v, %s, %v", want, why, err)
	}
	store, leader := mustGather(t, sos), mustGather(t, sos, "LEGACY=1")
	for _, path := range []string{store, leader} {
		got, why, err := ask(t, ovncttrace.Options{Bundles: []string{path}})
		if err != nil || !slices.Equal(got, []string{"unknown", "unknown", "unknown"}) || !strings.Contains(why, "not collected") {
			t.Errorf("as asked: %v, %s, %v", got, why, err)
		}
		if got, why, err := asNew(path); err != nil || !slices.Equal(got, want) {
			t.Errorf("as new: %v, %s, %v; of the sosreport %v", got, why, err, want)
		}
	}
	// Of the report, without its databases, come entries and flows; the order does not count.
	if err := os.RemoveAll(filepath.Join(sos, "var")); err != nil {
		t.Fatal(err)
	}
	for _, bundles := range [][]string{{store, sos}, {sos, store}} {
		if got, why, err := ask(t, ovncttrace.Options{Bundles: bundles}); err != nil || !slices.Equal(got, live) {
			t.Errorf("with the report beside it: %v, %s, %v; live %v", got, why, err, live)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, kind := range []string{"leader_sbdb.gz", "leader_nbdb.gz"} {
		file := filepath.Join(leader, "quay-io-openshift-release-dev-ocp-v4-0-art-dev-sha256-0000", "network_logs", kind)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := os.WriteFile(file, whole[:rnd.IntN(len(whole))], 0o600); err != nil {
				t.Fatal(err)
			}
			got, _, err := asNew(leader)
			for i := range got {
				if err == nil && got[i] != want[i] && got[i] != "unknown" {
					t.Errorf("%s cut: question %d: %s, want %s", kind, i+1, got[i], want[i])
				}
			}
			if kind == "leader_sbdb.gz" && err == nil {
				t.Errorf("a cut Southbound database is answered from: %v", got)
			}
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
