package mustgather

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// db returns a database's file with these records.
func db(records ...string) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "OVSDB JSON %d %x\n%s", len(r), sha1.Sum([]byte(r)), r)
	}
	return b.String()
}

func zip(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// packedStore returns a packed folder of files. A name that ends with "@" is a link to its content.
func packedStore(t *testing.T, files ...[2]string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f[0], Mode: 0o600, Size: int64(len(f[1])), Typeflag: tar.TypeReg}
		if name, ok := strings.CutSuffix(f[0], "@"); ok {
			h = &tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: f[1]}
			f[1] = ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return zip(b.String())
}

// gathered writes files, and reads them as a must-gather.
func gathered(t testing.TB, files map[string]string) ([]*rebuild.Host, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, "top", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := archive.Open(t.Context(), filepath.Join(dir, "top"), nil, Reader{}.Wants, archive.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if len(Reader{}.Detect(tree)) == 0 {
		t.Fatal("it is not recognised")
	}
	return Reader{}.Read(t.Context(), tree, func() (string, error) { return os.MkdirTemp(dir, "unpacked") })
}

func contents(t *testing.T, p *rebuild.Part) string {
	t.Helper()
	if !p.There() {
		return "missing: " + p.Missing
	}
	b, err := os.ReadFile(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	logs = "quay-io-x/network_logs/"
	pod  = `---
apiVersion: v1
kind: Pod
metadata: {name: ovnkube-node-aaaaa, namespace: openshift-ovn-kubernetes}
spec: {nodeName: worker-1}
`
	nodes = `---
apiVersion: v1
kind: NodeList
items:
- {kind: Node, metadata: {name: worker-1}}
- {kind: Node, metadata: {name: worker-2}}
`
)

// The databases of each node are found in the packed folder, and the node that a pod runs on is the
// zone's name.
func TestStore(t *testing.T) {
	hosts, err := gathered(t, map[string]string{
		"timestamp": "2026-11-29 10:00:00.5 +0000 UTC m=+0.1\n2026-11-29 10:02:00.5 +0000 UTC m=+120.1\n",
		logs + "ovnk_database_store.tar.gz": packedStore(t, [2]string{"ovnk_database_store/ovnkube-node-aaaaa_nbdb", db(`{"n":1}`)},
			[2]string{"ovnk_database_store/ovnkube-node-aaaaa_sbdb", db(`{"tables":{"s":1}}`)}, [2]string{"ovnk_database_store/ovnkube-node-bbbbb_sbdb", db(`{"s":2}`)}),
		"quay-io-x/namespaces/openshift-ovn-kubernetes/pods/ovnkube-node-aaaaa/ovnkube-node-aaaaa.yaml": pod,
		"quay-io-x/cluster-scoped-resources/core/nodes.yaml":                                            nodes,
	})
	if err != nil || len(hosts) != 2 {
		t.Fatal(hosts, err)
	}
	a, b := hosts[0], hosts[1]
	if a.Hostname != "worker-1" || !a.Whole || contents(t, a.NB) != db(`{"n":1}`) || contents(t, a.SB) != db(`{"tables":{"s":1}}`) || a.SB.Lacks() != "" {
		t.Errorf("the first zone: %+v", a)
	}
	if b.Hostname != "ovnkube-node-bbbbb" || contents(t, b.SB) != db(`{"s":2}`) || !strings.Contains(b.NB.Lacks(), "has no ovnkube-node-bbbbb_nbdb") {
		t.Errorf("the second zone: %+v", b)
	}
	if !strings.Contains(strings.Join(a.Notes, "\n"), "no databases of the nodes worker-2") {
		t.Errorf("the node without databases: %q", a.Notes)
	}
	if a.Ended.Sub(a.Began) != 2*time.Minute || a.Began.Unix() != time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC).Unix() {
		t.Errorf("the times: %v, %v", a.Began, a.Ended)
	}
}

// Older ones have the databases of the leader, packed; an unpacked folder is one too.
func TestLegacy(t *testing.T) {
	for _, files := range []map[string]string{
		{logs + "leader_nbdb.gz": zip(db(`{"n":1}`)), logs + "leader_sbdb.gz": zip(db(`{"tables":{"s":1}}`))},
		{logs + "ovnk_database_store/x_nbdb": db(`{"n":1}`), logs + "ovnk_database_store/x_sbdb": db(`{"tables":{"s":1}}`)},
		{"x_nbdb": db(`{"n":1}`), "x_sbdb": db(`{"tables":{"s":1}}`)},
	} {
		hosts, err := gathered(t, files)
		if err != nil || len(hosts) != 1 || contents(t, hosts[0].NB) != db(`{"n":1}`) || contents(t, hosts[0].SB) != db(`{"tables":{"s":1}}`) {
			t.Errorf("%v, %v", hosts, err)
		}
	}
}

// What is less than a database is said with what is wrong, and nothing outside is read.
func TestHostile(t *testing.T) {
	whole := db(`{"tables":{"s":1}}`, `{"s":2}`)
	for _, c := range []struct {
		name, sb, want string
	}{
		{"whole", whole, ""},
		{"empty", "", "is empty"},
		{"text", "error: container not found", "does not begin"},
		{"long text", strings.Repeat("x", 1<<20), "does not begin"},
		{"cut in a record", whole[:len(whole)-1], "after record 1 is not known"},
		{"cut in a head", whole[:len(db(`{"tables":{"s":1}}`))+8], "after record 1 is not known"},
		{"changed", strings.Replace(whole, `"s":1`, `"s":7`, 1), "was changed in record 1"},
		{"no length", "OVSDB JSON -1 00\n{}", "record 1 has no length"},
	} {
		hosts, err := gathered(t, map[string]string{logs + "x_sbdb": c.sb})
		if err != nil {
			t.Fatal(err)
		}
		if got := hosts[0].SB.Lacks(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	hosts, err := gathered(t, map[string]string{
		logs + "ovnk_database_store.tar.gz": packedStore(t, [2]string{"../../up_sbdb", whole}, [2]string{"/etc/abs_sbdb", whole},
			[2]string{"link_sbdb@", "../../../../../etc/passwd"}, [2]string{"x_sbdb", whole}, [2]string{"y/x_sbdb", whole}),
		"namespaces/openshift-ovn-kubernetes/core/pods.yaml": "kind: [",
	})
	if err != nil || len(hosts) != 2 || hosts[0].Hostname != "link" || hosts[0].SB.There() || !hosts[1].SB.There() {
		t.Fatal(hosts, err)
	}
	notes := strings.Join(hosts[0].Notes, "\n")
	for _, want := range []string{"up_sbdb", "abs_sbdb", "it is a link out of the archive", "it is there twice", "pods.yaml"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in %q", want, notes)
		}
	}
	for _, broken := range []string{"not packed", packedStore(t, [2]string{"x_sbdb", whole})[:40]} {
		if hosts, err := gathered(t, map[string]string{logs + "ovnk_database_store.tar.gz": broken}); err == nil {
			t.Errorf("a broken folder is read: %v", hosts)
		}
	}
	if hosts, err := gathered(t, map[string]string{logs + "leader_sbdb.gz": zip(whole)[:20]}); err != nil || hosts[0].SB.There() {
		t.Errorf("a cut file is read: %v, %v", hosts, err)
	}
}

// FuzzObject: whatever a file of objects holds, reading it ends.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{pod, nodes, "a: &a [*a, *a]", "kind: ["} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := readObject(strings.NewReader(text))
		if err != nil && (o.Kind != "" || len(o.Items) > 0) {
			t.Errorf("an error with a value: %v, %+v", err, o)
		}
	})
}
