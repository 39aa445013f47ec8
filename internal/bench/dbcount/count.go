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
	go func() {
		defer in.Close()
		_, _ = io.Copy(io.MultiWriter(in, c), out)
	}()
	d := json.NewDecoder(io.TeeReader(in, out))
	for {
		var m struct {
			Method string `json:"method"`
		}
		if d.Decode(&m) != nil {
			return
		}
		if m.Method == "transact" {
			c.Questions.Add(1)
		}
	}
}
