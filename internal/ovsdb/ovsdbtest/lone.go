package ovsdbtest

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// Lone serves one database without ovn-northd, for rows of chosen UUIDs, and returns its remote.
// schema is the name of a file of OVN's, database the name in it, rows are OVSDB operations.
func Lone(t *testing.T, schema, database, rows string) (remote string) {
	t.Helper()
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool", "ovsdb-client"} {
		testenv.Tool(t, tool)
	}
	g := &Group{Dir: Dir(t)}
	t.Cleanup(g.Stop)
	file, err := Schema(schema)
	if err == nil {
		_, err = g.Server(t.Context(), "db", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	Transact(t, g.Sock("db"), database, rows)
	return g.Sock("db")
}

// Transact changes a database's rows by OVSDB operations.
func Transact(t *testing.T, remote, database, operations string) {
	t.Helper()
	out, err := (&Group{}).Run(t.Context(), "", "ovsdb-client", "transact", remote, `["`+database+`",`+operations+`]`)
	if err != nil || strings.Contains(out, `"error":"`) {
		t.Fatalf("%v: %s", err, out)
	}
}
