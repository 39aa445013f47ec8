package explain_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// refusing serves a database in front of the real one that answers no transaction on some tables.
func refusing(t *testing.T, remote string, tables ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", strings.TrimPrefix(remote, "unix:"))
			if err != nil {
				client.Close()
				return
			}
			go func() { io.Copy(client, server); client.Close() }()
			go refuse(client, server, tables)
		}
	}()
	return "tcp:" + l.Addr().String()
}

// refuse passes requests on, but for those on the tables.
func refuse(client, server net.Conn, tables []string) {
	defer server.Close()
	requests := json.NewDecoder(client)
	for {
		var raw json.RawMessage
		if requests.Decode(&raw) != nil {
			return
		}
		var req struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
		}
		refused := false
		for _, table := range tables {
			refused = refused || bytes.Contains(raw, []byte(`"table":"`+table+`"`))
		}
		if json.Unmarshal(raw, &req) == nil && req.Method == "transact" && refused {
			client.Write([]byte(`{"id":` + string(req.ID) + `,"error":null,"result":[{"error":"permission error","details":"not for this user"}]}`))
			continue
		}
		server.Write(raw)
	}
}

// TestRefusedTables checks that hits are named from the tables that may be read, and that the
// others are reported: a logical flow is named without the table of neighbours.
func TestRefusedTables(t *testing.T) {
	hits := []engine.TableHit{
		{Table: 46, Cookie: 1, Priority: 2001, Match: "metadata=0x1", Metadata: 1},
		{Table: 53, Cookie: 8, Priority: 50, Match: "metadata=0x1", Metadata: 1},
		{Table: 66, Cookie: 0x77, Priority: 100, Match: "metadata=0x1", Metadata: 1}, // a neighbour's
	}
	rows := aclRows() + `,{"op":"insert","table":"MAC_Binding","uuid":"00000077-0000-4000-8000-000000000000","row":{"logical_port":"p1","ip":"10.0.0.9","mac":"00:00:00:00:00:09","datapath":["named-uuid","d"]}}`
	for _, c := range []struct {
		refused []string
		named   string // by letters: f a flow, r a row, - nothing
	}{
		{nil, "ffr"},
		{[]string{"MAC_Binding"}, "ff-"},
		{[]string{"MAC_Binding", "FDB", "Chassis", "Datapath_Binding"}, "ff-"},
		{[]string{"Logical_Flow"}, "--r"},
		{[]string{"Port_Binding", "Logical_DP_Group"}, "ffr"},
	} {
		remote := refusing(t, ovsdbtest.Lone(t, "ovn-sb.ovsschema", ovn.Southbound, rows), c.refused...)
		sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: remote})
		if err != nil {
			t.Fatal(err)
		}
		defer sb.Close()
		named, err := explain.New(sb, nil).Explain(t.Context(), hits)
		got := ""
		for _, n := range named {
			switch {
			case n.Flow != nil:
				got += "f"
			case n.Row != "":
				got += "r"
			default:
				got += "-"
				if n.Gone || !strings.Contains(n.Why, "permission error") {
					t.Errorf("without %v: %+v", c.refused, n)
				}
			}
		}
		if got != c.named || strings.Contains(got, "-") != (err != nil) {
			t.Errorf("without %v: named %s, want %s; error %v", c.refused, got, c.named, err)
		}
	}
}
