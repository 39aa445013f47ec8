package ctdpif

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// FuzzReply checks that no reply makes its reader panic or never end, and that it reads the text
// which encoding/json reads.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		`{"id":0,"result":"tcp,orig=(src=10.0.0.1)\n","error":null}`, `{"error":"no","result":null}`, `{"result":"\ud83d\ude00\u0041\n","id":{}}`,
		`{"result":"a","result":"b"}`, `{"id":[[[`, `{"result":"\ud800x"}`, `{"`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		server, client := net.Pipe()
		server.Close()
		r := &replyReader{conn: client, ctx: context.Background(), stop: func() bool { return true }, in: bufio.NewReader(bytes.NewReader(reply))}
		defer r.Close()
		err := r.begin()
		var text []byte
		if err == nil {
			text, err = io.ReadAll(r)
		}
		if err != nil || !utf8.Valid(reply) { // encoding/json replaces what is not
			return
		}
		var want struct {
			Result *string `json:"result"`
		}
		if json.Unmarshal(reply, &want) == nil && bytes.Count(reply, []byte("result")) == 1 && (want.Result == nil || *want.Result != string(text)) {
			t.Errorf("%q: read %q", reply, text)
		}
	})
}

// endless is a table that does not end.
type endless string

func (e endless) Stream(context.Context, string, ...string) (io.ReadCloser, error) {
	return io.NopCloser(&repeated{text: []byte(e)}), nil
}

type repeated struct {
	text []byte
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

// A table that does not end is given up: no table of Open vSwitch has so many connections.
func TestEndlessTable(t *testing.T) {
	for name, line := range map[string]string{
		"connections": "tcp," + o4 + "," + r4 + ",zone=1\n",
		"other zones": "tcp," + o4 + "," + r4 + ",zone=2\n",
		"unreadable":  "what,zone=1\n",
		"one line":    strings.Repeat("x", 4096),
	} {
		tbl := New(endless(line), "")
		tbl.most = 1 << 20
		_, err := tbl.Lookup(t.Context(), 1, tup(6, "10.9.9.9:1", "10.9.9.8:2"))
		if !errors.Is(err, errEndless) || errors.Is(err, ctstate.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
