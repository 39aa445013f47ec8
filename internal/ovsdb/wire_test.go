package ovsdb

import (
	"encoding/json"
	"strings"
	"testing"
)

// asOperation returns a query as the server gets it.
func asOperation(t testing.TB, q Query) string {
	t.Helper()
	b, err := json.Marshal(q.operation())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A query that was written and read asks the server the same.
func TestQueryOverTheWire(t *testing.T) {
	id := UUID{1, 2, 3}
	for _, q := range []Query{
		From("Logical_Flow"),
		From("Chassis", "name", "encaps").Equal("name", `hv"1`).Row(id),
		From("Port_Binding", "options").IncludesPair("options", "a", "b").Includes("chassis", id).Empty("tag"),
		From("Datapath_Binding").Equal("tunnel_key", 1<<40).NotEmpty("nb_uuid").Equal("enabled", false),
	} {
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var back Query
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if got, want := asOperation(t, back), asOperation(t, q); got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
}

// Nothing but a select's members is accepted.
func TestQueryRefused(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{`{"table":"Chassis","op":"delete"}`, "unknown field"},
		{`{"table":"Chassis","row":{}}`, "unknown field"},
		{`{"table":""}`, "not a table's name"},
		{`{"table":"Chassis","columns":["a b"]}`, "not a column's name"},
		{`{"table":"Chassis","where":[["name","=","x"]]}`, "no such column or function"},
		{`{"table":"Chassis","where":[["name","==","x","y"]]}`, "want [column, function, value]"},
		{`{"table":"Chassis","where":[[1,"==","x"]]}`, "want [column, function, value]"},
		{`{"table":"Chassis","where":[["1a","==","x"]]}`, "no such column or function"},
		{`{"table":"Chassis","where":[` + strings.Repeat(`["a","==","x"],`, maxConditions) + `["a","==","x"]]}`, "17 conditions"},
		{`{"table":"Chassis","columns":[` + strings.Repeat(`"a",`, maxColumns) + `"a"]}`, "65 columns"},
		{`{"table":"Chassis","where":[["a","==","` + strings.Repeat("x", maxCondition) + `"]]}`, "a condition of"},
	} {
		var q Query
		if err := json.Unmarshal([]byte(c.text), &q); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.80s: %v, not %q", c.text, err, c.says)
		}
	}
}

// FuzzQuery: what is read is a select, and is read again as the same.
func FuzzQuery(f *testing.F) {
	for _, q := range []Query{
		From("Logical_Flow", "match").Equal("logical_datapath", UUID{9}), From("Encap").Equal("ip", "10.0.0.1"),
		From("FDB").Equal("dp_key", 3).Empty("x"), From("NAT").IncludesPair("options", "k", "v"),
	} {
		b, err := json.Marshal(q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var q Query
		if json.Unmarshal(text, &q) != nil {
			return
		}
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var back Query
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if got, want := asOperation(t, back), asOperation(t, q); got != want || back.operation().Op != "select" {
			t.Fatalf("%s instead of %s", got, want)
		}
	})
}
