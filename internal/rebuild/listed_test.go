package rebuild

import (
	"encoding/json"
	"testing"
)

// A listed value becomes the value in a file; what is none is an error.
func TestDatum(t *testing.T) {
	for _, c := range []struct {
		text string
		typ  columnType
		want string // empty: an error
	}{
		{`sw0`, columnType{key: "string"}, `"sw0"`},
		{`"50:54:00:00:00:03 10.0.0.3"`, columnType{key: "string"}, `"50:54:00:00:00:03 10.0.0.3"`},
		{`"a, \"b\""`, columnType{key: "string"}, `"a, \"b\""`},
		{`[]`, columnType{key: "uuid"}, `["set",[]]`},
		{`[1, -2]`, columnType{key: "integer"}, `["set",[1,-2]]`},
		{`true`, columnType{key: "boolean"}, `true`},
		{`6a0c0a0b-0000-4000-8000-000000000001`, columnType{key: "uuid"}, `["uuid","6a0c0a0b-0000-4000-8000-000000000001"]`},
		{`{}`, columnType{"string", "string"}, `["map",[]]`},
		{`{"30.0.0.1:80"="10.0.0.4:8080,10.0.0.5:8080", a=b}`, columnType{"string", "string"}, `["map",[["30.0.0.1:80","10.0.0.4:8080,10.0.0.5:8080"],["a","b"]]]`},
		{`{a=`, columnType{"string", "string"}, ""},
		{`{a}`, columnType{"string", "string"}, ""},
		{`[a, b`, columnType{key: "string"}, ""},
		{`"a`, columnType{key: "string"}, ""},
		{`x`, columnType{key: "integer"}, ""},
		{``, columnType{key: "string"}, ""},
		{`[] `, columnType{key: "string"}, ""},
	} {
		v, err := datum(c.text, c.typ)
		got, _ := json.Marshal(v)
		if c.want == "" && err == nil || c.want != "" && (err != nil || string(got) != c.want) {
			t.Errorf("%s: %s, %v; want %s", c.text, got, err, c.want)
		}
	}
}

// FuzzDatum: whatever is listed, the value is one of a file, or there is an error.
func FuzzDatum(f *testing.F) {
	f.Add(`{"a"="b, c", d=e}`, true)
	f.Add(`["a, b", c]`, false)
	f.Fuzz(func(t *testing.T, text string, isMap bool) {
		typ := columnType{key: "string"}
		if isMap {
			typ.value = "string"
		}
		v, err := datum(text, typ)
		if err != nil {
			return
		}
		if _, err := json.Marshal(v); err != nil {
			t.Error(err)
		}
	})
}
