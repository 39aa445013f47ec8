package nodeserve

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// FuzzConversation checks that nothing that a client sends makes the service panic, never end, or
// lose count of its requests.
func FuzzConversation(f *testing.F) {
	for _, s := range []string{
		info, info + info, `{"jsonrpc":"2.0","method":"Cancel","params":["1"]}` + "\n" + info,
		`{"jsonrpc":"2.0","id":1,"method":"Trace","params":{"timeout_ms":1,"arg":{"overlay":{"entries":[{}]},"Bridge":"panic"}}}` + "\n",
		`{"jsonrpc":"2.0","id":1,"method":"List","params":{"arg":{}}}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"Next","params":{"arg":1}}` + "\n" + `{"jsonrpc":"2.0","id":3,"method":"End","params":{"arg":[1]}}` + "\n",
		`{"jsonrpc":"2.0","id":1,"method":"Clean","params":{"arg":true}}` + "\n", "[" + info + "]\n", "{}\n", "\n", `{"jsonrpc":"2.0","id":`,
	} {
		f.Add([]byte(s))
	}
	meter := newMeter()
	f.Fuzz(func(t *testing.T, text []byte) {
		limits := DefaultLimits
		limits.CallTime, limits.RequestBytes, limits.Rate, limits.Burst = time.Second, 1<<16, 1e6, 1000
		b := &bed{t: t, done: map[string]int{}, begun: make(chan struct{}, 1000), release: make(chan struct{})}
		close(b.release)
		s := &Server{
			opt:     Options{Limits: limits, Log: slog.New(slog.DiscardHandler), New: func() node.Node { return &fake{bed: b} }},
			clients: newClients(limits), meter: meter, lines: map[*lines]bool{},
		}
		one, err := s.clients.join("support")
		if err != nil {
			t.Fatal(err)
		}
		server, peer := net.Pipe()
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _ = io.Copy(io.Discard, peer)
		}()
		go func() {
			_, _ = peer.Write(text)
			time.Sleep(time.Millisecond)
			peer.Close()
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_ = s.converse(ctx, s.opt.Log, server, one)
		if ctx.Err() != nil {
			t.Error("the conversation does not end")
		}
		server.Close()
		<-read
		if !one.requests.TryAcquire(int64(limits.Requests)) {
			t.Error("requests are counted that have ended")
		}
		if b.count("commit")+b.count("clean")+b.count("capture")+b.count("captured")+b.count("inject") > 0 || b.count("close") == 0 {
			t.Errorf("done: %v", b.done)
		}
	})
}
