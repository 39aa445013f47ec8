package ovsdb

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

func TestBadServers(t *testing.T) {
	const schema = `{"name":"OVN_Southbound","version":"1","tables":{"Port_Binding":{"columns":{"mac":{}}}}}`
	base := func(transact string) func(net.Conn) {
		return ovsdbtest.Answers(map[string]string{"list_dbs": `["OVN_Southbound"]`, "get_schema": schema, "transact": transact})
	}
	for _, c := range []struct {
		name  string
		serve func(net.Conn)
		want  string
	}{
		{"closes", func(c net.Conn) { json.NewDecoder(c).Decode(&message{}) }, "closed the connection"},
		{"speaks something else", func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-OpenSSH\r\n"); bufio.NewReader(c).ReadByte() }, "not an OVSDB server"},
		{"broken JSON", func(c net.Conn) { fmt.Fprint(c, `{"id":1 "result"}`); time.Sleep(time.Second) }, "not an OVSDB server"},
		{"silent", func(c net.Conn) { time.Sleep(time.Minute) }, "no answer in time"},
		{"list_dbs of another shape", ovsdbtest.Answers(map[string]string{"list_dbs": `{"a":1}`, "get_schema": schema}), "list_dbs"},
		{"schema of another shape", ovsdbtest.Answers(map[string]string{"list_dbs": `["OVN_Southbound"]`, "get_schema": `[1]`}), "get_schema"},
		{"error result", base(`[{"error":"unknown table","details":"no table"}]`), "unknown table: no table"},
		{"too few results", base(`[]`), "0 answers to 1"},
		{"null result", base(`[null]`), "was not run"},
		{"cell of another shape", base(`[{"rows":[{"_uuid":["uuid","x"],"mac":[]}]}]`), "a malformed row: column _uuid"},
		{"lost while a row is read", cut(schema, `{"id":3,"error":null,"result":[{"rows":[{"_uuid":["uuid","0a1b2c3d-0000-1111-2222-333344445555"]},`), "closed the connection"},
		{"rows of another shape", base(`[{"rows":{"a":1}}]`), "transact"},
		{"slow", ovsdbtest.Answers(map[string]string{"list_dbs": `["OVN_Southbound"]`, "get_schema": schema}), "no answer in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := ovsdbtest.Fake(t, c.serve)
			started := time.Now()
			db, err := Dial(t.Context(), Options{Remotes: at, Database: "OVN_Southbound", Timeout: 300 * time.Millisecond})
			rows := 0
			if err == nil {
				defer db.Close()
				err = db.Each(t.Context(), []Query{From("Port_Binding", "mac")}, func(_ int, r *Row) error {
					rows++
					r.UUID()
					return r.Err()
				})
			}
			if rows > 1 {
				t.Errorf("%d rows of one", rows)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), at) {
				t.Errorf("got %v, want %q and the remote", err, c.want)
			}
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// cut serves connections that end within the answer to the third request, which is the first after
// _Server and the schema.
func cut(schema, answer string) func(net.Conn) {
	return func(c net.Conn) {
		dec := json.NewDecoder(c)
		var m message
		for _, reply := range []string{
			`{"id":1,"error":null,"result":[{"rows":[{"name":"OVN_Southbound","model":"standalone"}]}]}`,
			`{"id":2,"error":null,"result":` + schema + `}`, answer,
		} {
			if dec.Decode(&m) != nil {
				return
			}
			fmt.Fprint(c, reply)
		}
	}
}

func TestCancel(t *testing.T) {
	at := ovsdbtest.Fake(t, func(c net.Conn) { time.Sleep(time.Minute) })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	started := time.Now()
	if _, err := Dial(ctx, Options{Remotes: at, Database: "OVN_Southbound"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
	if time.Since(started) > 5*time.Second {
		t.Error("cancelling did not end the wait")
	}
}

// TestEcho checks that an idle connection answers the server's probes.
func TestEcho(t *testing.T) {
	got := make(chan string, 1)
	at := ovsdbtest.Fake(t, func(c net.Conn) {
		dec := json.NewDecoder(c)
		var m message
		for _, r := range []string{`[{"rows":[{"name":"OVN_Southbound","model":"standalone"}]}]`, `{"tables":{}}`} {
			if dec.Decode(&m) != nil {
				return
			}
			fmt.Fprintf(c, `{"id":%s,"result":%s,"error":null}`, m.ID, r)
		}
		fmt.Fprint(c, `{"id":"echo","method":"echo","params":["x"]}`)
		var reply json.RawMessage
		dec.Decode(&reply)
		got <- string(reply)
	})
	db, err := Dial(t.Context(), Options{Remotes: at, Database: "OVN_Southbound"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if reply := <-got; reply != `{"id":"echo","result":["x"],"error":null}` {
		t.Errorf("echo answered with %s", reply)
	}
}
