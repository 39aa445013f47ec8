package ovsdbtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// Refusing serves the database of a Unix socket, but for the transactions that refused selects:
// those get a permission error. It returns the remote.
func Refusing(t testing.TB, remote string, refused func(transaction []byte) bool) string {
	t.Helper()
	return Fake(t, func(client net.Conn) {
		server, err := net.Dial("unix", strings.TrimPrefix(remote, "unix:"))
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			_, _ = io.Copy(client, server)
			client.Close()
		}()
		for requests := json.NewDecoder(client); ; {
			var raw json.RawMessage
			if requests.Decode(&raw) != nil {
				return
			}
			var req Request
			if json.Unmarshal(raw, &req) == nil && req.Method == "transact" && refused(raw) {
				fmt.Fprintf(client, `{"id":%s,"error":null,"result":[{"error":"permission error","details":"not for this user"}]}`, req.ID)
				continue
			}
			if _, err := server.Write(raw); err != nil {
				return
			}
		}
	})
}

// OnTables selects the transactions on some tables.
func OnTables(tables ...string) func(transaction []byte) bool {
	return func(transaction []byte) bool {
		return slices.ContainsFunc(tables, func(table string) bool { return bytes.Contains(transaction, []byte(`"table":"`+table+`"`)) })
	}
}
