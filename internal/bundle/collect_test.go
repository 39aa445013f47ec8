package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/sosreport"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// fake hands over what a test says.
type fake map[string][]node.Chunk

func (f fake) Parts(context.Context) (*node.Parts, error) { return &node.Parts{}, nil }

func (f fake) Collect(_ context.Context, req node.CollectRequest, yield func([]node.Chunk) error) (*node.Collected, error) {
	for _, c := range f[req.Name] {
		if err := yield([]node.Chunk{c}); err != nil {
			return nil, err
		}
	}
	return &node.Collected{}, nil
}

const (
	conf    = "OVSDB JSON 19 cf9cd71b5fea590363ebdbd02846db74b36978e4\n{\"tables\":{\"T\":{}}}"
	flows   = "OFPST_FLOW reply (OF1.5) (xid=0x2):\n cookie=0x1, table=0, priority=1 actions=drop\n"
	entries = "udp,orig=(src=10.0.0.3,dst=10.0.0.4,sport=53,dport=54),reply=(src=10.0.0.4,dst=10.0.0.3,sport=54,dport=53),zone=8\n"
)

func whole(file, text string) node.Chunk {
	return node.Chunk{File: file, Data: []byte(text), End: &node.FileEnd{}}
}

// collectFake collects one host, and returns its tree and its report.
func collectFake(t *testing.T, of fake, opt Options) (*archive.Tree, *report.BundleHost) {
	t.Helper()
	out := &report.BundleHost{Folder: "0-hv1", Chassis: "hv1", Hostname: "hv1"}
	for _, name := range AllParts {
		if of[name] != nil {
			out.Parts = append(out.Parts, report.BundlePart{Name: name})
		}
	}
	h := &host{out: out, node: of, info: &node.Info{OVSVersion: "3.1.0", OVNVersion: "23.03.1", Kernel: "6.1.0"},
		failed: []report.BundleFailure{{Chassis: "hv9", Error: "no route to host"}}}
	p := &Plan{Report: &report.BundleReport{}, hosts: []*host{h}}
	path := filepath.Join(t.TempDir(), "x.tar")
	to, err := Create(path, Plain, false)
	if err != nil {
		t.Fatal(err)
	}
	opt.Say = func(string) {}
	if err := Collect(t.Context(), p, to, opt); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Close(); err != nil {
		t.Fatal(err)
	}
	tree, err := archive.Open(t.Context(), path, func() (string, error) { return t.TempDir(), nil }, sosreport.Reader{}.Wants, archive.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	found := sosreport.Reader{}.Detect(tree)
	if len(found) != 1 {
		t.Fatalf("the reader finds %q in %q", found, tree.Names())
	}
	return tree.At(found[0]), out
}

// What a node hands over is what the reader of sosreports finds, and an error of it is an absence.
func TestCollect(t *testing.T) {
	const dp = "netdev@ovs-netdev"
	dump := "ovs-appctl dpctl/dump-conntrack -m -s " + dp
	tree, out := collectFake(t, fake{
		node.PartConf: {{File: node.ConfFile, Data: []byte(conf[:20])}, whole(node.ConfFile, conf[20:])},
		node.PartFlows: {whole("ovs-ofctl -O OpenFlow15 dump-flows br-int", flows),
			{File: "ovs-ofctl -O OpenFlow15 dump-groups br-int", Data: []byte("OFPST_GROUP_DESC reply\n"), End: &node.FileEnd{Error: "failed to connect"}}},
		node.PartConntrack: {whole(dump, entries), {File: "ovs-appctl dpctl/dump-conntrack-exp " + dp, End: &node.FileEnd{Error: "no such command", Absent: true}},
			whole("ovs-appctl dpctl/ct-get-maxconns "+dp, "7\n"), {File: "entries system@ovs-system", Data: []byte("8 {}\n"), End: &node.FileEnd{Lacks: "it changed"}}},
	}, Options{})
	h, err := sosreport.Reader{}.Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	if h.Hostname != "hv1" || h.OVS != "3.1.0" || h.OVN != "23.03.1" || h.Kernel != "6.1.0" || h.Failed["hv9"] != "no route to host" || h.Began.IsZero() && h.Conf.Lacks() != "" {
		t.Errorf("%+v", h)
	}
	if b := h.Bridge("br-int"); b.Flows.Lacks() != "" || b.Flows.Count != 1 || !strings.Contains(b.Groups.Missing, "failed to connect") {
		t.Errorf("flows %+v, groups %+v", b.Flows, b.Groups)
	}
	if p := h.Conntrack(dp); p.Lacks() != "" || p.Count != 1 {
		t.Errorf("connections: %+v", p)
	}
	if p := h.Asked("dpctl/ct-get-maxconns", dp); p.Lacks() != "" {
		t.Errorf("settings: %+v", p)
	}
	if h.WaysLack != "" {
		t.Errorf("the bundle is whole, and routes may lack: %s", h.WaysLack)
	}
	if p := h.Asked("dpctl/dump-conntrack-exp", dp); p != nil {
		t.Errorf("a command that is not there: %+v", p)
	}
	if p := h.Entries("system@ovs-system"); !strings.Contains(p.Cut, "it changed") {
		t.Errorf("entries that may lack some: %+v", p)
	}
	if e := out.Parts[1].Error; !strings.Contains(e, "dump-groups br-int: failed to connect") {
		t.Errorf("the report says %q", e)
	}
	if out.Parts[2].Error != "" || out.Parts[2].Lacks != "it changed" {
		t.Errorf("the report says %+v", out.Parts[2])
	}
}

// What does not fit is left out whole, and named; a node cannot write where it likes.
func TestCollectRefuses(t *testing.T) {
	_, out := collectFake(t, fake{
		node.PartConf:   {whole(node.ConfFile, conf)},
		node.PartRoutes: {whole("ovs-appctl ovs/route/show", strings.Repeat("x", 2000))},
	}, Options{MaxBytes: 1000})
	if out.Parts[0].Error != "" || out.Parts[1].Error != errFull.Error() || out.Parts[1].Bytes != 0 {
		t.Errorf("%+v", out.Parts)
	}
	for _, file := range []string{"../../etc/passwd", "/etc/passwd", "", "rm -rf"} {
		tree, out := collectFake(t, fake{node.PartConf: {whole(node.ConfFile, conf), whole(file, "x")}}, Options{})
		if !strings.Contains(out.Parts[0].Error, "not asked for") {
			t.Errorf("%q: %+v", file, out.Parts)
		}
		for _, n := range tree.Names() {
			if strings.Contains(n, "passwd") {
				t.Errorf("%q: %q", file, n)
			}
		}
	}
	_, out = collectFake(t, fake{node.PartConf: {{File: node.ConfFile, Data: []byte(conf)}}}, Options{})
	if !strings.Contains(out.Parts[0].Error, "has no end") {
		t.Errorf("a file without an end: %+v", out.Parts)
	}
}

// The manifest in the archive is the report.
func TestManifest(t *testing.T) {
	h := &host{out: &report.BundleHost{}, failed: []report.BundleFailure{{Chassis: "a", Error: "b"}}, absent: []string{"nb"}}
	text, err := h.manifest()
	var m map[string]json.RawMessage
	var own sosreport.Own
	if err = errors.Join(err, json.Unmarshal([]byte(text), &m)); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(m[sosreport.OwnKey], &own); err != nil || own.Failed["a"] != "b" || own.NotCollected[0] != "nb" {
		t.Errorf("%s: %v", text, err)
	}
}
