package unixctl

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// FuzzReply checks that no reply of a daemon makes a call panic or never end.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		`{"id":1,"result":"text\n","error":null}`, `{"id":1,"result":null,"error":"\"x\" is not a valid command"}`, `{"id":2,"result":""}`,
		`{"id":1}`, `{"id":null,"result":"x"}`, `{"id":"1","result":"x"}`, `[]`, `"`, `{"result":"\ud800","id":1}`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		server, client := net.Pipe()
		go func() {
			defer server.Close()
			var r request
			if json.NewDecoder(server).Decode(&r) == nil {
				server.Write(text)
			}
		}()
		cn := &conn{Conn: client}
		cn.lim.R = client
		cn.dec = json.NewDecoder(&cn.lim)
		c := &Client{Path: "none"}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got, serverErr, err := c.exchange(ctx, cn, "x", nil)
		if err != nil && (got != "" || serverErr != nil) {
			t.Errorf("an error with a result: %q %v", got, err)
		}
		if ctx.Err() != nil {
			t.Error("the call does not end")
		}
	})
}

// A reply that does not end is given up at its bound, and costs no more memory than a few times as
// much.
func TestEndlessReply(t *testing.T) {
	const bound = 4 << 20
	for name, c := range map[string]struct{ head, more string }{
		"text":    {`{"id":1,"result":"`, "x"},
		"escapes": {`{"id":1,"result":"`, `\u0041`},
		"nesting": {``, "["},
		"blanks":  {``, " "},
		"keys":    {`{`, `"a":1,`},
	} {
		f := serveStream(t, func(w io.Writer) {
			more := strings.Repeat(c.more, 1<<16/len(c.more))
			io.WriteString(w, c.head)
			for {
				if _, err := io.WriteString(w, more); err != nil {
					return
				}
			}
		})
		cl := &Client{Path: f, MaxReply: bound}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := cl.Call(t.Context(), "x")
		runtime.ReadMemStats(&after)
		var syntax *json.SyntaxError
		if !errors.Is(err, ErrReplyTooLarge) && !errors.As(err, &syntax) {
			t.Errorf("%s: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 32*bound {
			t.Errorf("%s: %d bytes were allocated for a reply of at most %d", name, used, bound)
		}
	}
}

// serveStream is a daemon that writes what it likes.
func serveStream(t *testing.T, answer func(io.Writer)) string {
	t.Helper()
	path := t.TempDir() + "/d.ctl"
	testenv.Unix(t, path, func(c net.Conn) { answer(c) })
	return path
}
