package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
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

// play runs a node's process with one behaviour. It writes its pid to the file args[0].
func play(how string, args []string) int {
	os.WriteFile(args[0], []byte(strconv.Itoa(os.Getpid())), 0o600)
	hello := func() { fmt.Printf("%s%s\n", greeting, Version()) }
	sleep := func() { time.Sleep(time.Minute) }
	switch how {
	case "serve", "serve-exit-1":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := Serve(ctx, fakeNode{args: args}, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "serve:", err)
			return 9
		}
		if how == "serve-exit-1" {
			fmt.Fprintln(os.Stderr, "ovn-ct-trace: cannot remove zone 7")
			return 1
		}
		return 0
	case "old":
		fmt.Printf("%sv0.0.1-old\n", greeting)
		Serve(context.Background(), fakeNode{args: args}, os.Stdin, skipLine{os.Stdout, new(bool)})
	case "older": // without newer methods
		Serve(context.Background(), struct{ Node }{fakeNode{args: args}}, os.Stdin, os.Stdout)
	case "service":
		svc := NewService(Options{DB: args[1], OVNRunDir: args[2]})
		defer svc.Close(context.Background())
		Serve(context.Background(), svc, os.Stdin, os.Stdout)
	case "say":
		fmt.Print(unquoted(args[1]))
	case "complain":
		fmt.Fprintln(os.Stderr, "Warning: Permanently added 'hv2' to the list of known hosts.")
		fmt.Fprintln(os.Stderr, "ssh: Could not resolve hostname hv2: Name or service not known")
		return 255
	case "hang":
		sleep()
	case "hang-with-child": // the child is in the group and holds every pipe
		cmd := exec.Command("sleep", "61")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.Start()
		os.WriteFile(args[0]+".child", []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
		sleep()
	case "hello-and-say":
		hello()
		in := bufio.NewReader(os.Stdin)
		in.ReadString('\n')
		fmt.Print(unquoted(args[1]))
		io.Copy(io.Discard, in)
	case "hello-and-die":
		hello()
		bufio.NewReader(os.Stdin).ReadString('\n')
		fmt.Fprintln(os.Stderr, "panic: the node fell over")
		return 2
	case "hello-and-zeroes":
		hello()
		zero := make([]byte, 1<<16)
		for {
			if _, err := os.Stdout.Write(zero); err != nil {
				return 0
			}
		}
	case "hello-and-sleep": // reads nothing, answers nothing, ignores the end of its input
		hello()
		sleep()
	case "hello-and-orphan": // its child outlives the group
		cmd := exec.Command("sleep", "30")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Start()
		os.WriteFile(args[0]+".orphan", []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
		Serve(context.Background(), fakeNode{args: args}, os.Stdin, os.Stdout)
	}
	return 0
}

// unquoted reverses %q: an argument cannot contain every byte.
func unquoted(s string) string {
	text, err := strconv.Unquote(s)
	if err != nil {
		panic(err)
	}
	return text
}

// skipLine discards the first line written.
type skipLine struct {
	io.WriteCloser
	done *bool
}

func (s skipLine) Write(p []byte) (int, error) {
	if !*s.done {
		*s.done = true
		return len(p), nil
	}
	return s.WriteCloser.Write(p)
}

// fakeNode answers depending on the bridge's name.
type fakeNode struct {
	Node  // methods that the tests do not call
	args  []string
	waits chan struct{} // if there is one, each call that waits is counted here
}

func (f fakeNode) Info(context.Context) (*Info, error) {
	return &Info{SystemID: "hv1", Zones: map[uint16]string{7: "p1"}, Ports: []Port{{Port: engine.Port{Name: "p1", OFPort: 3}}}}, nil
}

func (f fakeNode) Trace(ctx context.Context, req TraceRequest) (*engine.Result, error) {
	switch req.Bridge {
	case "permission":
		return nil, fmt.Errorf("ct zone 7: %w", fs.ErrPermission)
	case "missing":
		return nil, &unixctl.NotFoundError{RunDir: "/r", Daemon: "ovs-vswitchd", Err: fs.ErrNotExist}
	case "call":
		return nil, &engine.TraceError{Bridge: "b", Err: &unixctl.CallError{Path: "/r/x.ctl", Method: "ofproto/trace", Err: syscall.ECONNREFUSED}}
	case "database":
		return nil, &ovsdb.Error{Remote: "unix:/db", Database: "Open_vSwitch", Op: "connect", Err: errors.New("refused")}
	case "limit":
		return nil, fmt.Errorf("%w: 5 segments", engine.ErrLimit)
	case "changed":
		return nil, fmt.Errorf("segment 1: %w", engine.ErrChanged)
	case "refused":
		return nil, &engine.TraceError{Bridge: "br9", Flow: "x", Err: errors.New("unknown bridge\nsecond line")}
	case "wait":
		start := time.Now()
		if f.waits != nil {
			f.waits <- struct{}{}
		}
		<-ctx.Done()
		os.WriteFile(f.args[0]+".cancelled", []byte(time.Since(start).String()), 0o600)
		return nil, ctx.Err()
	case "deadline":
		d, ok := ctx.Deadline()
		return &engine.Result{Segments: []*engine.Segment{{Flow: fmt.Sprint(ok), Parent: -1, Notes: []string{fmt.Sprint(int(time.Until(d) / time.Second))}}}, Outcomes: []*engine.Outcome{{}}}, nil
	}
	return &engine.Result{Segments: []*engine.Segment{{Flow: req.Bridge, Parent: -1}}, Outcomes: []*engine.Outcome{{}}}, nil
}

func (f fakeNode) Commit(context.Context, CommitRequest) (*CommitResult, error) {
	return &CommitResult{}, nil
}
func (f fakeNode) Clean(context.Context, bool) (*CleanResult, error) { return &CleanResult{}, nil }
func (f fakeNode) Close(context.Context) error                       { return nil }

// List returns Limit entries with ports from 1 on, in batches of 3. A limit of 0 never ends; its end
// leaves a file.
func (f fakeNode) List(ctx context.Context, req ListRequest, yield func([]ctstate.Entry) error) (*ListResult, error) {
	var batch []ctstate.Entry
	for n := 1; req.Limit == 0 || n <= req.Limit; n++ {
		at := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(n))
		batch = append(batch, ctstate.Entry{Zone: 5, Orig: ctstate.Tuple{Proto: 6, Src: at, Dst: at}, Reply: ctstate.Tuple{Proto: 6, Src: at, Dst: at}})
		if len(batch) == 3 || n == req.Limit {
			if err := yield(batch); err != nil {
				os.WriteFile(f.args[0]+".ended", nil, 0o600)
				return nil, err
			}
			batch = batch[:0]
		}
	}
	return &ListResult{Count: req.Limit}, nil
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

// TestRemoteReadsNothing checks that a call to a process that reads nothing ends at its deadline,
// even with a large request.
func TestRemoteReadsNothing(t *testing.T) {
	r, _ := remote(t, "hello-and-sleep")
	req := TraceRequest{Request: engine.Request{Resume: strings.Repeat("x", 1<<20)}}
	start := time.Now()
	_, err := r.Trace(within(t, time.Second), req)
	wantError(t, err, "no answer")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	// It does not end by itself either.
	start = time.Now()
	err = r.Close(within(t, 500*time.Millisecond))
	wantError(t, err, "was killed")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	if err := r.Close(context.Background()); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestRemoteFloods(t *testing.T) {
	r, _ := remote(t, "hello-and-zeroes")
	r.maxLine = 1 << 20
	_, err := r.Info(within(t, 60*time.Second))
	wantError(t, err, "more than")
}

// TestRemoteLeavesAnOrphan checks that a child that left the process group and keeps the pipes open
// delays Close only for a short time.
func TestRemoteLeavesAnOrphan(t *testing.T) {
	r, pidFile := remote(t, "hello-and-orphan")
	if _, err := r.Info(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r.Close(within(t, time.Second))
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
	b, _ := os.ReadFile(pidFile + ".orphan")
	if pid, err := strconv.Atoi(string(b)); err == nil {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// TestFailedCleanUpIsTold checks that Close returns an error if the node could not remove its
// committed entries, and none if it committed nothing.
func TestFailedCleanUpIsTold(t *testing.T) {
	for _, committed := range []bool{false, true} {
		r, _ := remote(t, "serve-exit-1")
		ctx := within(t, 20*time.Second)
		if _, err := r.Info(ctx); err != nil {
			t.Fatal(err)
		}
		if committed {
			if _, err := r.Commit(ctx, CommitRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		err := r.Close(ctx)
		if !committed {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		wantError(t, err, "cannot remove zone 7")
	}
}

// pipes serves n in this process and returns the ends of its streams.
func pipes(t *testing.T, ctx context.Context, n Node) (in io.WriteCloser, out *bufio.Reader, served chan error) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	served = make(chan error, 1)
	go func() { served <- Serve(ctx, n, inR, outW); outW.Close() }()
	t.Cleanup(func() { inW.Close(); outR.Close() })
	return inW, bufio.NewReader(outR), served
}

func TestServeSpeaksTheProtocol(t *testing.T) {
	in, out, served := pipes(t, context.Background(), fakeNode{})
	line, err := out.ReadString('\n')
	if err != nil || line != greeting+Version()+"\n" {
		t.Fatalf("greeting %q %v", line, err)
	}
	ask := func(text string) map[string]any {
		t.Helper()
		io.WriteString(in, text+"\n")
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return m
	}
	if m := ask(`{"jsonrpc":"2.0","id":1,"method":"Info","params":{"arg":{}}}`); m["result"] == nil {
		t.Errorf("answer %v", m)
	}
	// Invalid requests are answered by an error, and the next request still gets its answer.
	for _, bad := range []string{"garbage", `{}`, `[]`, `{"jsonrpc":"2.0","id":2,"method":"Nonsense"}`, `{"jsonrpc":"2.0","id":3,"method":"Trace","params":{"arg":"x"}}`, "\x00\xff"} {
		m := ask(bad)
		if m["error"] == nil {
			t.Errorf("%q: answer %v", bad, m)
		}
	}
	m := ask(`{"jsonrpc":"2.0","id":4,"method":"Trace","params":{"arg":{"bridge":"permission"}}}`)
	if e, _ := m["error"].(map[string]any); e == nil || e["code"] != float64(codePermission) {
		t.Errorf("answer %v", m)
	}
	// Unknown fields are ignored.
	if m := ask(`{"jsonrpc":"2.0","id":5,"method":"Trace","params":{"arg":{"bridge":"b","future":1},"more":true}}`); m["result"] == nil {
		t.Errorf("answer %v", m)
	}
	in.Close()
	if err := <-served; err != nil {
		t.Errorf("served: %v", err)
	}
}

// TestCancelOvertakesCalls checks that Cancel works while more calls wait than there are
// processors.
func TestCancelOvertakesCalls(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	waits := make(chan struct{})
	in, out, served := pipes(t, context.Background(), fakeNode{args: []string{pid}, waits: waits})
	out.ReadString('\n')
	for i := range concurrency - 1 {
		fmt.Fprintf(in, `{"jsonrpc":"2.0","id":%d,"method":"Trace","params":{"arg":{"bridge":"wait"}}}`+"\n", i+1)
	}
	for range concurrency - 1 {
		<-waits
	}
	fmt.Fprintf(in, `{"jsonrpc":"2.0","method":"Cancel","params":["1"]}`+"\n")
	answer := make(chan string, 1)
	go func() {
		line, _ := out.ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		if !strings.Contains(line, `"id":1`) || !strings.Contains(line, "context canceled") {
			t.Errorf("answer %s", line)
		}
	case <-time.After(10 * time.Second):
		t.Error("Cancel waits for the call that it cancels")
	}
	go io.Copy(io.Discard, out)
	in.Close() // ends the other calls, which then write to the folder
	<-served
}

// TestServeEnds checks that running calls end when the caller does.
func TestServeEnds(t *testing.T) {
	for _, how := range []string{"input", "context"} {
		t.Run(how, func(t *testing.T) {
			pid := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			in, out, served := pipes(t, ctx, fakeNode{args: []string{pid}})
			out.ReadString('\n')
			fmt.Fprintln(in, `{"jsonrpc":"2.0","id":1,"method":"Trace","params":{"arg":{"bridge":"wait"}}}`)
			time.Sleep(50 * time.Millisecond)
			go io.Copy(io.Discard, out)
			if how == "input" {
				in.Close()
			} else {
				cancel() // its input stays open
			}
			select {
			case err := <-served:
				if err != nil {
					t.Errorf("served: %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("it serves on")
			}
			if _, err := os.Stat(pid + ".cancelled"); err != nil {
				t.Error("the call was not ended")
			}
		})
	}
}
