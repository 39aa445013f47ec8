package ovn

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

func TestParseRemote(t *testing.T) {
	for _, c := range []struct{ in, network, addr, bad string }{
		{"unix:/run/ovn/ovnsb_db.sock", "unix", "/run/ovn/ovnsb_db.sock", ""},
		{"tcp:10.0.0.1:6642", "tcp", "10.0.0.1:6642", ""},
		{"tcp:10.0.0.1", "tcp", "10.0.0.1:6640", ""},
		{"ssl:[fd00::1]:6642", "tcp", "[fd00::1]:6642", ""},
		{"tcp:[fd00::1]", "tcp", "[fd00::1]:6640", ""},
		{"ptcp:6642", "", "", "is not unix, tcp or ssl"},
		{"/run/ovn/ovnsb_db.sock", "", "", "want unix:FILE"},
		{"tcp:fd00::1:6642", "", "", "in brackets"},
		{"tcp:[fd00::1", "", "", "missing ]"},
	} {
		r, err := parseRemote(c.in)
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) || !strings.Contains(err.Error(), c.in) {
				t.Errorf("%s: %v, want %q", c.in, err, c.bad)
			}
			continue
		}
		if err != nil || r.network != c.network || r.addr != c.addr {
			t.Errorf("%s: %+v, %v", c.in, r, err)
		}
	}
	if _, err := Dial(context.Background(), Options{Database: Southbound}); err == nil {
		t.Error("no remote: no error")
	}
}

// vswitch starts an ovsdb-server on the Open_vSwitch schema: the quickest real server.
func vswitch(t *testing.T, args ...string) *ovntest.Group {
	t.Helper()
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool", "ovs-vsctl"} {
		testenv.Tool(t, tool)
	}
	g := &ovntest.Group{Dir: ovntest.Dir(t)}
	t.Cleanup(g.Stop)
	schema, err := ovntest.Schema("vswitch.ovsschema")
	if err == nil {
		_, err = g.Server(t.Context(), "ovs", schema, args...)
	}
	if err == nil {
		_, err = g.Run(t.Context(), "", "ovs-vsctl", "--db="+g.Sock("ovs"), "--no-wait", "init")
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestRemotes(t *testing.T) {
	port, err := ovntest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	tcp := fmt.Sprintf("tcp:127.0.0.1:%d", port)
	g := vswitch(t, fmt.Sprintf("--remote=ptcp:%d:127.0.0.1", port))
	dead := "unix:" + filepath.Join(g.Dir, "nobody.sock")
	for _, c := range []struct{ remotes, database, remote, bad string }{
		{tcp, OpenVSwitch, tcp, ""},
		{dead + "," + tcp, OpenVSwitch, tcp, ""},
		{dead, OpenVSwitch, "", dead},
		{dead + "," + g.Sock("ovs"), Southbound, "", "no such database on this server (it serves Open_vSwitch, _Server)"},
		{"tcp:127.0.0.1:1," + dead, OpenVSwitch, "", "tcp:127.0.0.1:1: connect: connection refused"},
		{"tcp:127.0.0.1:1", OpenVSwitch, "", "Open_vSwitch at tcp:127.0.0.1:1: connect:"},
	} {
		db, err := Dial(t.Context(), Options{Remotes: c.remotes, Database: c.database, Timeout: 2 * time.Second})
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s %s: %v, want %q", c.remotes, c.database, err, c.bad)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.remotes, err)
			continue
		}
		if db.Remote() != c.remote {
			t.Errorf("%s: connected to %s", c.remotes, db.Remote())
		}
		if rows, err := db.Select(t.Context(), Query{Table: "Open_vSwitch", Columns: []string{"external_ids", "no_such_column"}}); err != nil || len(rows[0]) != 1 {
			t.Errorf("%s: %v, %v", c.remotes, rows, err)
		}
		db.Close()
	}
}

