package ovsdb

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// What is asked first goes to the server together with the questions what it is and what it knows,
// and is not asked again; unless it was refused.
func TestWithFirst(t *testing.T) {
	const row = `[{"rows":[{"_uuid":["uuid","0a1b2c3d-0000-1111-2222-333344445555"],"name":%q}]}]`
	for _, c := range []struct{ name, first, want string }{
		{"answered", fmt.Sprintf(row, "first"), "first"},
		{"without rows", `[{"rows":[]}]`, ""},
		{"refused", `[{"error":"unknown column","details":"name"}]`, "later"},
		{"malformed", `[1]`, "later"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := ovsdbtest.Fake(t, func(conn net.Conn) {
				dec := json.NewDecoder(conn)
				var m message
				for range 3 { // the server answers nothing before it has all three
					if dec.Decode(&m) != nil {
						return
					}
				}
				fmt.Fprint(conn, `{"id":1,"error":null,"result":[{"rows":[{"name":"D","model":"standalone"}]}]}`,
					`{"id":2,"error":null,"result":{"tables":{"A":{"columns":{"name":{}}}}}}`,
					`{"id":3,"error":null,"result":`+c.first+`}`)
				for dec.Decode(&m) == nil {
					fmt.Fprintf(conn, `{"id":%s,"error":null,"result":`+row+`}`, m.ID, "later")
				}
			})
			q := From("A", "name")
			ctx := WithFirst(t.Context(), "D", q)
			db, err := Dial(ctx, Options{Remotes: at, Database: "D"})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			ctx = WithAhead(ctx)
			ask := func(want string) {
				t.Helper()
				rows, err := db.Select(ctx, q)
				got := ""
				if err == nil && len(rows[0]) == 1 {
					got = rows[0][0].Str("name")
				}
				if err != nil || got != want {
					t.Errorf("got %q, %v, want %q", got, err, c.want)
				}
			}
			ask(c.want)
			ask("later") // its answer has been used
		})
	}
}

// What the server refuses of the first questions is asked again together, by the first of them.
func TestWithFirstRefused(t *testing.T) {
	transactions := 0
	at := ovsdbtest.Fake(t, func(conn net.Conn) {
		for dec := json.NewDecoder(conn); ; {
			var m message
			if dec.Decode(&m) != nil {
				return
			}
			result := `[{"rows":[{"name":"D","model":"standalone"}]}]` // of _Server
			switch string(m.ID) {
			case "1":
			case "2":
				result = `{"tables":{"A":{"columns":{"name":{}}},"B":{"columns":{}}}}`
			case "3":
				result = `[{"error":"unknown column","details":"name"},null,null]`
			default:
				transactions++
				result = `[{"rows":[{"name":"one"}]},{"rows":[{"name":"two"}]}]`
			}
			fmt.Fprintf(conn, `{"id":%s,"error":null,"result":%s}`, m.ID, result)
		}
	})
	one, gone, two := From("A", "name"), From("B").Equal("name", "x"), From("B")
	ctx := WithFirst(t.Context(), "D", one, gone, two)
	db, err := Dial(ctx, Options{Remotes: at, Database: "D"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx = WithAhead(ctx)
	for _, c := range []struct {
		q    Query
		want string
	}{{one, "one"}, {two, "two"}} {
		rows, err := db.Select(ctx, c.q)
		if err != nil || len(rows[0]) != 1 || rows[0][0].Str("name") != c.want {
			t.Errorf("got %v, %v, want %s", rows, err, c.want)
		}
	}
	if transactions != 1 {
		t.Errorf("%d transactions, want 1", transactions)
	}
}
