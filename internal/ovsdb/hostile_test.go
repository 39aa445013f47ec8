package ovsdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// answered is a DB whose server has sent a schema with the table T before, and sends text as the
// answer to whatever is asked.
func answered(t testing.TB, text []byte) *DB {
	server, client := net.Pipe()
	go func() {
		defer server.Close()
		var m message
		if json.NewDecoder(server).Decode(&m) != nil {
			return
		}
		go io.Copy(io.Discard, server)
		server.Write(text)
	}()
	db := &DB{opt: Options{Remotes: "unix:none", Database: "D", Timeout: 10 * time.Second}, conn: newConn(client, bounds{})}
	if err := json.Unmarshal([]byte(`{"tables":{"T":{"columns":{"c":{},"d":{}}}}}`), &db.schema); err != nil {
		t.Fatal(err)
	}
	return db
}

// readAll reads a row in every way.
func readAll(r *Row) {
	for _, col := range []string{"c", "d", "_uuid", "none"} {
		r.Has(col)
		r.Str(col)
		r.Int(col)
		r.Bool(col)
		r.Ref(col)
		r.Strs(col)
		r.Refs(col)
		r.Map(col)
		r.RefMap(col)
	}
	r.UUID()
	_ = r.Err()
}

// FuzzReply checks that no answer of a server makes a question panic or never end.
func FuzzReply(f *testing.F) {
	const id = `"_uuid":["uuid","0a1b2c3d-0000-1111-2222-333344445555"]`
	for _, s := range []string{
		`{"id":1,"error":null,"result":[{"rows":[{` + id + `,"c":["map",[["a","b"]]],"d":["set",[1,2]]}]}]}`,
		`{"id":1,"error":null,"result":[{"rows":[null]}]}`,
		`{"id":1,"result":[[[{"c":1}]]]}`, `{"id":1,"result":[{"rows":[[{}]]}]}`, `{"id":1,"result":{"rows":[[{"c":[]}]]}}`,
		`{"id":7,"method":"echo","params":[{"a":[{"b":1}]}]}{"id":1,"error":null,"result":[{"rows":[]}]}`,
		`{"id":1,"error":"x","result":null}`, `{"id":1,"result":[{"error":"constraint violation","details":null}]}`, `{"id":1,"result":[]}`, `{}`, `[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		q := []Query{From("T", "c", "d")}
		db := answered(t, text)
		_ = db.Each(t.Context(), q, func(_ int, r *Row) error { readAll(r); return r.Err() })
		db.Close()
		db = answered(t, text)
		_ = db.UUIDs(t.Context(), q, func(int, UUID) {})
		db.Close()
		db = answered(t, text)
		rows, _ := db.Select(t.Context(), q...)
		for _, list := range rows {
			for _, r := range list {
				readAll(r)
			}
		}
		db.Close()
	})
}

// Rows where none may be, and a row that is none, are errors.
func TestMalformedRows(t *testing.T) {
	for _, text := range []string{`{"id":1,"error":null,"result":[[[{"c":1}]]]}`, `{"id":1,"error":null,"result":[{"rows":[null]}]}`} {
		db := answered(t, []byte(text))
		err := db.Each(t.Context(), []Query{From("T", "c")}, func(int, *Row) error { return nil })
		db.Close()
		if strings.Contains(text, "null]") {
			err = nil
			db = answered(t, []byte(text))
			_, err = db.Select(t.Context(), From("T", "c"))
			db.Close()
		}
		if err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

// An answer that does not end is given up at a length, whatever it consists of.
func TestEndlessAnswers(t *testing.T) {
	const schema = `{"name":"D","version":"1","tables":{"T":{"columns":{"c":{}}}}}`
	for name, c := range map[string]struct{ head, more string }{
		"rows":       {`{"id":3,"error":null,"result":[{"rows":[`, `{"_uuid":["uuid","0a1b2c3d-0000-1111-2222-333344445555"]},`},
		"one string": {`{"id":3,"error":null,"result":[{"rows":[{"c":"`, strings.Repeat("x", 4096)},
		"operations": {`{"id":3,"error":null,"result":[`, `{"rows":[]},`},
		"nesting":    {`{"id":3,"error":null,"result":`, strings.Repeat("[", 4096)},
		"blanks":     {`{"id":3,"error":null,"result":[{"rows":[`, strings.Repeat(" ", 4096)},
		"messages":   {``, `{"id":null,"method":"update","params":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			more := strings.Repeat(c.more, 1+(1<<16)/len(c.more))
			at := ovsdbtest.Fake(t, func(nc net.Conn) {
				dec := json.NewDecoder(nc)
				var m message
				for _, reply := range []string{
					`{"id":1,"error":null,"result":[{"rows":[{"name":"D","model":"standalone"}]}]}`, `{"id":2,"error":null,"result":` + schema + `}`, c.head,
				} {
					if dec.Decode(&m) != nil {
						return
					}
					fmt.Fprint(nc, reply)
				}
				for {
					if _, err := io.WriteString(nc, more); err != nil {
						return
					}
				}
			})
			db, err := Dial(t.Context(), Options{Remotes: at, Database: "D", Timeout: time.Minute, bounds: bounds{frame: 1 << 20, answer: 4 << 20}})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			err = db.Each(ctx, []Query{From("T", "c")}, func(int, *Row) error { return nil })
			if !errors.Is(err, errTooBig) {
				t.Errorf("%v", err)
			}
		})
	}
}
