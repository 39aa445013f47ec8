package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// field is one field of a document: its path, its type, and whether it is always present.
//
// As text: "PATH TYPE always|optional [WORD|WORD...]". A path is the document's first, a list's
// items are "[]" and the values of a map "{}". The empty word is written "-".
type field struct {
	path     string
	kind     string
	required bool
	words    []string
}

func (f field) String() string {
	s := f.path + " " + f.kind
	if f.required {
		s += " always"
	} else {
		s += " optional"
	}
	if len(f.words) > 0 {
		s += " " + strings.Join(f.words, "|")
	}
	return s
}

func parseField(line string) (field, error) {
	w := strings.Fields(line)
	if len(w) < 3 || len(w) > 4 || w[2] != "always" && w[2] != "optional" {
		return field{}, fmt.Errorf("no field: %q", line)
	}
	f := field{path: w[0], kind: w[1], required: w[2] == "always"}
	if len(w) == 4 {
		f.words = strings.Split(w[3], "|")
	}
	return f, nil
}

// fields returns the fields of every document, by path.
func fields(root *jsonschema.Schema) []field {
	var out []field
	for _, doc := range root.AnyOf {
		appendFields(&out, root, refOf(doc), root.Definitions[refOf(doc)])
	}
	return out
}

func appendFields(out *[]field, root *jsonschema.Schema, at string, object *jsonschema.Schema) {
	for p := object.Properties.Oldest(); p != nil; p = p.Next() {
		f := field{path: at + "." + p.Key, required: slices.Contains(object.Required, p.Key)}
		s := p.Value
		null := ""
		if len(s.OneOf) > 0 { // a value, or null
			s, null = s.OneOf[0], "|null"
		}
		f.kind = kindOf(s)
		f.kind += null
		for _, w := range s.Enum {
			f.words = append(f.words, orDash(fmt.Sprint(w)))
		}
		*out = append(*out, f)
		below := f.path
		for s.Items != nil || s.AdditionalProperties != nil {
			if s.Items != nil {
				s, below = s.Items, below+"[]"
			} else {
				s, below = s.AdditionalProperties, below+"{}"
			}
		}
		if ref := refOf(s); ref != "" {
			appendFields(out, root, below, root.Definitions[ref])
		}
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// kindOf returns the JSON type with that of its items: "array[array[integer]]".
func kindOf(s *jsonschema.Schema) string {
	switch {
	case s.Ref != "":
		return "object"
	case s.Items != nil:
		return "array[" + kindOf(s.Items) + "]"
	case s.AdditionalProperties != nil:
		return "map[" + kindOf(s.AdditionalProperties) + "]"
	}
	return s.Type
}

// refOf returns the name of the definition to which a schema, a list's items, or a value that may
// be null refers; empty for none.
func refOf(s *jsonschema.Schema) string {
	switch {
	case s.Items != nil:
		return refOf(s.Items)
	case s.AdditionalProperties != nil:
		return refOf(s.AdditionalProperties)
	case len(s.OneOf) > 0:
		return refOf(s.OneOf[0])
	}
	return strings.TrimPrefix(s.Ref, "#/$defs/")
}

// kept returns an error for a change that breaks readers of a published version: a field that was
// removed, has another type, is no longer always present, or lost one of its words.
func kept(frozen string, now []field) error {
	have := map[string]field{}
	for _, f := range now {
		have[f.path] = f
	}
	var lost []string
	for line := range strings.Lines(frozen) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		was, err := parseField(line)
		if err != nil {
			return err
		}
		is, ok := have[was.path]
		switch {
		case !ok:
			lost = append(lost, was.path+" is gone")
		case is.kind != was.kind:
			lost = append(lost, fmt.Sprintf("%s was %s, and is %s", was.path, was.kind, is.kind))
		case was.required && !is.required:
			lost = append(lost, was.path+" was always there, and is optional")
		}
		for _, w := range was.words {
			if ok && len(is.words) > 0 && !slices.Contains(is.words, w) {
				lost = append(lost, fmt.Sprintf("%s could be %q, and cannot", was.path, w))
			}
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("published fields are kept (%s): %s", fieldsFile, strings.Join(lost, "; "))
	}
	return nil
}

// appendNew returns the list of published fields with new fields and new words added; it removes
// nothing.
func appendNew(frozen string, now []field) string {
	known := map[string]int{}
	lines := strings.SplitAfter(frozen, "\n")
	for i, line := range lines {
		if f, err := parseField(line); err == nil && !strings.HasPrefix(line, "#") {
			known[f.path] = i
		}
	}
	for _, f := range now {
		if i, ok := known[f.path]; ok {
			lines[i] = f.String() + "\n"
		} else {
			lines = append(lines, f.String()+"\n")
		}
	}
	return strings.Join(lines, "")
}
