package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlugin: as a plugin of kubectl the command reaches nodes through kubectl unless the user
// names another way.
func TestPlugin(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("OVN_SB_DB", "unix:"+filepath.Join(dir, "none"))
	t.Setenv("PATH", dir)
	run := func(name string, args ...string) (int, string) {
		var out, errs bytes.Buffer
		status := RunAs(t.Context(), name, args, strings.NewReader(""), &out, &errs)
		return status, out.String() + errs.String()
	}
	for name, want := range map[string]string{
		"/usr/local/bin/kubectl-ovn_ct_trace": "kubectl ovn-ct-trace trace [flags]",
		"oc-ovn_ct_trace":                     "oc ovn-ct-trace trace [flags]",
		"ovn-ct-trace":                        "  ovn-ct-trace trace [flags]",
		"kubectl-other":                       "  ovn-ct-trace trace [flags]",
	} {
		if status, text := run(name, "trace", "--help"); status != exitOK || !strings.Contains(text, want) {
			t.Errorf("%s: %d: no %q in %s", name, status, want, text)
		}
	}
	// --kube-context has no effect without --kube, which a plugin has.
	args := []string{"trace", "--from", "a", "--to", "b", "--kube-context", "c"}
	if status, text := run("ovn-ct-trace", args...); status != exitUsage || !strings.Contains(text, "--kube-context has no effect without --kube") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := run("kubectl-ovn_ct_trace", args...); status != exitUnreachable {
		t.Errorf("%d %s", status, text)
	}
	if status, text := run("kubectl-ovn_ct_trace", append(args, "--node-cmd", "ssh {hostname}")...); status != exitUsage || !strings.Contains(text, "without --kube") {
		t.Errorf("%d %s", status, text)
	}
	// Nor is an archive asked for through kubectl.
	if status, text := run("kubectl-ovn_ct_trace", "trace", "--from", "a", "--to", "b", "--bundle", filepath.Join(dir, "report")); status != exitUsage || !strings.Contains(text, "report: no such file") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := run("kubectl-ovn_ct_trace", "trace", "--from", "--to", "b"); status != exitUsage || !strings.Contains(text, "--from has no value") {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := run("kubectl-ovn_ct_trace", "version"); status != exitOK {
		t.Errorf("version: %d", status)
	}
}

// TestPushFlags: what cannot be sent or has no way is refused before anything is asked.
func TestPushFlags(t *testing.T) {
	t.Setenv("OVN_SB_DB", "unix:/nowhere")
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"--push", "--push needs a way to the nodes"},
		{"--push-keep", "--push needs a way to the nodes"},
		{"--push --node hv1=local", "--push needs a way to the nodes"},
		{"--push --node-cmd tls:{ip}:7471 -c c -p k -C a", "--push needs a way to the nodes"},
		{"--push-binary " + file + " --node-cmd ssh", "--push-binary: " + file + " is no Linux program"},
		{"--push-binary arm64=/nowhere/x --node-cmd ssh", "--push-binary: open /nowhere/x: no such file"},
		{"--kube= --kube-namespace x", "--kube-namespace has no effect without --kube"},
		{"--kube --node-cmd ssh", "--kube and --node-cmd are both ways to all nodes"},
		{"--kube=\"x", "--kube: command"},
		{"--kube --bundle /nowhere", "--bundle is the whole deployment"},
		{"--push --bundle /nowhere", "--bundle is the whole deployment"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"trace", "--from", "a", "--to", "b"}, strings.Fields(c.args)...)
		if status := Run(t.Context(), args, strings.NewReader(""), &out, &errs); status != exitUsage || !strings.HasPrefix(errs.String(), "ovn-ct-trace: "+c.want) {
			t.Errorf("%s: %d %q", c.args, status, errs.String())
		}
	}
}

// TestCleanInPods: with --kube the entries of the pods' chassis are meant, not this machine's only.
func TestCleanInPods(t *testing.T) {
	for _, verb := range []string{"list", "clean"} {
		var out, errs bytes.Buffer
		args := []string{"ct", verb, "--journal", t.TempDir(), "--sb", "unix:/nowhere/sb", "--kube=kubectl"}
		if status := Run(t.Context(), args, strings.NewReader(""), &out, &errs); status != exitUnreachable || !strings.Contains(errs.String(), "/nowhere/sb") {
			t.Errorf("ct %s: %d %q", verb, status, errs.String())
		}
	}
}
