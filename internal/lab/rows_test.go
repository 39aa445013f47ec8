package lab

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// bindings is the question of the tests.
var bindings = []Select{
	{"Port_Binding", []string{"logical_port", "datapath", "tunnel_key", "nat_addresses", "options", "tag", "up"}},
	{"FDB", []string{"mac", "dp_key"}},
}

// replied is ovsdb-server's answer to it (OVS 3.1, ovn-sb 20.27), shortened to two rows.
const replied = `{"id":0,"result":[{"rows":[` +
	`{"datapath":["uuid","aaaaaaaa-0000-0000-0000-000000000003"],"logical_port":"ln-prov","nat_addresses":["set",[]],` +
	`"options":["map",[["network_name","physnet1"]]],"tag":300,"tunnel_key":3,"up":true},` +
	`{"datapath":["uuid","aaaaaaaa-0000-0000-0000-000000000004"],"logical_port":"sw \"1\"","nat_addresses":["set",["a","b"]],` +
	`"options":["map",[]],"tag":["set",[]],"tunnel_key":1,"up":["set",[]]}]},{"rows":[]}],"error":null}`

func TestReadRows(t *testing.T) {
	got, err := readRows([]byte(replied), bindings)
	want := [][][]string{{
		{"ln-prov", "aaaaaaaa-0000-0000-0000-000000000003", "3", "", `["map",[["network_name","physnet1"]]]`, "300", "true"},
		{`sw "1"`, "aaaaaaaa-0000-0000-0000-000000000004", "1", `["set",["a","b"]]`, `["map",[]]`, "", ""},
	}, nil}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for reply, want := range map[string]string{
		`{"id":0,"result":[{"rows":[]}],"error":null}`:                                                         "1 results for 2 tables",
		`{"id":0,"result":[{"rows":[]},{"error":"syntax error","details":"No table named FDB"}],"error":null}`: "table FDB: syntax error: No table named FDB",
		`{"id":0,"result":null,"error":"unknown database"}`:                                                    "unknown database",
		`{"id":0,"result":[{"rows":[{"logical_port":"a"}]},{"rows":[]}],"error":null}`:                         "without column datapath",
	} {
		if got, err := readRows([]byte(reply), bindings); err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("%s: %q, %v, want an error with %q", reply, got, err, want)
		}
	}
}

// TestRows checks what is asked of a server, and that a silent one is left when the context ends.
func TestRows(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "db.sock")
	server, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	asked := make(chan string, 2)
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			var question json.RawMessage
			json.NewDecoder(c).Decode(&question)
			asked <- string(question)
			if strings.Contains(string(question), Southbound) {
				io.WriteString(c, replied)
			}
		}
	}()
	got, err := transact(t.Context(), "unix:"+sock, Southbound, bindings)
	if err != nil || len(got) != 2 || len(got[0]) != 2 {
		t.Errorf("%q, %v", got, err)
	}
	const want = `{"id":0,"method":"transact","params":["OVN_Southbound",` +
		`{"columns":["logical_port","datapath","tunnel_key","nat_addresses","options","tag","up"],"op":"select","table":"Port_Binding","where":[]},` +
		`{"columns":["mac","dp_key"],"op":"select","table":"FDB","where":[]}]}`
	if q := <-asked; q != want {
		t.Errorf("asked %s, want %s", q, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := transact(ctx, "unix:"+sock, Northbound, bindings); err == nil {
		t.Errorf("a silent server: %q", got)
	}
}
