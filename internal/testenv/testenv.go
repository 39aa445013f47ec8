// Package testenv decides whether a test that needs the machine (a tool, root, a corpus) runs, is
// skipped, or fails. Under CT_TRACE_LIVE=1 nothing is skipped: a test that cannot run fails.
package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Live reports whether missing tools are failures (CT_TRACE_LIVE=1).
func Live() bool { return os.Getenv("CT_TRACE_LIVE") == "1" }

// missing skips on a laptop and fails in CI.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if Live() {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Tool returns the path of a program, or ends the test if it is not installed.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		// OVS and OVN daemons are in sbin, which a user's PATH may lack.
		for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
			p := filepath.Join(dir, name)
			if _, err := os.Stat(p); err == nil {
				return p
			}
		}
		missing(t, "tool %s is not installed", name)
	}
	return path
}

// Root ends the test unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "needs root")
	}
}

// Need ends the test unless ok; why names what is missing.
func Need(t testing.TB, ok bool, why string) {
	t.Helper()
	if !ok {
		missing(t, "%s", why)
	}
}

// Corpus returns the files matching pattern and fails the test if there are none: a check of no
// files has checked nothing.
func Corpus(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatalf("corpus %s: %v", pattern, err)
	}
	if len(files) == 0 {
		t.Fatalf("corpus %s is empty", pattern)
	}
	return files
}
