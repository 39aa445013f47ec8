package kubetest

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/moby/spdystream"
	"golang.org/x/net/websocket"
)

// runner runs a command on streams and returns its end.
type runner func(stdin io.Reader, stdout, stderr io.Writer) object

// The channels of v5.channel.k8s.io: the first byte of each message. What is closed is one more
// byte.
const (
	chStdin = iota
	chStdout
	chStderr
	chError
	chClose = 255
)

const subprotocol = "v5.channel.k8s.io"

// overWebSocket speaks v5.channel.k8s.io, as kubectl does since 1.31.
func overWebSocket(w http.ResponseWriter, r *http.Request, run runner) {
	server := websocket.Server{
		Handshake: func(c *websocket.Config, _ *http.Request) error {
			if !slices.Contains(c.Protocol, subprotocol) {
				return errors.New("only " + subprotocol + " is spoken")
			}
			c.Protocol = []string{subprotocol}
			return nil
		},
		Handler: func(ws *websocket.Conn) {
			var mu sync.Mutex
			send := func(ch byte) writer {
				return func(p []byte) (int, error) {
					mu.Lock()
					defer mu.Unlock()
					return len(p), websocket.Message.Send(ws, append([]byte{ch}, p...))
				}
			}
			stdin, feed := io.Pipe()
			go func() { // ends with the connection
				defer feed.Close()
				for {
					var m []byte
					if err := websocket.Message.Receive(ws, &m); err != nil {
						return
					}
					switch {
					case len(m) == 2 && m[0] == chClose && m[1] == chStdin:
						return
					case len(m) > 1 && m[0] == chStdin:
						if _, err := feed.Write(m[1:]); err != nil {
							return
						}
					}
				}
			}()
			end, _ := json.Marshal(run(stdin, send(chStdout), send(chStderr)))
			stdin.Close()
			_, _ = send(chError)(end)
			ws.Close()
		},
	}
	server.ServeHTTP(w, r)
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// begun is a connection whose first bytes http.Server may have read already.
type begun struct {
	net.Conn
	read io.Reader
}

func (b begun) Read(p []byte) (int, error) { return b.read.Read(p) }

// overSPDY speaks SPDY/3.1 with v4.channel.k8s.io, as kubectl did before, and does where a server
// refuses the other.
func overSPDY(w http.ResponseWriter, r *http.Request, stderr bool, run runner) {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "SPDY/3.1")
	w.Header().Set("X-Stream-Protocol-Version", "v4.channel.k8s.io")
	w.WriteHeader(http.StatusSwitchingProtocols)
	raw, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_ = buffered.Flush()
	conn, err := spdystream.NewConnection(begun{raw, buffered.Reader}, true)
	if err != nil {
		raw.Close()
		return
	}
	defer conn.Close()
	want := 3
	if stderr {
		want++
	}
	arrived := make(chan *spdystream.Stream, want)
	go conn.Serve(func(s *spdystream.Stream) {
		_ = s.SendReply(http.Header{}, false)
		arrived <- s
	})
	streams := map[string]*spdystream.Stream{}
	for len(streams) < want {
		select {
		case s := <-arrived:
			streams[s.Headers().Get("streamType")] = s
		case <-conn.CloseChan():
			return
		}
	}
	out := io.Writer(io.Discard)
	if stderr {
		out = streams["stderr"]
	}
	end, _ := json.Marshal(run(streams["stdin"], streams["stdout"], out))
	_, _ = streams["error"].Write(end)
	for _, s := range streams {
		_ = s.Close()
	}
	<-conn.CloseChan() // the client has read everything
}
