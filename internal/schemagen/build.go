package main

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"go/doc"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	"golang.org/x/tools/go/packages"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

const module = "github.com/ovn-ct-trace/ovn-ct-trace"

// documents are the values that -o json prints.
var documents = []struct {
	commands string
	value    any
}{
	{"`trace`, `session`, `node trace`", report.Report{}},
	{"`why`", report.WhyReport{}},
	{"`conn`", report.ConnectionsReport{}},
	{"`conn --watch`, one on each line", report.ConnectionChange{}},
	{"`capture`", report.CaptureReport{}},
	{"`verify`", report.VerifyReport{}},
	{"`what-if`", report.WhatIfReport{}},
	{"`bundle`", report.BundleReport{}},
	{"`matrix`, one on each line", report.MatrixAnswer{}},
	{"`matrix`, on the last line", report.MatrixEndReport{}},
	{"`doctor`", report.FindingsReport{}},
	{"`ct list`, `ct clean`", report.LeftoversReport{}},
}

// published is the schema and the closed sets, which docs/json.md also needs.
type published struct {
	root *jsonschema.Schema
	sets map[string]closedSet // by title
}

// closedSet is a type whose only values are its constants.
type closedSet struct {
	doc   string
	words []word
}

func build() (*published, error) {
	src := &source{packages: map[string]*packages.Package{}}
	out := &published{sets: map[string]closedSet{}}
	r := &jsonschema.Reflector{
		Anonymous:                 true,
		AllowAdditionalProperties: true, // fields may be added
		Mapper:                    func(t reflect.Type) *jsonschema.Schema { return out.plain(src, t) },
		LookupComment:             func(t reflect.Type, field string) string { return describe(src, t, field) },
	}
	out.root = &jsonschema.Schema{
		Version:     jsonschema.Version,
		Title:       report.Schema,
		Description: "What ovn-ct-trace prints with -o json.",
		Definitions: jsonschema.Definitions{},
	}
	for _, d := range documents {
		s := r.Reflect(d.value)
		out.root.AnyOf = append(out.root.AnyOf, &jsonschema.Schema{Ref: s.Ref})
		for name, def := range s.Definitions {
			hoist(def)
			out.root.Definitions[name] = def
		}
	}
	return out, src.err
}

// hoist moves the description of a value that may be null from the value to the field.
func hoist(def *jsonschema.Schema) {
	for f := def.Properties.Oldest(); f != nil; f = f.Next() {
		if s := f.Value; len(s.OneOf) > 0 {
			s.Description, s.OneOf[0].Description = s.OneOf[0].Description, ""
		}
	}
}

// describe returns the first sentence of a type's comment, or a field's comment, with the field's
// JSON name; for a field without a comment, that of its closed set.
func describe(src *source, t reflect.Type, field string) string {
	if field == "" {
		return new(doc.Package).Synopsis(src.comment(t, ""))
	}
	f, _ := t.FieldByName(field)
	if text := src.comment(t, field); text != "" {
		if rest, ok := strings.CutPrefix(text, field+" "); ok {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return name + " " + rest
		}
		return text
	}
	if ft := f.Type; ft.Name() != "" && len(src.words(ft)) > 0 {
		return describe(src, ft, "")
	}
	return ""
}

// bounds contains the maxima of Go's unsigned integer types.
var bounds = map[reflect.Kind]json.Number{reflect.Uint8: "255", reflect.Uint16: "65535", reflect.Uint32: "4294967295"}

// plain returns the schema of a closed set, a type with a text form or a bounded integer; nil for
// any other type.
func (p *published) plain(src *source, t reflect.Type) *jsonschema.Schema {
	if words := src.words(t); len(words) > 0 {
		s := &jsonschema.Schema{Type: "string", Title: t.Name()}
		for _, w := range words {
			s.Enum = append(s.Enum, w.value)
		}
		p.sets[t.Name()] = closedSet{describe(src, t, ""), words}
		return s
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return &jsonschema.Schema{Type: "string"}
	}
	if most, ok := bounds[t.Kind()]; ok {
		return &jsonschema.Schema{Type: "integer", Minimum: "0", Maximum: most}
	}
	return nil
}

// text returns the schema as published; it is an error if a field has no description.
func (p *published) text() (string, error) {
	var bare []string
	for _, name := range p.order() {
		def := p.root.Definitions[name]
		if def.Description == "" {
			bare = append(bare, name)
		}
		for f := def.Properties.Oldest(); f != nil; f = f.Next() {
			if f.Value.Description == "" && refOf(f.Value) == "" {
				bare = append(bare, name+"."+f.Key)
			}
		}
	}
	if len(bare) > 0 {
		return "", fmt.Errorf("without a comment: %s", strings.Join(bare, ", "))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(p.root)
	return b.String(), err
}
