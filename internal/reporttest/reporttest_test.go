package reporttest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const finding = `{"schema":"ovn-ct-trace/1","findings":[{"severity":"info","code":"chassis","text":"t","where":{"anything":"goes"}}]}`

// TestCheck refuses what is not as published, in each way that a document can differ.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		ok       bool
	}{
		"as it is":         {"", "", true},
		"another version":  {"ovn-ct-trace/1", "ovn-ct-trace/2", false},
		"an unknown field": {`"code"`, `"extra":1,"code"`, false},
		"an unknown word":  {`"info"`, `"fatal"`, false},
		"another type":     {`"text":"t"`, `"text":1`, false},
		"null":             {`"text":"t"`, `"text":null`, false},
		"a field missing":  {`"code":"chassis",`, ``, false},
		"null for a list":  {`[{"severity":"info","code":"chassis","text":"t","where":{"anything":"goes"}}]`, `null`, false},
		"an empty list":    {`[{"severity":"info","code":"chassis","text":"t","where":{"anything":"goes"}}]`, `[]`, true},
		"two values":       {`]}`, `]}{}`, false},
		"no JSON":          {`{`, ``, false},
	} {
		if err := Check([]byte(strings.Replace(finding, c.old, c.new, 1))); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPublishedAllowsMore: the schema as it is published accepts what a later version adds.
func TestPublishedAllowsMore(t *testing.T) {
	s, err := compile(func(any) {})
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(strings.Replace(finding, `"code"`, `"extra":1,"code"`, 1))))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Error(err)
	}
}
