package nodeserve

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

const info = `{"jsonrpc":"2.0","id":1,"method":"Info","params":{"arg":{}}}` + "\n"

// What is no request ends its connection, and nothing else.
func TestGarbage(t *testing.T) {
	random := make([]byte, 1<<16)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	b := start(t, func(o *Options) { o.Limits.RequestBytes = 1 << 16 })
	for name, text := range map[string]string{
		"random bytes":       string(random) + "\n",
		"an empty line":      "\n",
		"text":               "GET / HTTP/1.1\r\n\r\n",
		"half a request":     `{"jsonrpc":"2.0","id":1,` + "\n",
		"no version":         `{"id":1,"method":"Info"}` + "\n",
		"no method":          `{"jsonrpc":"2.0","id":1}` + "\n",
		"an answer":          `{"jsonrpc":"2.0","id":1,"result":{}}` + "\n",
		"a notification":     `{"jsonrpc":"2.0","method":"Trace","params":{}}` + "\n",
		"an empty batch":     "[]\n",
		"a batch":            "[" + strings.TrimSpace(info) + "," + strings.TrimSpace(info) + "]\n",
		"nested":             strings.Repeat("[", 30000) + "\n",
		"nested parameters":  `{"jsonrpc":"2.0","id":1,"method":"Trace","params":` + strings.Repeat("[", 30000) + "\n",
		"a long line":        strings.Repeat("x", 1<<20) + "\n",
		"a line without end": strings.Repeat("x", 1<<20),
	} {
		conn := b.raw()
		go write(conn, text)
		if got := b.left(conn); got != "" {
			t.Errorf("%s: answered: %q", name, got)
		}
	}
	b.ok()
}

// Requests that are well formed and wrong are answered with an error; the connection goes on.
func TestWrongRequests(t *testing.T) {
	b := start(t, nil)
	for name, request := range map[string]string{
		"unknown method":     `{"jsonrpc":"2.0","id":7,"method":"Shell","params":{"arg":"id"}}`,
		"built-in of jrpc2":  `{"jsonrpc":"2.0","id":7,"method":"rpc.serverInfo"}`,
		"wrong type":         `{"jsonrpc":"2.0","id":7,"method":"Trace","params":{"arg":[1,2]}}`,
		"an unknown stream":  `{"jsonrpc":"2.0","id":7,"method":"Next","params":{"arg":99}}`,
		"wrong type of list": `{"jsonrpc":"2.0","id":7,"method":"Clean","params":{"arg":"yes"}}`,
		"no list":            `{"jsonrpc":"2.0","id":7,"method":"Clean"}`,
	} {
		conn := b.raw()
		write(conn, request+"\n")
		write(conn, info)
		dec := json.NewDecoder(conn)
		var failed, good bool
		for range 2 {
			var got struct {
				ID     int             `json:"id"`
				Error  json.RawMessage `json:"error"`
				Result json.RawMessage `json:"result"`
			}
			if err := dec.Decode(&got); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			failed = failed || got.ID == 7 && got.Error != nil
			good = good || got.ID == 1 && bytes.Contains(got.Result, []byte("hv1"))
		}
		if !failed || !good {
			t.Errorf("%s: refused %t, next request answered %t", name, failed, good)
		}
	}
	if b.count("clean") != 0 {
		t.Error("a request that is wrong was taken as clean")
	}
}

// A long message costs no more memory than its limit, however long it is.
func TestLongMessageMemory(t *testing.T) {
	b := start(t, func(o *Options) { o.Limits.RequestBytes = 1 << 20 })
	conn := b.raw()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	block := strings.Repeat("x", 1<<16)
	sent := 0
	for ; sent < 1<<30; sent += len(block) {
		if _, err := conn.Write([]byte(block)); err != nil {
			break
		}
	}
	runtime.ReadMemStats(&after)
	if sent >= 1<<30 {
		t.Fatal("1 GB of one message was read")
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("%d bytes were allocated for a message of at most 1 MB", used)
	}
	b.ok()
}

// A panic is an error of its call. The server, the connection and other calls go on.
func TestPanic(t *testing.T) {
	b := start(t, nil)
	r := b.client("support")
	err := trace(t.Context(), r, "panic")
	if err == nil || !strings.Contains(err.Error(), "the node has failed in this call") {
		t.Errorf("a call that panics: %v", err)
	}
	if err := trace(t.Context(), r, ""); err != nil {
		t.Errorf("the next call: %v", err)
	}
	if log := b.log.String(); !strings.Contains(log, "nil pointer") || !strings.Contains(log, "serve_test.go") {
		t.Errorf("the log has neither the panic nor its place: %s", log)
	}
}

// Each connection has a node of its own, which is closed with it.
func TestConnectionsAreApart(t *testing.T) {
	b := start(t, nil)
	one, two := b.client("support"), b.client("support")
	for _, r := range []*node.Remote{one, two} {
		if _, err := r.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if b.nodes != 2 {
		t.Fatalf("%d nodes for two connections", b.nodes)
	}
	// A long answer of one is not the other's: both begin with the same number.
	stop := errors.New("enough")
	_, err := one.List(t.Context(), node.ListRequest{}, func([]ctstate.Entry) error {
		conn := b.raw()
		write(conn, `{"jsonrpc":"2.0","id":1,"method":"Next","params":{"arg":1}}`+"\n")
		var got struct {
			Error struct{ Message string } `json:"error"`
		}
		if err := json.NewDecoder(conn).Decode(&got); err != nil || got.Error.Message != "this answer has ended" {
			t.Errorf("another connection's answer: %+v %v", got, err)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Error(err)
	}
	if err := one.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the nodes of those that left are closed", func() bool { return b.count("close") >= 1 })
	if _, err := two.Info(t.Context()); err != nil {
		t.Error(err)
	}
}
