package layers

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFaults checks the table of docs/faults.md: no cell is empty, and each test that it names is
// in the package before it.
func TestFaults(t *testing.T) {
	const root = "../.."
	b, err := os.ReadFile(filepath.Join(root, "docs", "faults.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:internal/|engine|ovncttrace)[a-z/]*)`|\\b(Test\\w+)(?:/(\\w+))?")
	rows := 0
	for _, line := range strings.Split(string(b), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| fault ") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 4 {
			t.Errorf("%d cells: %s", len(cells), line)
			continue
		}
		dir, tests := "", 0
		for _, m := range named.FindAllStringSubmatch(cells[3], -1) {
			if m[1] != "" {
				dir, tests = strings.TrimPrefix(m[1], "ovncttrace"), tests+1 // the root
				continue
			}
			if !hasTest(t, filepath.Join(root, dir), m[2]) {
				t.Errorf("%s has no %s", dir, m[2])
			}
		}
		if tests == 0 {
			t.Errorf("no test: %s", line)
		}
	}
	if rows < 25 {
		t.Errorf("%d rows", rows)
	}
}

// hasTest reports whether a package has a test of that name.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "func "+name+"(") {
			return true
		}
	}
	return false
}
