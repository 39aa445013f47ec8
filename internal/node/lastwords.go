package node

import (
	"io"
	"strings"
	"sync"
	"time"
)

// tail keeps the end of what a process wrote to its standard error.
type tail struct {
	mu    sync.Mutex
	b     []byte
	ended chan struct{} // closed at the end of the stream; nil before there is one
}

// follow reads a process's standard error to its end.
func (t *tail) follow(r io.Reader) {
	ended := make(chan struct{})
	t.mu.Lock()
	t.ended = ended
	t.mu.Unlock()
	go func() { // ends with the stream: the process and what it started have ended, or cmd.Wait closed it
		_, _ = io.Copy(t, r)
		close(ended)
	}()
}

// wait waits a little for the end of the stream: what the process started may keep it open.
func (t *tail) wait(atMost time.Duration) {
	t.mu.Lock()
	ended := t.ended
	t.mu.Unlock()
	select {
	case <-ended:
	case <-time.After(atMost):
	}
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if n := len(t.b) - 2048; n > 0 {
		t.b = t.b[n:]
	}
	return len(p), nil
}

// last returns the last line written, or the last two if the last is a hint of this tool.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	if n := len(lines); n > 1 && strings.HasPrefix(lines[n-1], "ovn-ct-trace: hint: ") {
		lines = lines[:n-1]
	}
	return strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "ovn-ct-trace: ")
}
