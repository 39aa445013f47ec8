package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// codesFile is written by hand, but for its notes of codes that are not reported yet.
const codesFile = "../../docs/codes.md"

// notReported is the note, above the list of a section.
const notReported = "Not reported yet.\n\n"

var codeUse = regexp.MustCompile(`\breport\.(Code[A-Z]\w*)`)

// codesPage returns the page of codes with a note at each code that no package of the module uses.
func codesPage(page string) (string, error) {
	names, err := codeNames("../../report/code.go")
	if err != nil {
		return "", err
	}
	used, err := codesUsed("../..")
	if err != nil {
		return "", err
	}
	sections := strings.SplitAfter(strings.ReplaceAll(page, notReported, ""), "\n## ")
	for i, s := range sections[1:] {
		code, _, _ := strings.Cut(s, "\n")
		name, ok := names[code]
		if !ok {
			return "", fmt.Errorf("%s: section %q is no code", codesFile, code)
		}
		if !used[name] {
			sections[i+1] = strings.Replace(s, "- Detected: ", notReported+"- Detected: ", 1)
		}
	}
	return strings.Join(sections, ""), nil
}

// codeNames returns the names of the constants of a file, by their values.
func codeNames(file string) (map[string]string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, e := range v.Values {
			if lit, ok := e.(*ast.BasicLit); ok {
				value, unquoteErr := strconv.Unquote(lit.Value)
				if unquoteErr != nil {
					err = unquoteErr
				}
				names[value] = v.Names[i].Name
			}
		}
		return true
	})
	return names, err
}

// codesUsed returns the names of the constants that the module's programs use.
func codesUsed(root string) (map[string]bool, error) {
	used := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		b, err := os.ReadFile(path)
		for _, m := range codeUse.FindAllSubmatch(b, -1) {
			used[string(m[1])] = true
		}
		return err
	})
	return used, err
}
