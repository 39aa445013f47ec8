// Package dbcount counts what programs ask a database and read of it.
package dbcount

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// Counter stands in front of a database and counts what passes.
type Counter struct {
	Remote      string       // where it listens
	Questions   atomic.Int64 // transactions
	Requests    atomic.Int64 // of every kind
	Rounds      atomic.Int64 // times that a client has sent something after it had got something, or at first
	Read        atomic.Int64 // bytes of answers
	Connections atomic.Int64 // that were opened
}

// Listen listens as a unix socket NAME in a folder in front of a database on a unix socket, until
// ctx ends.
func Listen(ctx context.Context, dir, name, remote string) (*Counter, error) {
	to, ok := strings.CutPrefix(remote, "unix:")
	if !ok {
		return nil, fmt.Errorf("%s is not a unix socket", remote)
	}
	path := filepath.Join(dir, name)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	c := &Counter{Remote: "unix:" + path}
	context.AfterFunc(ctx, func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go c.pass(in, to)
		}
	}()
	return c, nil
}

// Write counts a part of an answer.
func (c *Counter) Write(b []byte) (int, error) {
	c.Read.Add(int64(len(b)))
	return len(b), nil
}

func (c *Counter) pass(in net.Conn, to string) {
	defer in.Close()
	out, err := net.Dial("unix", to)
	if err != nil {
		return
	}
	defer out.Close()
	c.Connections.Add(1)
	var answered atomic.Bool
	answered.Store(true)
	go func() {
		defer in.Close()
		_, _ = io.Copy(io.MultiWriter(in, c, marker{&answered}), out)
	}()
	r, w := io.Pipe()
	defer w.Close()
	go c.count(r)
	buf := make([]byte, 1<<20)
	for {
		n, err := in.Read(buf)
		if n > 0 && answered.Swap(false) {
			c.Rounds.Add(1)
		}
		if _, werr := out.Write(buf[:n]); err != nil || werr != nil {
			return
		}
		_, _ = w.Write(buf[:n])
	}
}

// marker notes that something was written.
type marker struct{ is *atomic.Bool }

func (m marker) Write(b []byte) (int, error) { m.is.Store(true); return len(b), nil }

// count counts the requests of a connection, and reads it to its end.
func (c *Counter) count(r io.Reader) {
	for d := json.NewDecoder(r); ; {
		var m struct {
			Method string `json:"method"`
		}
		if d.Decode(&m) != nil {
			_, _ = io.Copy(io.Discard, r)
			return
		}
		if m.Method != "" {
			c.Requests.Add(1)
		}
		if m.Method == "transact" {
			c.Questions.Add(1)
		}
	}
}
