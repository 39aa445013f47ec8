package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// codes returns the values of the constants of code.go.
func codes(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			for _, e := range v.Values {
				s, err := strconv.Unquote(e.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, s)
			}
		}
		return true
	})
	return out
}

// TestCodesDocumented checks that docs/codes.md has one section for each code, with all its parts,
// and no section without a code.
func TestCodesDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/codes.md")
	if err != nil {
		t.Fatal(err)
	}
	want := codes(t)
	if len(want) < 50 {
		t.Fatalf("%d codes", len(want))
	}
	seen := map[string]bool{}
	sections := regexp.MustCompile(`(?m)^## `).Split(string(b), -1)[1:]
	for _, s := range sections {
		name, text, _ := strings.Cut(s, "\n")
		switch {
		case seen[name]:
			t.Errorf("%s: two sections", name)
		case !slices.Contains(want, name):
			t.Errorf("%s: a section, and no code", name)
		}
		seen[name] = true
		for _, part := range []string{"\n- Detected: ", "\n- Is not: ", "\n- Evidence: ", "\n- What to do: ", "\n- Campaign: "} {
			if strings.Count(text, part) != 1 {
				t.Errorf("%s: no line %q", name, strings.TrimSpace(part))
			}
		}
	}
	for _, c := range want {
		if !seen[c] {
			t.Errorf("%s: no section", c)
		}
	}
}

// TestCodesProduced checks that each code of the list is reported by some package.
func TestCodesProduced(t *testing.T) {
	b, err := os.ReadFile("code.go")
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t(Code\w+) +Code = `).FindAllStringSubmatch(string(b), -1) {
		missing[m[1]] = true
	}
	if len(missing) != len(codes(t)) {
		t.Fatalf("%d names of %d codes", len(missing), len(codes(t)))
	}
	used := regexp.MustCompile(`report\.(Code\w+)`)
	err = filepath.WalkDir("../internal", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/lab/") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range used.FindAllStringSubmatch(string(text), -1) {
			delete(missing, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range missing {
		t.Errorf("%s: nothing reports it", name)
	}
}
