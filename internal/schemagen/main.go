// Command schemagen generates the description of the JSON from the types of package report and
// their comments: the JSON Schema, docs/json.md, and the list of fields that later versions must
// keep. In docs/codes.md it marks the codes that nothing reports yet.
//
//	go generate ./internal/schemagen
//
// Its test fails if one of them is out of date, or if a published field was removed.
package main

import (
	"fmt"
	"os"
)

//go:generate go run .

// The generated files, relative to this directory.
const (
	schemaFile = "../../report/schema/schema.json"
	pageFile   = "../../docs/json.md"
	fieldsFile = "testdata/fields.txt"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

func run() error {
	old, err := os.ReadFile(fieldsFile)
	if err != nil {
		return err
	}
	out, err := generate(string(old))
	if err != nil {
		return err
	}
	for name, text := range out {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the text of every file; frozen is the list of fields published so far.
func generate(frozen string) (map[string]string, error) {
	s, err := build()
	if err != nil {
		return nil, err
	}
	text, err := s.text()
	if err != nil {
		return nil, err
	}
	all := fields(s.root)
	if err := kept(frozen, all); err != nil {
		return nil, err
	}
	codes, err := os.ReadFile(codesFile)
	if err != nil {
		return nil, err
	}
	page, err := codesPage(string(codes))
	if err != nil {
		return nil, err
	}
	return map[string]string{schemaFile: text, pageFile: s.page(), fieldsFile: appendNew(frozen, all), codesFile: page}, nil
}
