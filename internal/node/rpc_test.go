package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// fakeArg is the first argument with which the test binary acts as a node's process; the second
// selects its behaviour.
const fakeArg = "play-node"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == fakeArg {
		os.Exit(play(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

// remote returns a Remote with a process of this behaviour, and checks at the end of the test that
// no process and no goroutine is left.
func remote(t *testing.T, how string, args ...string) (r *Remote, pidFile string) {
	t.Helper()
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	before := runtime.NumGoroutine()
	pidFile = filepath.Join(t.TempDir(), "pid")
	r = &Remote{Name: "hv2", Argv: append([]string{os.Args[0], fakeArg, how, pidFile}, args...)}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		r.Close(ctx)
		gone(t, pidFile)
		gone(t, pidFile+".child")
		for i := 0; runtime.NumGoroutine() > before; i++ {
			if i == 100 {
				buf := make([]byte, 1<<16)
				t.Errorf("goroutines left behind:\n%s", buf[:runtime.Stack(buf, true)])
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	return r, pidFile
}

// gone checks that the process whose pid is in a file has ended.
func gone(t *testing.T, pidFile string) {
	t.Helper()
	b, err := os.ReadFile(pidFile)
	if err != nil {
		return
	}
	pid, _ := strconv.Atoi(string(b))
	for i := 0; i < 100; i++ {
		if syscall.Kill(pid, 0) != nil || zombie(pid) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d is left behind", pid)
	syscall.Kill(pid, syscall.SIGKILL)
}

// zombie reports whether a process has ended and its parent, init, has not reaped it yet.
func zombie(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "Z")
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// wantError checks that err is a *Error with the chassis' name and these words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	var ne *Error
	if !errors.As(err, &ne) || ne.Node != "hv2" {
		t.Fatalf("error does not name the chassis: %v", err)
	}
	for _, w := range append(words, "chassis hv2: ") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\x00") {
		t.Errorf("error is not one clean line: %q", err)
	}
}

func TestRemoteAnswers(t *testing.T) {
	r, pidFile := remote(t, "serve")
	ctx := within(t, 20*time.Second)
	info, err := r.Info(ctx)
	if err != nil || info.SystemID != "hv1" || info.Zones[7] != "p1" || info.Ports[0].OFPort != 3 {
		t.Fatalf("%+v %v", info, err)
	}
	first, _ := os.ReadFile(pidFile)
	for _, name := range []string{"br-int", "br0"} {
		res, err := r.Trace(ctx, TraceRequest{Request: engine.Request{Bridge: name}})
		if err != nil || res.Segments[0].Flow != name {
			t.Fatalf("%+v %v", res, err)
		}
	}
	res, err := r.Trace(ctx, TraceRequest{Request: engine.Request{Bridge: "deadline"}})
	left := 0
	if err == nil {
		left, _ = strconv.Atoi(res.Segments[0].Notes[0])
	}
	if err != nil || res.Segments[0].Flow != "true" || left > 20 || left < 1 {
		t.Fatalf("the deadline is not carried: %+v %v", res, err)
	}
	if err := r.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(pidFile); string(again) != string(first) {
		t.Error("more than one process was started")
	}
}

func TestRemoteErrorsKeepTheirKind(t *testing.T) {
	r, _ := remote(t, "serve")
	ctx := within(t, 20*time.Second)
	for _, c := range []struct {
		bridge      string
		is          error // errors.Is on the near side
		unreachable bool
	}{
		{"permission", fs.ErrPermission, true},
		{"missing", nil, true},
		{"call", nil, true},
		{"database", nil, true},
		{"limit", engine.ErrLimit, false},
		{"changed", engine.ErrChanged, false},
		{"refused", nil, false},
	} {
		_, err := r.Trace(ctx, TraceRequest{Request: engine.Request{Bridge: c.bridge}})
		if err == nil || !strings.Contains(err.Error(), "chassis hv2: ") {
			t.Errorf("%s: %v", c.bridge, err)
			continue
		}
		for _, sentinel := range []error{fs.ErrPermission, engine.ErrLimit, engine.ErrChanged} {
			if errors.Is(err, sentinel) != (sentinel == c.is) {
				t.Errorf("%s: %v: errors.Is %v is %v", c.bridge, err, sentinel, !errors.Is(err, sentinel))
			}
		}
		var ne *Error
		if errors.As(err, &ne) != c.unreachable {
			t.Errorf("%s: %v: unreachable is %v", c.bridge, err, !c.unreachable)
		}
	}
	// These errors do not end the connection: it still answers.
	if _, err := r.Trace(ctx, TraceRequest{}); err != nil {
		t.Error(err)
	}
}

// TestRemoteFoundBefore checks that what a trace has found before an error crosses, if it is sound.
func TestRemoteFoundBefore(t *testing.T) {
	r, _ := remote(t, "serve")
	for bridge, segments := range map[string]int{"half way": 2, "half way, wrong": 0, "missing": 0} {
		res, err := r.Trace(within(t, 20*time.Second), TraceRequest{Request: engine.Request{Bridge: bridge}})
		if err == nil || (res != nil) != (segments > 0) || res != nil && (len(res.Segments) != segments || res.Outcomes != nil) {
			t.Errorf("%s: %+v, %v", bridge, res, err)
		}
	}
}

func TestRemoteToleratesAnotherVersion(t *testing.T) {
	r, _ := remote(t, "old")
	if res, err := r.Trace(within(t, 20*time.Second), TraceRequest{Request: engine.Request{Bridge: "x"}}); err != nil || res.Segments[0].Flow != "x" {
		t.Fatal(res, err)
	}
}

func TestRemoteGarbageInsteadOfGreeting(t *testing.T) {
	for name, c := range map[string]struct{ text, word string }{
		"banner":           {"Welcome to hv2!\nUnauthorized access is prohibited.\n", `"Welcome to hv2!"`},
		"banner, no end":   {"Welcome", `"Welcome"`},
		"binary":           {"\x7fELF\x00\x01\x02\xff\xfe\n", `"\x7fELF\x00`},
		"long line":        {strings.Repeat("x", 3*maxGreeting), strings.Repeat("x", 80) + "..."},
		"empty line":       {"\n", "an empty line"},
		"only blanks":      {"  \n", `"  "`},
		"other protocol":   {"ovn-ct-trace-node/1 v9\n", `speaks protocol "ovn-ct-trace-node/1 v9", not "ovn-ct-trace-node/2"`},
		"json":             {`{"jsonrpc":"2.0"}` + "\n", `jsonrpc`},
		"nothing at all":   {"", "ended without an answer"},
		"terminal control": {"\x1b[2J\x1b[31mhello\r\n", `\x1b[2J`},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := remote(t, "say", strconv.Quote(c.text))
			_, err := r.Info(within(t, 20*time.Second))
			wantError(t, err, c.word)
			var ne *Error
			if errors.As(err, &ne); !strings.Contains(ne.Hint, os.Args[0]) {
				t.Errorf("the hint does not name the command: %q", ne.Hint)
			}
		})
	}
}

func TestRemoteGarbageAfterGreeting(t *testing.T) {
	for name, text := range map[string]string{
		"text":         "Last login: Mon\n",
		"binary":       "\x00\x01\x02\n",
		"open json":    `{"jsonrpc":"2.0","id":1,"result":{` + "\n",
		"wrong type":   `{"jsonrpc":"2.0","id":1,"result":[1,2,3]}` + "\n",
		"empty line":   "\n",
		"not a number": "NaN\n",
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := remote(t, "hello-and-say", strconv.Quote(text))
			_, err := r.Info(within(t, 3*time.Second))
			wantError(t, err, "info")
		})
	}
}

