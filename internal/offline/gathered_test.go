package offline_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ovncttrace "github.com/ovn-ct-trace/ovn-ct-trace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline/cuts"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
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
	unsearched(t, unpacked(t, store))
	behind(t, unpacked(t, store), want, asNew)
	contested(t, unpacked(t, store), asNew)
	// The packed databases, and those that are packed, before they were.
	for _, run := range []struct {
		folder string
		files  string
	}{{store, "*"}, {leader, "leader_*"}, {unpacked(t, store), "*_?bdb"}} {
		cutGathered(t, run.folder, run.files, want, asNew)
	}
}

// unsearched asks for a port that no zone has: where a zone's database is missing it may be there.
func unsearched(t *testing.T, folder string) {
	t.Helper()
	for _, missing := range []bool{false, true} {
		if missing {
			found, err := filepath.Glob(filepath.Join(folder, "*", "network_logs", "ovnk_database_store", "*_nbdb"))
			if err != nil || len(found) != 1 {
				t.Fatalf("%v, %v", found, err)
			}
			if err := os.Link(found[0], filepath.Join(filepath.Dir(found[0]), "other_nbdb")); err != nil {
				t.Fatal(err)
			}
		}
		d, err := ovncttrace.Open(t.Context(), ovncttrace.Options{Bundles: []string{folder}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Trace(t.Context(), ovncttrace.Question{From: "nobody", To: "10.0.0.4"})
		d.Close()
		var unknown *deployment.UnsearchedError
		if errors.As(err, &unknown) != missing || !ovn.IsNotFound(err) {
			t.Errorf("without a zone's database %t: %v", missing, err)
		}
	}
}

// southbound returns the Southbound database of an unpacked must-gather, and what asks it.
func southbound(t *testing.T, folder string) (transact func(command, ops string) []byte) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*", "network_logs", "ovnk_database_store", "*_sbdb"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	return func(command, ops string) []byte {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "ovsdb-tool", command, found[0], `["OVN_Southbound", `+ops+`]`).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return out
	}
}

// contested adds a logical flow beside each of the first stage, with the same match and priority and
// other actions: which of them a chassis has is unknown.
func contested(t *testing.T, folder string, asNew func(...string) ([]string, string, error)) {
	t.Helper()
	transact := southbound(t, folder)
	var flows []struct {
		Rows []map[string]any `json:"rows"`
	}
	const first = `{"op": "select", "table": "Logical_Flow", "where": [["pipeline", "==", "ingress"], ["table_id", "==", 0]],
		"columns": ["logical_datapath", "logical_dp_group", "pipeline", "table_id", "priority", "match"]}`
	if err := json.Unmarshal(transact("query", first), &flows); err != nil {
		t.Fatal(err)
	}
	for _, row := range flows[0].Rows {
		row["actions"] = "next(pipeline=ingress, table=1);"
		text, err := json.Marshal(map[string]any{"op": "insert", "table": "Logical_Flow", "row": row})
		if err != nil {
			t.Fatal(err)
		}
		transact("transact", string(text))
	}
	got, why, err := asNew(folder)
	if err != nil || slices.ContainsFunc(got, func(v string) bool { return v != "unknown" }) || !strings.Contains(why, "which of 2 logical flows with the match ") {
		t.Errorf("of %d contested flows: %v, %s, %v", len(flows[0].Rows), got, why, err)
	}
}

// behind counts a configuration that no chassis has confirmed: which flows they had is unknown.
func behind(t *testing.T, folder string, want []string, asNew func(...string) ([]string, string, error)) {
	t.Helper()
	transact := southbound(t, folder)
	mutate := func(mutation string) {
		t.Helper()
		transact("transact", `{"op": "mutate", "table": "SB_Global", "where": [], "mutations": [`+mutation+`]}`)
	}
	mutate(`["nb_cfg", "+=", 1]`)
	if got, why, err := asNew(folder); err == nil || !strings.Contains(err.Error(), "ovn-controller was behind") {
		t.Errorf("of a chassis that is behind: %v, %s, %v", got, why, err)
	}
	// Where chassis confirm nothing in the database, that says nothing.
	mutate(`["options", "insert", ["map", [["enable_chassis_nb_cfg_update", "false"]]]]`)
	if got, why, err := asNew(folder); err != nil || !slices.Equal(got, want) {
		t.Errorf("of a chassis that does not confirm: %v, %s, %v; want %v", got, why, err, want)
	}
}

// unpacked returns a must-gather whose databases are not packed.
func unpacked(t *testing.T, folder string) string {
	t.Helper()
	to := copyOf(t, folder)
	stores, err := filepath.Glob(filepath.Join(to, "*", "network_logs", "ovnk_database_store.tar.gz"))
	if err != nil || len(stores) != 1 {
		t.Fatalf("%v, %v", stores, err)
	}
	if out, err := exec.CommandContext(t.Context(), "tar", "-C", filepath.Dir(stores[0]), "-xf", stores[0]).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Remove(stores[0]); err != nil {
		t.Fatal(err)
	}
	return to
}

// cutGathered cuts the files of a must-gather whose names match.
func cutGathered(t *testing.T, folder, files string, want []string, asNew func(...string) ([]string, string, error)) {
	t.Helper()
	run := &cuts.Run{Folders: []string{folder}, Places: places(), Seed: seed(), Log: t.Logf,
		Files: func(_, name string) bool { ok, _ := filepath.Match(files, filepath.Base(name)); return ok },
		Ask: func(_ context.Context, folders []string) ([]cuts.Answer, error) {
			got, why, err := asNew(folders...)
			return cutAnswers(got, why), err
		}}
	run.Live = cutAnswers(want, "")
	count, err := run.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", files, count)
	for _, w := range count.Wrong {
		t.Error(w)
	}
}
