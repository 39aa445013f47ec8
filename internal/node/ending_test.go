package node

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"
)

// late is a channel on which one request arrives while it is closed.
type late struct {
	closed chan struct{}
	once   sync.Once
	given  bool
}

func (l *late) Recv() ([]byte, error) {
	<-l.closed
	if l.given {
		return nil, io.EOF
	}
	l.given = true
	return []byte(`{"jsonrpc":"2.0","id":1,"method":"Info","params":{}}`), nil
}

func (l *late) Send([]byte) error { return nil }

func (l *late) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// A request that arrives while a node stops does not end the program.
func TestRequestWhileStopping(t *testing.T) {
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		l := &late{closed: make(chan struct{})}
		go func() { served <- NewServing(fakeNode{}, ServeOptions{}).Run(ctx, l) }()
		time.AfterFunc(time.Millisecond, cancel)
		if err := <-served; err != nil {
			t.Fatal(err)
		}
	}
}