func TestRemoteCommandFails(t *testing.T) {
	r, _ := remote(t, "complain")
	_, err := r.Info(within(t, 20*time.Second))
	wantError(t, err, "ssh: Could not resolve hostname hv2")

	// It is not started again for the next call, which returns the same error.
	os.Remove(r.Argv[3])
	_, again := r.Trace(within(t, 20*time.Second), TraceRequest{})
	if again == nil || again.Error() != err.Error() {
		t.Errorf("second error %v", again)
	}
	if _, err := os.Stat(r.Argv[3]); err == nil {
		t.Error("the command was started again")
	}

	none := &Remote{Name: "hv2", Argv: []string{"/no/such/command"}}
	_, err = none.Info(within(t, 5*time.Second))
	wantError(t, err, "/no/such/command", "no such file")
	if err := none.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestRemoteHangsBeforeGreeting(t *testing.T) {
	for _, how := range []string{"hang", "hang-with-child"} {
		t.Run(how, func(t *testing.T) {
			r, pidFile := remote(t, how)
			start := time.Now()
			_, err := r.Info(within(t, time.Second))
			wantError(t, err, "no answer")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("not a deadline: %v", err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			gone(t, pidFile)
			gone(t, pidFile+".child")
		})
	}
}

func TestRemoteDiesInACall(t *testing.T) {
	r, pidFile := remote(t, "hello-and-die")
	_, err := r.Trace(within(t, 20*time.Second), TraceRequest{})
	wantError(t, err, "trace", "panic: the node fell over")
	os.Remove(pidFile)
	_, err = r.Info(within(t, 20*time.Second))
	wantError(t, err, "panic: the node fell over")
	if _, err := os.Stat(pidFile); err == nil {
		t.Error("the command was started again")
	}
}

// TestCancellationIsCarried checks that cancelling the context ends the call here at once and on
// the node soon after, and that the connection still works.
func TestCancellationIsCarried(t *testing.T) {
	r, pidFile := remote(t, "serve")
	ctx, cancel := context.WithCancel(within(t, 30*time.Second))
	if _, err := r.Info(ctx); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, cancel)
	start := time.Now()
	_, err := r.Trace(ctx, TraceRequest{Request: engine.Request{Bridge: "wait"}})
	wantError(t, err, "no answer")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("not a cancellation: %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	for i := 0; ; i++ {
		if _, err := os.Stat(pidFile + ".cancelled"); err == nil {
			break
		}
		if i == 250 {
			t.Fatal("the far side goes on")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if _, err := r.Trace(within(t, 20*time.Second), TraceRequest{}); err != nil {
		t.Error(err)
	}
}
