package ovsdbtest

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// Fake calls a function for each connection to a Unix socket, and returns the remote. It closes the
// connection when the function returns.
func Fake(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(Dir(t), "fake.sock")
	testenv.Unix(t, path, serve)
	return "unix:" + path
}

// Request is a request as a fake server reads it.
type Request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// Answers serves JSON-RPC for Fake: results contains the result of each method as JSON. Other
// methods get no answer. Like a server of OVS 2.8, this one has no database _Server.
func Answers(results map[string]string) func(net.Conn) {
	return func(c net.Conn) {
		dec := json.NewDecoder(c)
		for {
			var m Request
			if dec.Decode(&m) != nil {
				return
			}
			if m.Method == "transact" && strings.Contains(string(m.Params), `"_Server"`) {
				fmt.Fprintf(c, `{"id":%s,"result":null,"error":{"error":"unknown database"}}`, m.ID)
				continue
			}
			r, ok := results[m.Method]
			if !ok {
				time.Sleep(time.Minute)
				return
			}
			fmt.Fprintf(c, `{"id":%s,"result":%s,"error":null}`, m.ID, r)
		}
	}
}
