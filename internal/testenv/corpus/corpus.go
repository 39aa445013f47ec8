// Package corpus reads the captures under testdata/ for tests: a file has one capture with its
// command in the first comment, or several, each after a line "########## COMMAND".
package corpus

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// Capture is the output of one command.
type Capture struct {
	File    string // relative to testdata/
	Command string
	Text    string
}

// Dir returns the repository's testdata directory.
func Dir(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if ok {
		dir := filepath.Join(filepath.Dir(file), "..", "..", "..", "testdata")
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	// The test was built with -trimpath: search upwards from its working directory.
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata")
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("testdata not found")
	return ""
}

// Load returns the captures of the files that match pattern, such as "trace/*.txt"; it fails the
// test if there are none.
func Load(t testing.TB, pattern string) []Capture {
	t.Helper()
	dir := Dir(t)
	var out []Capture
	for _, path := range testenv.Corpus(t, filepath.Join(dir, pattern)) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(dir, path)
		out = append(out, split(rel, string(raw))...)
	}
	return out
}

func split(file, text string) []Capture {
	const mark = "########## "
	command := ""
	for strings.HasPrefix(text, "# ") {
		line, rest, _ := strings.Cut(text, "\n")
		if command == "" {
			command, _, _ = strings.Cut(line[2:], " | ")
		}
		text = rest
	}
	if !strings.HasPrefix(text, mark) {
		return []Capture{{file, command, strings.TrimRight(text, "\n")}}
	}
	var out []Capture
	for _, part := range strings.Split("\n"+text, "\n"+mark)[1:] {
		cmd, body, _ := strings.Cut(part, "\n")
		out = append(out, Capture{file, cmd, strings.TrimRight(body, "\n")})
	}
	return out
}

// Lines returns the distinct non-blank lines of the captures that match pattern.
func Lines(t testing.TB, pattern string) []string {
	t.Helper()
	var out []string
	seen := map[string]bool{}
	for _, c := range Load(t, pattern) {
		for _, line := range strings.Split(c.Text, "\n") {
			if line != "" && !seen[line] {
				seen[line] = true
				out = append(out, line)
			}
		}
	}
	return out
}

// Values returns the distinct texts after a prefix such as "Megaflow: " in the lines of the
// captures that match pattern.
func Values(t testing.TB, pattern string, prefixes ...string) []string {
	t.Helper()
	var out []string
	seen := map[string]bool{}
	for _, line := range Lines(t, pattern) {
		for _, p := range prefixes {
			if v, ok := strings.CutPrefix(line, p); ok && !seen[v] {
				seen[v] = true
				out = append(out, v)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("no line of %s starts with %q", pattern, prefixes)
	}
	return out
}
