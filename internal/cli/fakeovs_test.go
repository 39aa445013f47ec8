package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// fakeOVS serves a control socket from files, read anew for every call.
func fakeOVS(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: fake-ovs DIR")
	}
	from := ts.MkAbs(args[0])
	dir, err := os.MkdirTemp("", "ctl") // a socket's path has room for 107 bytes only
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(dir) })
	ts.Check(os.WriteFile(filepath.Join(dir, "ovs-vswitchd.pid"), fmt.Append(nil, os.Getpid()), 0o600))
	l, err := net.Listen("unix", filepath.Join(dir, fmt.Sprintf("ovs-vswitchd.%d.ctl", os.Getpid())))
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	testenv.Accept(l, func(c net.Conn) { answer(c, from) })
	ts.Setenv("FAKE_OVS", dir)
}

// answer implements ovs-vswitchd's protocol (lib/unixctl.c).
func answer(c net.Conn, from string) {
	dec, enc := json.NewDecoder(c), json.NewEncoder(c)
	for {
		var q struct {
			ID     int    `json:"id"`
			Method string `json:"method"`
		}
		if dec.Decode(&q) != nil {
			return
		}
		name := map[string]string{"dpif/show": "dpif-show", "ofproto/trace": "trace"}[q.Method]
		text, err := os.ReadFile(filepath.Join(from, name))
		r := map[string]any{"id": q.ID, "result": string(text), "error": nil}
		if err != nil {
			r["result"], r["error"] = nil, fmt.Sprintf("%q is not a valid command", q.Method)
		}
		enc.Encode(r)
	}
}