// pair makes a certificate signed by parent, or by itself, and writes both files.
func pair(t *testing.T, dir, name string, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	if parent == nil {
		cert.IsCA, cert.BasicConstraintsValid, cert.KeyUsage = true, true, x509.KeyUsageCertSign
		parent, signer = cert, key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + "-cert.pem": {Type: "CERTIFICATE", Bytes: der},
		name + "-key.pem":  {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func TestTLS(t *testing.T) {
	pki := ovntest.Dir(t)
	ca, caKey := pair(t, pki, "ca", nil, nil)
	pair(t, pki, "server", ca, caKey)
	pair(t, pki, "client", ca, caKey)
	pair(t, pki, "stranger", nil, nil)
	at := func(name string) string { return filepath.Join(pki, name) }
	port, err := ovntest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	vswitch(t, fmt.Sprintf("--remote=pssl:%d:127.0.0.1", port), "--private-key="+at("server-key.pem"),
		"--certificate="+at("server-cert.pem"), "--ca-cert="+at("ca-cert.pem"))
	ssl := fmt.Sprintf("ssl:127.0.0.1:%d", port)
	for _, c := range []struct {
		name            string
		key, cert, root string
		bad             string
	}{
		{"both verified", at("client-key.pem"), at("client-cert.pem"), at("ca-cert.pem"), ""},
		{"server not verified", at("client-key.pem"), at("client-cert.pem"), "none", ""},
		{"wrong CA", at("client-key.pem"), at("client-cert.pem"), at("stranger-cert.pem"), "unknown authority"},
		{"no CA", at("client-key.pem"), at("client-cert.pem"), "", "needs a CA certificate (-C FILE, or -C none)"},
		{"no client certificate", "none", "none", at("ca-cert.pem"), ssl},
		{"stranger", at("stranger-key.pem"), at("stranger-cert.pem"), at("ca-cert.pem"), ssl},
		{"key alone", at("client-key.pem"), "", at("ca-cert.pem"), "needed together"},
		{"no such file", at("client-key.pem"), at("gone.pem"), at("ca-cert.pem"), "gone.pem"},
	} {
		db, err := Dial(t.Context(), Options{Remotes: ssl, Database: OpenVSwitch, PrivateKey: c.key, Certificate: c.cert, CACert: c.root, Timeout: 3 * time.Second})
		if err == nil {
			_, err = db.Select(t.Context(), Query{Table: "Open_vSwitch"})
			db.Close()
		}
		if c.bad == "" && err != nil || c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.bad)
		}
	}
}

func TestLeaderOnly(t *testing.T) {
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool"} {
		testenv.Tool(t, tool)
	}
	schema, err := ovntest.Schema("vswitch.ovsschema")
	if err != nil {
		t.Fatal(err)
	}
	g := &ovntest.Group{Dir: ovntest.Dir(t)}
	t.Cleanup(g.Stop)
	var raft [2]string
	for i := range raft {
		port, err := ovntest.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		raft[i] = fmt.Sprintf("tcp:127.0.0.1:%d", port)
	}
	a, b := filepath.Join(g.Dir, "a.db"), filepath.Join(g.Dir, "b.db")
	if _, err := g.Run(t.Context(), "", "ovsdb-tool", "create-cluster", a, schema, raft[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Run(t.Context(), "", "ovsdb-tool", "join-cluster", b, "Open_vSwitch", raft[1], raft[0]); err != nil {
		t.Fatal(err)
	}
	leader, err := g.Serve(t.Context(), "a", a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Serve(t.Context(), "b", b); err != nil {
		t.Fatal(err)
	}
	dial := func(remotes string, leaderOnly bool) (*DB, error) {
		return Dial(t.Context(), Options{Remotes: remotes, Database: OpenVSwitch, LeaderOnly: leaderOnly, Timeout: 2 * time.Second})
	}
	// The second member needs a moment to join.
	var db *DB
	for try := 0; ; try++ {
		if db, err = dial(g.Sock("b"), false); err == nil {
			break
		}
		if try == 100 {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	db.Close()
	if _, err := dial(g.Sock("b"), true); !errors.Is(err, ErrNotLeader) || !strings.Contains(err.Error(), g.Sock("b")) {
		t.Errorf("follower: %v, want ErrNotLeader with its name", err)
	}
	db, err = dial(g.Sock("b")+","+g.Sock("a"), true)
	if err != nil || db.Remote() != g.Sock("a") {
		t.Fatalf("follower, leader: %v, %v", db, err)
	}
	db.Close()
	// Without its leader the follower of two has no quorum.
	g.StopOne(leader)
	for try := 0; ; try++ {
		db, err := dial(g.Sock("b"), false)
		if errors.Is(err, ErrNotConnected) {
			break
		}
		if err == nil {
			db.Close()
		}
		if try == 150 {
			t.Fatalf("cut off member: %v, want ErrNotConnected", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestServerRestart(t *testing.T) {
	g := vswitch(t)
	o, err := DialOVS(t.Context(), Options{Remotes: g.Sock("ovs")})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Config(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.Stop()
	if _, err := o.Config(t.Context()); err == nil || !strings.Contains(err.Error(), g.Sock("ovs")) {
		t.Fatalf("server gone: %v", err)
	}
	if _, err := g.Serve(t.Context(), "ovs", filepath.Join(g.Dir, "ovs.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Config(t.Context()); err != nil {
		t.Fatalf("after restart: %v", err)
	}
}

// fake serves each connection with a function, on a Unix socket.
func fake(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(ovntest.Dir(t), "fake.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); serve(c) }()
		}
	}()
	return "unix:" + path
}

// answers serves JSON-RPC: method to the raw result.
func answers(results map[string]string) func(net.Conn) {
	return func(c net.Conn) {
		dec := json.NewDecoder(c)
		for {
			var m message
			if dec.Decode(&m) != nil {
				return
			}
			if m.Method == "transact" && strings.Contains(string(m.Params), `"_Server"`) {
				// As a server of OVS 2.8 would, which has no such database.
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

func TestBadServers(t *testing.T) {
	const schema = `{"name":"OVN_Southbound","version":"1","tables":{"Port_Binding":{"columns":{"mac":{}}}}}`
	base := func(transact string) func(net.Conn) {
		return answers(map[string]string{"list_dbs": `["OVN_Southbound"]`, "get_schema": schema, "transact": transact})
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
		{"list_dbs of another shape", answers(map[string]string{"list_dbs": `{"a":1}`}), "list_dbs"},
		{"schema of another shape", answers(map[string]string{"list_dbs": `["OVN_Southbound"]`, "get_schema": `[1]`}), "get_schema"},
		{"error result", base(`[{"error":"unknown table","details":"no table"}]`), "unknown table: no table"},
		{"too few results", base(`[]`), "0 answers to 1"},
		{"null result", base(`[null]`), "was not run"},
		{"cell of another shape", base(`[{"rows":[{"_uuid":["uuid","x"],"mac":[]}]}]`), "column"},
		{"rows of another shape", base(`[{"rows":{"a":1}}]`), "transact"},
		{"slow", nil, ""}, // filled below
	} {
		if c.name == "slow" {
			c.serve, c.want = answers(map[string]string{"list_dbs": `["OVN_Southbound"]`, "get_schema": schema}), "no answer in time"
		}
		t.Run(c.name, func(t *testing.T) {
			at := fake(t, c.serve)
			started := time.Now()
			sb, err := DialSB(t.Context(), Options{Remotes: at, Timeout: 300 * time.Millisecond})
			if err == nil {
				defer sb.Close()
				_, err = sb.ports(t.Context(), nil)
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

func TestCancel(t *testing.T) {
	at := fake(t, func(c net.Conn) { time.Sleep(time.Minute) })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	started := time.Now()
	if _, err := DialSB(ctx, Options{Remotes: at}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
	if time.Since(started) > 5*time.Second {
		t.Error("cancelling did not end the wait")
	}
}

// TestEcho checks that an idle connection answers the server's probes.
func TestEcho(t *testing.T) {
	got := make(chan string, 1)
	at := fake(t, func(c net.Conn) {
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
	sb, err := DialSB(t.Context(), Options{Remotes: at})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	if reply := <-got; reply != `{"id":"echo","result":["x"],"error":null}` {
		t.Errorf("echo answered with %s", reply)
	}
}

func TestFramerStreamsRows(t *testing.T) {
	const id = "0a1b2c3d-0000-1111-2222-333344445555"
	in := ` {"result":[{"rows":[{"_uuid":["uuid","` + id + `"]}, {"match":"}]\"{", "_uuid": [ "uuid","` + strings.ToUpper(id) + `"]}]},{"error":"a \"{[","details":"` + id + `"}],"id":1,"error":null}
{"id":"echo","method":"echo","params":[]}`
	f := framer{r: bufio.NewReader(strings.NewReader(in))}
	var got []UUID
	frame, err := f.next(func() sink {
		return func(op int, s []byte) {
			if op != 0 {
				t.Errorf("UUID of operation %d", op)
			}
			u, err := uuidOf(s)
			if err != nil {
				t.Errorf("%s: %v", s, err)
			}
			got = append(got, u)
		}
	})
	want := `{"result":[{"rows":[]},{"error":"a \"{[","details":"` + id + `"}],"id":1,"error":null}`
	if err != nil || string(frame) != want {
		t.Errorf("frame %s, %v; want %s", frame, err, want)
	}
	if len(got) != 2 || got[0].String() != id || got[1] != got[0] || got[0].Cookie() != 0x0a1b2c3d {
		t.Errorf("UUIDs %v", got)
	}
	if frame, err = f.next(func() sink { return nil }); err != nil || !strings.Contains(string(frame), "echo") {
		t.Errorf("second frame %s, %v", frame, err)
	}
}

func FuzzFramer(f *testing.F) {
	f.Add(`{"id":1,"result":[{"rows":[{"_uuid":["uuid","0a1b2c3d-0000-1111-2222-333344445555"]}]}],"error":null}`)
	f.Add(`{"a":"\"}"}`)
	f.Fuzz(func(t *testing.T, in string) {
		whole := framer{r: bufio.NewReader(strings.NewReader(in))}
		frame, err := whole.next(func() sink { return nil })
		if err != nil && frame != nil {
			t.Error("an error comes with a frame")
		}
		sunk := framer{r: bufio.NewReader(strings.NewReader(in))}
		_, serr := sunk.next(func() sink { return func(int, []byte) {} })
		if (err == nil) != (serr == nil) {
			t.Errorf("%q: %v without a sink, %v with one", in, err, serr)
		}
	})
}

// FuzzFramerRows checks that rows come out as they went in, whatever stands in them.
func FuzzFramerRows(f *testing.F) {
	f.Add(`{"match":"}]\"{[\\"}`, `{"external_ids":["map",[["a",{"b":[]}]]]}`)
	f.Add(`{}`, `{"_uuid":["uuid","0a1b2c3d-0000-1111-2222-333344445555"]}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, row := range []string{a, b} {
			if !json.Valid([]byte(row)) || row[0] != '{' || row[len(row)-1] != '}' {
				return
			}
		}
		in := framer{r: bufio.NewReader(strings.NewReader(`{"result":[{"rows":[` + a + `]},{"rows":[` + b + ", " + a + `]}],"id":1}`))}
		var got []string
		rest, err := in.next(func() sink { return func(op int, row []byte) { got = append(got, strconv.Itoa(op)+string(row)) } })
		if want := []string{"0" + a, "1" + b, "1" + a}; err != nil || !slices.Equal(got, want) {
			t.Errorf("rows %q, %v; want %q", got, err, want)
		}
		if string(rest) != `{"result":[{"rows":[]},{"rows":[]}],"id":1}` {
			t.Errorf("left: %s", rest)
		}
	})
}

func TestNearest(t *testing.T) {
	names := []string{"sw0-p1", "sw0-p2", "sw1-p1", "router", "blue_web-1"}
	for _, c := range []struct{ name, want string }{
		{"sw0-p3", "sw0-p1"}, {"SW0-P2", "sw0-p2"}, {"web", "blue_web-1"}, {"ruoter", "router"}, {"zzzzzzzz", ""},
	} {
		got := Nearest(c.name, names, 1)
		if strings.Join(got, ",") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}
