package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

//go:embed intro.md
var intro string

// page returns docs/json.md.
func (p *published) page() string {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("\n## Documents\n\n| command | prints |\n|---|---|\n")
	for i, d := range documents {
		fmt.Fprintf(&b, "| %s | %s |\n", d.commands, link(refOf(p.root.AnyOf[i])))
	}
	b.WriteString("\n## Objects\n")
	for _, name := range p.order() {
		p.object(&b, name, p.root.Definitions[name])
	}
	b.WriteString("\n## Closed sets\n")
	for _, name := range p.setOrder() {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| word | meaning |\n|---|---|\n", name, p.sets[name].doc)
		for _, w := range p.sets[name].words {
			fmt.Fprintf(&b, "| `%s` | %s |\n", w.value, cell(w.doc))
		}
	}
	return b.String()
}

func (p *published) object(b *strings.Builder, name string, def *jsonschema.Schema) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n| field | type | | meaning |\n|---|---|---|---|\n", name, def.Description)
	for f := def.Properties.Oldest(); f != nil; f = f.Next() {
		always := ""
		if slices.Contains(def.Required, f.Key) {
			always = "always"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Key, p.typeText(f.Value), always, cell(f.Value.Description))
	}
}

// typeText returns the text of a type for people, with links to the types that have sections.
func (p *published) typeText(s *jsonschema.Schema) string {
	switch {
	case len(s.OneOf) > 0:
		return p.typeText(s.OneOf[0]) + " or null"
	case s.Ref != "":
		return link(refOf(s))
	case s.Items != nil && s.MinItems != nil:
		return fmt.Sprintf("%d of %s", *s.MinItems, p.typeText(s.Items))
	case s.Items != nil:
		return "list of " + p.typeText(s.Items)
	case s.AdditionalProperties != nil:
		return "map of " + p.typeText(s.AdditionalProperties)
	case s.Title != "":
		text := link(s.Title)
		if len(s.Enum) > len(p.sets[s.Title].words) {
			text += " or empty"
		}
		return text
	case len(s.Enum) > 0:
		var words []string
		for _, w := range s.Enum {
			words = append(words, fmt.Sprintf("`%v`", w))
		}
		return strings.Join(words, ", ")
	case s.Type == "integer" && s.Maximum != "":
		return fmt.Sprintf("integer, %s to %s", s.Minimum, s.Maximum)
	}
	return s.Type
}

// order lists the objects in reading order: each document, then the objects in it.
func (p *published) order() []string {
	var out []string
	for _, doc := range p.root.AnyOf {
		p.meet(&out, refOf(doc))
	}
	return out
}

func (p *published) meet(out *[]string, name string) {
	if name == "" || slices.Contains(*out, name) {
		return
	}
	*out = append(*out, name)
	for f := p.root.Definitions[name].Properties.Oldest(); f != nil; f = f.Next() {
		p.meet(out, refOf(f.Value))
	}
}

// setOrder lists the closed sets in the order in which the objects use them.
func (p *published) setOrder() []string {
	var out []string
	for _, name := range p.order() {
		for f := p.root.Definitions[name].Properties.Oldest(); f != nil; f = f.Next() {
			if t := f.Value.Title; t != "" && !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out
}

func link(name string) string { return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name)) }

// cell returns text escaped for a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
