package nodeserve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/testca"
)

func trace(ctx context.Context, r *node.Remote, bridge string) error {
	_, err := r.Trace(ctx, node.TraceRequest{Request: engine.Request{Bridge: bridge}})
	return err
}

// A client has as many connections as it may, and no client takes another's.
func TestConnections(t *testing.T) {
	b := start(t, func(o *Options) { o.Limits.PerClient, o.Limits.Connections = 2, 3 })
	b.issue(b.ca, "other", testca.Cert{CN: "other"})
	connect := func(name string) (*node.Remote, error) {
		r := b.client(name)
		_, err := r.Info(t.Context())
		return r, err
	}
	first, err := connect("support")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connect("support"); err != nil {
		t.Fatal(err)
	}
	if _, err := connect("support"); err == nil || !strings.Contains(err.Error(), "refused: support has 2 connections already") {
		t.Errorf("a third connection: %v", err)
	}
	if _, err := connect("other"); err != nil {
		t.Errorf("another client: %v", err)
	}
	if _, err := connect("other"); err == nil || !strings.Contains(err.Error(), "refused: 3 connections are open already") {
		t.Errorf("a fourth connection: %v", err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "a connection that has ended makes room", func() bool { _, err := connect("support"); return err == nil })
}

// Of a client's requests no more run than may; the others wait, on whichever connection they came.
func TestRequestsInFlight(t *testing.T) {
	b := start(t, func(o *Options) { o.Limits.Requests = 3 })
	var wg sync.WaitGroup
	for range 2 {
		r := b.client("support")
		for range 8 {
			wg.Go(func() {
				if err := trace(t.Context(), r, "wait"); err != nil {
					t.Error(err)
				}
			})
		}
	}
	for range 3 {
		<-b.begun
	}
	for range 13 { // each that ends lets one begin
		b.release <- struct{}{}
		<-b.begun
	}
	for range 3 {
		b.release <- struct{}{}
	}
	wg.Wait()
	if b.most != 3 {
		t.Errorf("%d requests ran at once, want 3", b.most)
	}
}

// Requests beyond the rate wait, and so does Cancel, which no call counts: the whole takes at least
// the time that the rate allows.
func TestRate(t *testing.T) {
	const each = 20 * time.Millisecond
	b := start(t, func(o *Options) { o.Limits.Rate, o.Limits.Burst = float64(time.Second/each), 1 })
	r := b.client("support")
	began := time.Now()
	for range 11 {
		if err := trace(t.Context(), r, ""); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 10*each {
		t.Errorf("11 calls take %v", took)
	}
	conn := b.raw()
	began = time.Now()
	write(conn, strings.Repeat(`{"jsonrpc":"2.0","method":"Cancel","params":["7"]}`+"\n", 10)+`{"jsonrpc":"2.0","id":1,"method":"Info","params":{"arg":{}}}`+"\n")
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 10*each {
		t.Errorf("10 times Cancel and a call take %v", took)
	}
}

// A call is ended at --call-timeout, whatever the client asks for.
func TestCallTime(t *testing.T) {
	b := start(t, func(o *Options) { o.Limits.CallTime = 30 * time.Millisecond })
	r := b.client("support")
	if err := trace(t.Context(), r, "wait"); err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("a call that does not end: %v", err)
	}
	if err := trace(t.Context(), r, ""); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// A client that begins long answers and leaves them cannot begin any number.
func TestStreams(t *testing.T) {
	b := start(t, func(o *Options) { o.Limits.Streams = 2 })
	r := b.client("support")
	stop := errors.New("enough")
	var list func(depth int) error
	list = func(depth int) error {
		_, err := r.List(t.Context(), node.ListRequest{}, func([]ctstate.Entry) error {
			if depth == 3 {
				return stop
			}
			if err := list(depth + 1); err != nil {
				return err
			}
			return stop
		})
		return err
	}
	if err := list(1); err == nil || !strings.Contains(err.Error(), "too many long answers at once") {
		t.Errorf("three at once: %v", err)
	}
	if _, err := r.List(t.Context(), node.ListRequest{}, func([]ctstate.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("one after the others have ended: %v", err)
	}
}

// A connection that is silent, or sends a request a byte at a time, is ended, and those that wait
// for an answer are not.
func TestSlowClients(t *testing.T) {
	b := start(t, func(o *Options) {
		o.Limits.HandshakeTime, o.Limits.RequestTime, o.Limits.IdleTime = 2*time.Second, time.Second, time.Second
	})
	waiting := make(chan error, 1)
	r := b.client("support")
	go func() { waiting <- trace(t.Context(), r, "wait") }()
	<-b.begun

	mute, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	_ = mute.SetDeadline(time.Now().Add(time.Minute))
	b.left(mute)
	drip, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer drip.Close()
	_ = drip.SetDeadline(time.Now().Add(time.Minute))
	stop := dripping(drip, "\x16\x03\x01\x02\x00\x01")
	b.left(drip)
	stop()

	b.left(b.raw()) // idle
	slow := b.raw()
	stop = dripping(slow, `{"jsonrpc":"2.0","id":1,"method":"Info","params":{"arg":{}}}`)
	if got := b.left(slow); got != "" {
		t.Errorf("an answer to a part of a request: %q", got)
	}
	stop()
	until(t, "the log says why", func() bool {
		return strings.Contains(b.log.String(), errIdle.Error()) && strings.Contains(b.log.String(), errSlow.Error())
	})
	b.release <- struct{}{}
	if err := <-waiting; err != nil {
		t.Errorf("the call that waited: %v", err)
	}
	b.ok()
}

// dripping writes a byte every 20 ms, from the text and then spaces, until stop.
func dripping(conn net.Conn, text string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			b := byte(' ')
			if i < len(text) {
				b = text[i]
			}
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return func() { cancel(); <-done }
}

// A client that reads no answer is left, and its requests make room.
func TestClientReadsNothing(t *testing.T) {
	b := start(t, func(o *Options) { o.Limits.AnswerTime = 100 * time.Millisecond })
	conn := b.raw()
	for i := range 4 { // 32 MB of answers: more than the sockets' buffers
		write(conn, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"Trace","params":{"arg":{"Bridge":"long"}}}`+"\n", i+1))
	}
	until(t, "it is disconnected", func() bool { return strings.Contains(b.log.String(), "disconnected") })
	until(t, "no request is left", func() bool { return b.srv.clients.all["support"].requests.TryAcquire(int64(DefaultLimits.Requests)) })
	b.srv.clients.all["support"].requests.Release(int64(DefaultLimits.Requests))
	b.ok()
}

// Handshakes of one address, and of all, are bounded; a client gets its turn when one has ended.
func TestHandshakes(t *testing.T) {
	b := start(t, func(o *Options) { o.Limits.PerAddress = 2 })
	var held []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
	}
	until(t, "both are counted", func() bool {
		b.srv.gate.mu.Lock()
		defer b.srv.gate.mu.Unlock()
		return b.srv.gate.all == 2
	})
	if _, err := b.client("support").Info(t.Context()); err == nil {
		t.Error("a third handshake of one address is served")
	}
	held[0].Close()
	until(t, "one that has ended makes room", func() bool { _, err := b.client("support").Info(t.Context()); return err == nil })

	g := &gate{most: 1, each: 1, from: map[string]int{}}
	leave, why := g.enter(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)})
	if why != "" {
		t.Fatal(why)
	}
	if _, why := g.enter(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 2)}); why != "handshakes" {
		t.Errorf("a second handshake of all: %q", why)
	}
	leave()
	if len(g.from) != 0 || g.all != 0 {
		t.Errorf("after the end: %+v", g)
	}
}
