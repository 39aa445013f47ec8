package main

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	"golang.org/x/tools/go/packages"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctjournal"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestUpToDate checks that what is published is what the types say.
func TestUpToDate(t *testing.T) {
	old, err := os.ReadFile(fieldsFile)
	if err != nil {
		t.Fatal(err)
	}
	out, err := generate(string(old))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range out {
		have, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, string(have)); diff != "" {
			t.Errorf("%s is out of date: run go generate ./internal/schemagen (-want +have)\n%s", name, diff)
		}
	}
}

// TestKept checks that each way in which a version can break its readers is an error, and that an
// addition is not.
func TestKept(t *testing.T) {
	now := func() []field {
		return []field{
			{path: "D.verdict", kind: "string", required: true, words: []string{"a", "b"}},
			{path: "D.list", kind: "array[object]", required: true},
			{path: "D.list[].n", kind: "integer"},
		}
	}
	var frozen strings.Builder
	for _, f := range now() {
		frozen.WriteString(f.String() + "\n")
	}
	for name, c := range map[string]struct {
		change func([]field) []field
		want   string // part of the error; empty for none
	}{
		"nothing":    {func(f []field) []field { return f }, ""},
		"new field":  {func(f []field) []field { return append(f, field{path: "D.new", kind: "string"}) }, ""},
		"new word":   {func(f []field) []field { f[0].words = append(f[0].words, "c"); return f }, ""},
		"now always": {func(f []field) []field { f[2].required = true; return f }, ""},
		"gone":       {func(f []field) []field { return f[1:] }, "D.verdict is gone"},
		"renamed":    {func(f []field) []field { f[2].path = "D.list[].number"; return f }, "D.list[].n is gone"},
		"retyped":    {func(f []field) []field { f[2].kind = "string"; return f }, "D.list[].n was integer, and is string"},
		"nullable":   {func(f []field) []field { f[1].kind += "|null"; return f }, "and is array[object]|null"},
		"optional":   {func(f []field) []field { f[1].required = false; return f }, "D.list was always there"},
		"word gone":  {func(f []field) []field { f[0].words = f[0].words[1:]; return f }, `could be "a"`},
	} {
		err := kept(frozen.String(), c.change(now()))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := kept("D.verdict string", now()); err == nil {
		t.Error("a line that is no field is taken")
	}
}

// TestAppendNew checks that fields and words are added, and none removed.
func TestAppendNew(t *testing.T) {
	const frozen = "# about\nD.a string always x\nD.b integer optional\n"
	got := appendNew(frozen, []field{{path: "D.a", kind: "string", required: true, words: []string{"x", "y"}}, {path: "D.c", kind: "boolean"}})
	const want = "# about\nD.a string always x|y\nD.b integer optional\nD.c boolean optional\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFieldsText checks that a line of the list reads as the field that it was printed from.
func TestFieldsText(t *testing.T) {
	s, err := build()
	if err != nil {
		t.Fatal(err)
	}
	all := fields(s.root)
	if len(all) < 300 {
		t.Errorf("only %d fields", len(all))
	}
	for _, f := range all {
		got, err := parseField(f.String())
		if err != nil || !slices.Equal(got.words, f.words) || got.path != f.path || got.kind != f.kind || got.required != f.required {
			t.Errorf("%q reads as %+v, %v", f, got, err)
		}
	}
}

// TestNoComment checks that a field without a description is not published.
func TestNoComment(t *testing.T) {
	s, err := build()
	if err != nil {
		t.Fatal(err)
	}
	f, ok := s.root.Definitions["Place"].Properties.Get("port")
	if !ok {
		t.Fatal("no Place.port")
	}
	f.Description = ""
	if _, err := s.text(); err == nil || !strings.Contains(err.Error(), "Place.port") {
		t.Error(err)
	}
	s.root.Definitions["Place"].Properties.Set("port", &jsonschema.Schema{Ref: "#/$defs/End"})
	if _, err := s.text(); err != nil {
		t.Error(err) // it is described where it is defined
	}
}

// TestSameWords checks that a closed set of the JSON has every word of the type whose values it
// prints.
func TestSameWords(t *testing.T) {
	src := &source{packages: map[string]*packages.Package{}}
	for _, c := range []struct{ printed, published reflect.Type }{
		{reflect.TypeFor[ctjournal.State](), reflect.TypeFor[report.LeftoverState]()},
		{reflect.TypeFor[ctstate.Source](), reflect.TypeFor[report.Found]()},
	} {
		var known []string
		for _, w := range src.words(c.published) {
			known = append(known, w.value)
		}
		words := src.words(c.printed)
		if len(words) == 0 {
			t.Errorf("%v has no constants", c.printed)
		}
		for _, w := range words {
			if !slices.Contains(known, w.value) {
				t.Errorf("%v %q is not one of %v: %q", c.printed, w.value, c.published, known)
			}
		}
	}
	if src.err != nil {
		t.Error(src.err)
	}
}
