package unixctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a daemon; answer returns the bytes to send, or nil to close the connection.
type fake struct {
	path  string
	conns sync.Map
	n     int
	mu    sync.Mutex
}

func serve(t *testing.T, answer func(request) []byte) *fake {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{path: filepath.Join(dir, "d.ctl")}
	l, err := net.Listen("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); f.drop(); os.RemoveAll(dir) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.n++
			f.mu.Unlock()
			f.conns.Store(c, true)
			go func() {
				defer c.Close()
				dec := json.NewDecoder(c)
				for {
					var r request
					if dec.Decode(&r) != nil {
						return
					}
					out := answer(r)
					if out == nil {
						return
					}
					c.Write(out)
				}
			}()
		}
	}()
	return f
}

// drop closes every connection, as a restarted daemon does.
func (f *fake) drop() {
	f.conns.Range(func(k, _ any) bool { k.(net.Conn).Close(); f.conns.Delete(k); return true })
}

func result(r request, text string) []byte {
	b, _ := json.Marshal(map[string]any{"id": r.ID, "result": text, "error": nil})
	return b
}

func echo(r request) []byte { return result(r, r.Method+" "+strings.Join(r.Params, "|")) }

func TestCall(t *testing.T) {
	f := serve(t, echo)
	c := &Client{Path: f.path}
	defer c.Close()
	for i := range 3 {
		got, err := c.Call(t.Context(), "m", "a<b", fmt.Sprint(i))
		if want := fmt.Sprintf("m a<b|%d", i); err != nil || got != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	if got, err := c.Call(t.Context(), "bare"); err != nil || got != "bare " {
		t.Fatalf("got %q, %v", got, err)
	}
	if f.n != 1 {
		t.Errorf("%d connections for calls one after another, want 1", f.n)
	}
}

func TestConcurrent(t *testing.T) {
	f := serve(t, func(r request) []byte { time.Sleep(time.Millisecond); return echo(r) })
	c := &Client{Path: f.path}
	defer c.Close()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			want := fmt.Sprintf("m %d", i)
			if got, err := c.Call(t.Context(), "m", fmt.Sprint(i)); err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
	wg.Wait()
}

func TestReconnect(t *testing.T) {
	f := serve(t, echo)
	c := &Client{Path: f.path}
	defer c.Close()
	for range 3 {
		if _, err := c.Call(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
		f.drop()
	}
}

func TestErrors(t *testing.T) {
	cases := []struct {
		name   string
		answer func(request) []byte
		check  func(error) bool
	}{
		{"the daemon's own", func(r request) []byte {
			return fmt.Appendf(nil, `{"id":%d,"result":null,"error":"nobr: unknown bridge\n"}`, r.ID)
		}, func(err error) bool {
			var e *Error
			return errors.As(err, &e) && e.Text == "nobr: unknown bridge\n"
		}},
		{"closed", func(request) []byte { return nil }, func(err error) bool { return strings.Contains(err.Error(), "EOF") }},
		{"garbage", func(request) []byte { return []byte("hello") }, func(err error) bool { return strings.Contains(err.Error(), "invalid") }},
		{"cut", func(request) []byte { return []byte(`{"id":1,"result":"ab`) }, nil},
		{"other id", func(r request) []byte { r.ID += 7; return result(r, "") }, func(err error) bool { return strings.Contains(err.Error(), "another request") }},
		{"no result", func(r request) []byte { return fmt.Appendf(nil, `{"id":%d}`, r.ID) }, func(err error) bool { return strings.Contains(err.Error(), "neither") }},
		{"too large", func(r request) []byte { return result(r, strings.Repeat("x", 2000)) }, func(err error) bool { return errors.Is(err, ErrReplyTooLarge) }},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			f := serve(t, tc.answer)
			c := &Client{Path: f.path, MaxReply: 1000}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			check := tc.check
			if check == nil {
				check = func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
			}
			_, err := c.Call(ctx, "some/method", "x")
			if err == nil || !check(err) {
				t.Fatalf("error %v", err)
			}
			if !strings.Contains(err.Error(), f.path) || !strings.Contains(err.Error(), "some/method") {
				t.Errorf("error without socket and method: %v", err)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	hang := make(chan struct{})
	f := serve(t, func(r request) []byte { <-hang; return echo(r) })
	defer close(hang)
	c := &Client{Path: f.path}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	start := time.Now()
	_, err := c.Call(ctx, "m")
	if !errors.Is(err, context.Canceled) || time.Since(start) > 2*time.Second {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

func TestDiscover(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Discover(dir, "ovs-vswitchd"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no pid file: %v", err)
	}
	pidFile := filepath.Join(dir, "ovs-vswitchd.pid")
	os.WriteFile(pidFile, []byte("x\n"), 0o600)
	if _, _, err := Discover(dir, "ovs-vswitchd"); err == nil || !strings.Contains(err.Error(), pidFile) {
		t.Errorf("bad pid file: %v", err)
	}
	os.WriteFile(pidFile, []byte("42\n"), 0o600)
	if _, _, err := Discover(dir, "ovs-vswitchd"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no socket: %v", err)
	}
	sock := filepath.Join(dir, "ovs-vswitchd.42.ctl")
	os.WriteFile(sock, nil, 0o600)
	got, pid, err := Discover(dir, "ovs-vswitchd")
	if err != nil || got != sock || pid != 42 {
		t.Errorf("got %s, %d, %v", got, pid, err)
	}
}
