package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// talk is a Remote whose other end is played by peer.
func talk(t testing.TB, peer func(conn net.Conn), maxLine ...int) (*Remote, error) {
	server, client := net.Pipe()
	go func() {
		defer server.Close()
		peer(server)
	}()
	t.Cleanup(func() { client.Close() })
	r := &Remote{Name: "hv2", TLS: &Dial{Addr: "none"}}
	r.stderr.follow(strings.NewReader(""))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	br := bufio.NewReaderSize(client, maxGreeting)
	line, err := r.greet(ctx, client, br)
	if err != nil {
		return nil, err
	}
	r.in, r.out = client, client
	for _, n := range maxLine {
		r.maxLine = n
	}
	r.speak(line, br, client)
	return r, nil
}

// answeringWith answers the calls, one after the other, with these results; the last one again and
// again.
func answeringWith(results ...string) func(net.Conn) {
	return func(conn net.Conn) {
		fmt.Fprintf(conn, "%sx\n", greeting)
		dec := json.NewDecoder(conn)
		for i := 0; ; i++ {
			var req struct{ ID json.RawMessage }
			if dec.Decode(&req) != nil {
				return
			}
			if req.ID == nil {
				continue
			}
			if _, err := fmt.Fprintf(conn, `{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", req.ID, results[min(i, len(results)-1)]); err != nil {
				return
			}
		}
	}
}

// FuzzAnswers checks that nothing that a node sends makes a call panic or never end.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		greeting + "x\n" + `{"jsonrpc":"2.0","id":1,"result":{"ports":[{"name":"p1"}]}}` + "\n",
		greeting + "x\n" + `{"jsonrpc":"2.0","id":1,"result":null}` + "\n" + `{"jsonrpc":"2.0","id":2,"result":{"segments":[null]}}` + "\n",
		greeting + "x\n" + `[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":1}]` + "\n", greeting + "x\n" + `{"jsonrpc":"2.0","method":"Info"}` + "\n",
		greeting + "x\n" + `{"jsonrpc":"2.0","id":1,"error":{"code":4,"message":"m"}}` + "\n", refusal + "no\n", protocolName + "9 x\n", "\n", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := talk(t, func(conn net.Conn) {
			go io.Copy(io.Discard, conn)
			conn.Write(text)
		})
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, _ = r.Info(ctx)
		if res, err := r.Trace(ctx, TraceRequest{}); err == nil && res == nil {
			t.Error("no trace and no error")
		}
		_, _ = r.List(ctx, ListRequest{}, func([]ctstate.Entry) error { return nil })
		if ctx.Err() != nil {
			t.Error("the calls do not end")
		}
		_ = r.Close(ctx)
	})
}

// What no trace can be is refused, in one line that names the chassis.
func TestAnswersThatAreNone(t *testing.T) {
	const good = `{"segments":[{"id":0,"parent":-1},{"id":1,"parent":0}],"outcomes":[{"leaves":[{"kind":"drop","segment":1,"path":[0,1]}]}]}`
	trace := func(text string) error {
		r, err := talk(t, answeringWith(text))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close(t.Context())
		_, err = r.Trace(t.Context(), TraceRequest{})
		return err
	}
	if err := trace(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{good, "null", "empty"},
		{`{"id":0,"parent":-1}`, "null", "segment 0"},
		{`"id":1`, `"id":2`, "segment 1"},
		{`"parent":0`, `"parent":1`, "segment 1"},
		{`"parent":-1`, `"parent":-2`, "segment 0"},
		{`{"leaves":[{"kind":"drop","segment":1,"path":[0,1]}]}`, "", "no outcome"},
		{`{"leaves":[{"kind":"drop","segment":1,"path":[0,1]}]}`, "null", "outcome 0"},
		{`"segment":1`, `"segment":2`, "end 0 of outcome 0: segment 2 of 2"},
		{`"segment":1`, `"segment":-1`, "segment -1"},
		{`[0,1]`, `[0,7]`, "segment 7 of 2"},
		{`"drop"`, `"output"`, "output to no port"},
	} {
		err := trace(strings.Replace(good, c.from, c.to, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "chassis hv2: trace: ") || failure.KindOf(err) != failure.Unreachable {
			t.Errorf("%s: %v", c.to, err)
		}
	}
	r, err := talk(t, answeringWith("null"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Info":    func() error { _, err := r.Info(ctx); return err },
		"Commit":  func() error { _, err := r.Commit(ctx, CommitRequest{Keep: true}); return err },
		"Clean":   func() error { _, err := r.Clean(ctx, true); return err },
		"Capture": func() error { _, err := r.Capture(ctx, CaptureRequest{}); return err },
		"Health":  func() error { _, err := r.Health(ctx); return err },
	} {
		if err := call(); !errors.Is(err, errEmpty) {
			t.Errorf("%s: %v", name, err)
		}
	}
	done, err := talk(t, answeringWith(`{"done":true}`))
	if err != nil {
		t.Fatal(err)
	}
	defer done.Close(ctx)
	if _, err := done.List(ctx, ListRequest{}, func([]ctstate.Entry) error { return nil }); !errors.Is(err, errEmpty) {
		t.Errorf("List: %v", err)
	}
}

// A list that does not end is given up.
func TestEndlessList(t *testing.T) {
	page := `{"stream":1,"items":[` + strings.TrimSuffix(strings.Repeat(`{"zone":1},`, 500), ",") + `]}`
	r, err := talk(t, answeringWith(page))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	r.maxItems = 5000
	got := 0
	_, err = r.List(t.Context(), ListRequest{}, func(batch []ctstate.Entry) error { got += len(batch); return nil })
	if err == nil || !strings.Contains(err.Error(), "an answer of more than 5000 items") || got > 5000 {
		t.Errorf("%d items: %v", got, err)
	}
}

// An answer that does not end costs no more memory than a few times its bound.
func TestEndlessAnswer(t *testing.T) {
	const bound = 4 << 20
	for _, more := range []string{"x", "[", " ", `{"jsonrpc":"2.0","id":9,"result":1}` + "\n"} {
		r, err := talk(t, func(conn net.Conn) {
			fmt.Fprintf(conn, "%sx\n", greeting)
			if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
				return
			}
			go io.Copy(io.Discard, conn)
			block := strings.Repeat(more, 1<<16/len(more))
			for {
				if _, err := io.WriteString(conn, block); err != nil {
					return
				}
			}
		}, bound)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // answers to nobody do not end the connection
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = r.Info(ctx)
		runtime.ReadMemStats(&after)
		cancel()
		_ = r.Close(t.Context())
		if err == nil {
			t.Errorf("%q: an answer", more)
		}
		if used := after.HeapSys - before.HeapSys; after.HeapSys > before.HeapSys && used > 32*bound {
			t.Errorf("%q: %d bytes more for an answer of at most %d", more, used, bound)
		}
	}
}

// FuzzTexts checks that no text of a daemon makes a parser of this package panic.
func FuzzTexts(f *testing.F) {
	for _, s := range []string{
		"---- bond0 ----\nlb_output action: enabled, bond-id: 1\n", "genev_sys_6081 (6081) : eth(dst=aa:55:aa:55:00:01),eth_type(0x0800),ipv4(dst=1.1.2.88,proto=17,frag=no),udp(dst=6081)\n",
		"src 172.31.0.1\ngateway 172.31.0.9\ndev br-phy\n", "Cached: 172.31.0.1/32 dev br-phy SRC 172.31.0.1 local\nUser: 10.0.0.0/8 MARK 7 dev br-phy GW 172.31.0.9\n",
		"IP  MAC  Bridge\n====\n172.31.0.2   aa:55:aa:55:00:02   br-phy\n", "MARK\n", "User: ::/0 MARK",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parseBondShow(text)
		for _, l := range parseListeners(text) {
			_ = l.Addr.String()
		}
		parseRoute(text)
		for _, r := range parseRoutes(text) {
			if !r.prefix.IsValid() {
				t.Errorf("%q: an invalid prefix", text)
			}
		}
		for n := range parseNeighbours(text) {
			if !n.addr.IsValid() || n.addr.Is4In6() {
				t.Errorf("%q: address %v", text, n.addr)
			}
		}
	})
}
