package nodeserve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/testca"
)

// At the end, requests that have begun are answered, new ones are not, and idle connections end.
func TestGracefulStop(t *testing.T) {
	b := start(t, nil)
	idle := b.raw()
	r := b.client("support")
	answer := make(chan error, 1)
	go func() { answer <- trace(t.Context(), r, "wait") }()
	<-b.begun
	b.stop()
	b.left(idle)
	if err := trace(t.Context(), r, ""); err == nil {
		t.Error("a request after the end began was answered")
	}
	if _, err := net.Dial("tcp", b.addr); err == nil {
		t.Error("a connection after the end began was accepted")
	}
	select {
	case <-b.ended:
		t.Error("the server has ended before its request")
	default:
	}
	b.release <- struct{}{}
	if err := <-answer; err != nil {
		t.Errorf("the request that had begun: %v", err)
	}
	<-b.ended
	if b.count("close") != b.nodes {
		t.Errorf("%d of %d nodes were closed", b.count("close"), b.nodes)
	}
}

// A long answer that has begun may be read to its end.
func TestStopInALongAnswer(t *testing.T) {
	b := start(t, nil)
	r := b.client("support")
	enough := errors.New("enough")
	pages := 0
	_, err := r.List(t.Context(), node.ListRequest{}, func([]ctstate.Entry) error {
		if pages++; pages == 2 {
			b.stop()
			until(t, "it is stopping", b.srv.Stopping)
		}
		if pages == 20 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("after %d pages: %v", pages, err)
	}
	<-b.ended
}

// Requests that do not end are ended at --drain-timeout.
func TestStopIsBounded(t *testing.T) {
	b := start(t, func(o *Options) { o.Limits.DrainTime = 50 * time.Millisecond })
	r := b.client("support")
	answer := make(chan error, 1)
	go func() { answer <- trace(t.Context(), r, "wait") }()
	<-b.begun
	b.stop()
	<-b.ended
	if err := <-answer; err == nil {
		t.Error("a request without an end was answered")
	}
	if b.count("close") != 1 {
		t.Error("its node was not closed")
	}
}

// What a client has committed is removed before it is told that all is well.
func TestReleaseIsToldToTheClient(t *testing.T) {
	b := start(t, func(o *Options) { o.AllowCommit = true })
	r := b.client("support")
	if _, err := r.Commit(t.Context(), node.CommitRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil || b.count("close") == 0 {
		t.Errorf("%v, closed %d times", err, b.count("close"))
	}
	r = b.client("support")
	if _, err := r.Commit(t.Context(), node.CommitRequest{}); err != nil {
		t.Fatal(err)
	}
	b.stop()
	<-b.ended
	if err := r.Close(t.Context()); err == nil {
		t.Error("a client is not told that the node was gone when it ended")
	}
}

// New files are used by the next handshake; broken ones are not, and are told once.
func TestRotation(t *testing.T) {
	b := start(t, nil)
	b.ok()
	before := b.client("support")
	if _, err := before.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, b.file("server.key"), []byte("half a file"))
	b.ok()
	b.ok()
	if n := strings.Count(b.log.String(), "cannot be read"); n != 1 {
		t.Errorf("a broken file was told %d times", n)
	}
	if err := b.srv.Reload(); err == nil {
		t.Error("SIGHUP with a broken file is not told")
	}
	// Another authority, with certificates of the same names.
	next, err := testca.New("next authority")
	if err != nil {
		t.Fatal(err)
	}
	old := b.identity("support")
	b.issue(next, "server", testca.Cert{CN: "hv1"})
	b.issue(next, "support", testca.Cert{CN: "support"})
	b.ok()
	r := &node.Remote{Name: "hv1", TLS: &node.Dial{Addr: b.addr, Names: []string{"hv1"},
		Identity: &node.Identity{Certificate: old.Certificate, Roots: b.identity("support").Roots}}}
	if _, err := r.Info(t.Context()); err == nil {
		t.Error("a certificate of the authority before is still accepted")
	}
	if err := trace(t.Context(), before, ""); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
	later := b.client("support")
	if err := os.Remove(b.file("ca.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := later.Info(t.Context()); err != nil {
		t.Errorf("a file that is gone for a moment: %v", err)
	}
}

// What is beside the service: health, readiness, metrics.
func TestHealthAndMetrics(t *testing.T) {
	var fails error
	b := start(t, func(o *Options) {
		o.Ready = func(context.Context) error { return fails }
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.srv.ServeHTTP(ctx, ln) }()
	get := func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(fmt.Sprintf("http://%s%s", ln.Addr(), path))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if code, text := get("/healthz"); code != 200 {
		t.Errorf("health: %d %s", code, text)
	}
	if code, text := get("/readyz"); code != 200 {
		t.Errorf("readiness: %d %s", code, text)
	}
	r := b.client("support")
	if err := trace(t.Context(), r, ""); err != nil {
		t.Fatal(err)
	}
	_ = trace(t.Context(), r, "panic")
	_, _ = r.Capture(t.Context(), node.CaptureRequest{})
	b.issue(b.ca, "stranger", testca.Cert{CN: "stranger"})
	_, _ = b.client("stranger").Info(t.Context())
	_, text := get("/metrics")
	for _, want := range []string{
		`ovn_ct_trace_node_connections{client="support"} 1`,
		`ovn_ct_trace_node_calls_total{client="support",code="ok",method="Trace"} 1`,
		`ovn_ct_trace_node_calls_total{client="support",code="failed",method="Trace"} 1`,
		`ovn_ct_trace_node_calls_total{client="support",code="refused",method="Capture"} 1`,
		`ovn_ct_trace_node_refused_total{reason="name"} 1`,
		"ovn_ct_trace_node_panics_total 1", "ovn_ct_trace_node_requests 0", "ovn_ct_trace_node_ready 1",
		// The second time, because the authority's file has changed.
		`ovn_ct_trace_node_certificate_loads_total{result="ok"} 2`, "process_resident_memory_bytes", "go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics: no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "stranger") {
		t.Error("a name that is not allowed has become a label")
	}
	b.stop()
	until(t, "not ready at the end", func() bool { code, _ := get("/readyz"); return code == 503 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}

	failing := &readiness{ask: func(context.Context) error { return errors.New("ovs-vswitchd does not answer") }}
	fails = failing.get(t.Context())
	b = start(t, func(o *Options) { o.Ready = func(context.Context) error { return fails } })
	w := httptest.NewRecorder()
	b.srv.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != 503 || !strings.Contains(w.Body.String(), "ovs-vswitchd does not answer") {
		t.Errorf("readiness: %d %s", w.Code, w.Body)
	}
}

// Probes share an answer.
func TestReadinessIsKept(t *testing.T) {
	asked := 0
	r := &readiness{ask: func(context.Context) error { asked++; return nil }}
	for range 5 {
		_ = r.get(t.Context())
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
