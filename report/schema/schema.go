// Package schema is the JSON Schema of everything that -o json prints.
//
// internal/schemagen makes it from the types of package report (go generate ./internal/schemagen).
// It is built into the program, which needs neither reflection nor its own source to print it.
package schema

import _ "embed"

//go:embed schema.json
var text string

// Text returns the schema, a JSON document (draft 2020-12) that ends with a line feed.
func Text() string { return text }
