package ovncttrace_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// libraryTest is the test of a separate module that uses this one.
const libraryTest = "testdata/library/policy_test.go"

// TestLibraryBuilds: a separate module that uses this one builds offline. make test runs the result
// in the lab.
func TestLibraryBuilds(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "library.test")
	if out, err := exec.Command("scripts/library.sh", bin).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(bin, "-test.list=.").CombinedOutput()
	if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, []string{"TestBridge", "TestPolicy"}) {
		t.Errorf("has %q, %v", got, err)
	}
}

// maxLines bounds the lines of a test that traces and asserts.
const maxLines = 15

// TestReadmeHasLibraryTest: README shows the test that is built and run, which is short.
func TestReadmeHasLibraryTest(t *testing.T) {
	_, f, ok := strings.Cut(read(t, libraryTest), "func TestPolicy(")
	if !ok {
		t.Fatal("no TestPolicy")
	}
	f = "func TestPolicy(" + f
	if n := strings.Count(f, "\n") - 2; n > maxLines {
		t.Errorf("TestPolicy has %d lines", n)
	}
	if !strings.Contains(read(t, "README.md"), "```go\n"+f+"```\n") {
		t.Errorf("README.md does not have the text of TestPolicy in %s", libraryTest)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
