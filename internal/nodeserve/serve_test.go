package nodeserve

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/testca"
)

// fake is a node whose answers depend on the bridge's name.
type fake struct {
	node.Node
	bed    *bed
	number int // of the connection
}

func (f *fake) Info(context.Context) (*node.Info, error) {
	return &node.Info{Hostname: "fake", SystemID: "hv1"}, nil
}

func (f *fake) Trace(ctx context.Context, req node.TraceRequest) (*engine.Result, error) {
	f.bed.enter(1)
	defer f.bed.enter(-1)
	switch req.Bridge {
	case "panic":
		var none *node.Info
		_ = none.Hostname
	case "wait": // until the test lets it go
		f.bed.begun <- struct{}{}
		select {
		case <-f.bed.release:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case "long":
		return &engine.Result{Segments: []*engine.Segment{{Parent: -1, Flow: string(bytes.Repeat([]byte("x"), 8<<20))}}, Outcomes: []*engine.Outcome{{}}}, nil
	}
	return &engine.Result{Outcomes: []*engine.Outcome{{}}}, nil
}

func (f *fake) Commit(context.Context, node.CommitRequest) (*node.CommitResult, error) {
	f.bed.did("commit")
	return &node.CommitResult{}, nil
}

func (f *fake) Clean(_ context.Context, list bool) (*node.CleanResult, error) {
	f.bed.did(map[bool]string{true: "list", false: "clean"}[list])
	return &node.CleanResult{}, nil
}

func (f *fake) Capture(context.Context, node.CaptureRequest) (*node.Capture, error) {
	f.bed.did("capture")
	return &node.Capture{}, nil
}

func (f *fake) Captured(context.Context, node.CapturedRequest) (*node.Captured, error) {
	f.bed.did("captured")
	return &node.Captured{}, nil
}

func (f *fake) Inject(context.Context, node.InjectRequest) error {
	f.bed.did("inject")
	return nil
}

// List yields items until its caller leaves.
func (f *fake) List(ctx context.Context, req node.ListRequest, yield func([]ctstate.Entry) error) (*node.ListResult, error) {
	for {
		if err := yield(make([]ctstate.Entry, 1)); err != nil {
			return nil, err
		}
	}
}

func (f *fake) Close(context.Context) error {
	f.bed.did("close")
	return nil
}

// bed is a running server with everything that a test looks at.
type bed struct {
	t       *testing.T
	dir     string
	ca      *testca.CA
	srv     *Server
	addr    string
	stop    context.CancelFunc
	ended   chan struct{}
	log     syncBuffer
	begun   chan struct{} // each call that waits
	release chan struct{}

	mu        sync.Mutex
	done      map[string]int
	now, most int // calls of Trace that run
	nodes     int
}

func (b *bed) did(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done[what]++
}

func (b *bed) count(what string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done[what]
}

func (b *bed) enter(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now += n
	b.most = max(b.most, b.now)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start runs a server; set may change its options.
func start(t *testing.T, set func(*Options)) *bed {
	t.Helper()
	ca, err := testca.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, dir: t.TempDir(), ca: ca, done: map[string]int{}, begun: make(chan struct{}, 100), release: make(chan struct{}), ended: make(chan struct{})}
	b.issue(ca, "server", testca.Cert{CN: "hv1"})
	b.issue(ca, "support", testca.Cert{CN: "support"})
	opt := Options{
		Files: Files{b.file("server.pem"), b.file("server.key"), b.file("ca.pem")}, Allow: []string{"support", "other"},
		Limits: DefaultLimits, Log: slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Ready: func(context.Context) error { return nil },
		New: func() node.Node {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.nodes++
			return &fake{bed: b, number: b.nodes}
		},
	}
	if set != nil {
		set(&opt)
	}
	if b.srv, err = New(opt); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	go func() {
		defer close(b.ended)
		b.srv.Serve(ctx, ln)
	}()
	t.Cleanup(func() {
		cancel()
		<-b.ended
		if t.Failed() {
			t.Log(b.log.String())
		}
	})
	return b
}

func (b *bed) file(name string) string { return filepath.Join(b.dir, name) }

// issue writes NAME.pem and NAME.key, and the authority's ca.pem.
func (b *bed) issue(ca *testca.CA, name string, c testca.Cert) {
	b.t.Helper()
	if err := ca.Write(b.dir, name, c); err != nil {
		b.t.Fatal(err)
	}
}

// identity is a client with a certificate of the bed's folder.
func (b *bed) identity(name string) *node.Identity {
	b.t.Helper()
	id, err := node.LoadIdentity(b.file(name+".pem"), b.file(name+".key"), b.file("ca.pem"))
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// client reaches the server as the tool does.
func (b *bed) client(name string) *node.Remote {
	b.t.Helper()
	r := &node.Remote{Name: "hv1", TLS: &node.Dial{Addr: b.addr, Names: []string{"127.0.0.1", "hv1"}, Identity: b.identity(name)}}
	b.t.Cleanup(func() { _ = r.Close(context.Background()) })
	return r
}

// raw is a connection on which the test writes what it likes; the server's first line was read.
func (b *bed) raw() *tls.Conn {
	b.t.Helper()
	id := b.identity("support")
	conn, err := tls.Dial("tcp", b.addr, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{id.Certificate}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // a test that hangs fails
	for one := []byte{0}; one[0] != '\n'; {
		if _, err := conn.Read(one); err != nil {
			b.t.Fatal(err)
		}
	}
	return conn
}

// write writes to a connection, whose other end may have left.
func write(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

// left waits until the server has ended the connection, and returns what it sent before.
func (b *bed) left(conn net.Conn) string {
	b.t.Helper()
	text, err := io.ReadAll(conn)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		b.t.Fatal("the server keeps the connection")
	}
	return string(text)
}

// ok checks that the server still answers.
func (b *bed) ok() {
	b.t.Helper()
	info, err := b.client("support").Info(b.t.Context())
	if err != nil || info.SystemID != "hv1" {
		b.t.Errorf("the server does not answer any more: %+v %v", info, err)
	}
}

// until waits for a condition that the server brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
