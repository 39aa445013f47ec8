// Package reporttest checks the JSON that the tool prints against its published schema.
package reporttest

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ovn-ct-trace/ovn-ct-trace/report/schema"
)

// Check validates one document strictly: a field that is not in the schema is an error, although
// later versions may have it.
func Check(doc []byte) error {
	s, err := strict()
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return fmt.Errorf("not one JSON value: %w", err)
	}
	return s.Validate(v)
}

// strict is the schema with every object closed; it is compiled once.
var strict = sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(closed) })

// compile compiles the published schema after change has modified it.
func compile(change func(any)) (*jsonschema.Schema, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(schema.Text())))
	if err != nil {
		return nil, err
	}
	change(v)
	const url = "schema.json"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(url, v); err != nil {
		return nil, err
	}
	return c.Compile(url)
}

// closed forbids other properties in every object that lists its properties.
func closed(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok {
			v["additionalProperties"] = false
		}
		for _, w := range v {
			closed(w)
		}
	case []any:
		for _, w := range v {
			closed(w)
		}
	}
}
