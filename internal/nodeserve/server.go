package nodeserve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// Server serves one node. Each connection has a node of its own, so that nothing of one client
// reaches another, and what is read of the chassis is not older than the connection.
type Server struct {
	opt     Options
	files   *identities
	clients *clients
	meter   *meter
	gate    *gate

	mu       sync.Mutex
	lines    map[*lines]bool // connections that are served
	stopping bool
}

// New reads the files. The error names the one that cannot be used.
func New(opt Options) (*Server, error) {
	s := &Server{
		opt: opt, clients: newClients(opt.Limits), meter: newMeter(), lines: map[*lines]bool{},
		gate: &gate{most: opt.Limits.Handshakes, each: opt.Limits.PerAddress, from: map[string]int{}},
	}
	var err error
	s.files, err = newIdentities(opt.Files, s.loaded)
	return s, err
}

// loaded is told of each time that the files were read.
func (s *Server) loaded(id *identity, err error) {
	s.meter.loaded(id, err)
	if err != nil {
		s.opt.Log.Error("certificates cannot be read; those before stay in use", "error", err)
		return
	}
	s.opt.Log.Info("certificates read", "valid_until", id.until)
}

// Reload reads the files again. They are also read when they have changed.
func (s *Server) Reload() error { return s.files.reload() }

// Stopping reports whether the server has begun to stop.
func (s *Server) Stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// Serve accepts connections until ctx ends. It then waits for the requests that have begun, at most
// Limits.DrainTime, and ends the others.
func (s *Server) Serve(ctx context.Context, ln net.Listener) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	var conns sync.WaitGroup
	config := s.files.config()
	for {
		conn, err := ln.Accept()
		if err != nil && (ctx.Err() != nil || errors.Is(err, net.ErrClosed)) {
			break
		}
		if err != nil {
			// Out of file descriptors, most likely: connections that end make room.
			s.opt.Log.Warn("accept", "error", err)
			pause(ctx, 100*time.Millisecond)
			continue
		}
		leave, why := s.gate.enter(conn.RemoteAddr())
		if why != "" {
			s.refused(conn.RemoteAddr(), "", why, errors.New("too many handshakes at once"))
			conn.Close()
			continue
		}
		conns.Go(func() {
			defer conn.Close()
			s.serve(work, tls.Server(conn, config), leave)
		})
	}
	s.opt.Log.Info("stopping", "drain_timeout", s.opt.Limits.DrainTime.String())
	Notify(Stopping)
	s.drain()
	late := time.AfterFunc(s.opt.Limits.DrainTime, cancel)
	defer late.Stop()
	conns.Wait()
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// drain lets each connection end once its requests are answered.
func (s *Server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for l := range s.lines {
		l.drain()
	}
}

// serve serves one connection. leave is called once its client is known, or is not.
func (s *Server) serve(ctx context.Context, conn *tls.Conn, leave func()) {
	from := conn.RemoteAddr()
	_ = conn.SetDeadline(time.Now().Add(s.opt.Limits.HandshakeTime))
	name, why, err := s.handshake(ctx, conn)
	leave()
	if err != nil {
		s.refused(from, name, why, err)
		if why == noName {
			_ = node.Refuse(conn, err.Error())
		}
		return
	}
	one, err := s.clients.join(name)
	if err == nil && s.Stopping() {
		s.clients.leave(one)
		err = errors.New("the service is stopping")
	}
	if err != nil {
		s.refused(from, name, "limit", err)
		_ = node.Refuse(conn, err.Error())
		return
	}
	defer s.clients.leave(one)
	if err := node.Greet(conn); err != nil {
		return
	}
	_ = conn.SetDeadline(time.Time{})
	log := s.opt.Log.With("client", name, "from", from.String())
	log.Info("connected")
	s.meter.connected(name, 1)
	began := time.Now()
	err = s.converse(ctx, log, conn, one)
	s.meter.connected(name, -1)
	attrs := []any{"seconds", time.Since(began).Seconds()}
	if err != nil {
		attrs = append(attrs, "why", err)
	}
	log.Info("disconnected", attrs...)
}

// noName is the reason for refusing a client that has a certificate, but no allowed name.
const noName = "name"

// handshake returns the allowed name of the client, or an error and the reason for it in one word.
func (s *Server) handshake(ctx context.Context, conn *tls.Conn) (name, why string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Limits.HandshakeTime)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return "", "handshake", err
	}
	leaf := conn.ConnectionState().PeerCertificates[0]
	name, ok := allowed(s.opt.Allow, leaf)
	if !ok {
		return "", noName, fmt.Errorf("no --allow names this client: its certificate is for %q", clientNames(leaf))
	}
	return name, "", nil
}

func (s *Server) refused(from net.Addr, client, why string, err error) {
	s.meter.refused(why)
	s.opt.Log.Warn("refused", "from", from.String(), "client", client, "why", why, "error", err)
}

// converse answers a client until it leaves or has to.
func (s *Server) converse(ctx context.Context, log *slog.Logger, conn net.Conn, one *client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	nd := s.opt.New()
	defer func() {
		late, done := context.WithTimeout(context.WithoutCancel(ctx), s.opt.Limits.CloseTime)
		defer done()
		if err := nd.Close(late); err != nil {
			log.Error("synthetic entries may be left: run ovn-ct-trace ct clean", "error", err)
		}
	}()
	l := newLines(ctx, conn, &s.opt.Limits, one, s.meter.traffic())
	serving := node.NewServing(nd, s.guards(log, one.name))
	l.streams = serving.Streams
	s.mu.Lock()
	s.lines[l] = true
	if s.stopping {
		l.drain()
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.lines, l)
		s.mu.Unlock()
		l.end()
	}()
	err := serving.Run(ctx, l)
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

// guards says what a client may ask, and keeps the account of it.
func (s *Server) guards(log *slog.Logger, client string) node.ServeOptions {
	return node.ServeOptions{
		MaxTime: s.opt.Limits.CallTime, MaxStreams: s.opt.Limits.Streams, Releases: true,
		Permit: func(method string, use node.Use) error {
			err := s.permit(method, use)
			switch {
			case err != nil:
				log.Warn("call refused", "method", method, "error", err)
			case use != node.UseRead:
				log.Info("call", "method", method)
			}
			return err
		},
		Ended: func(method string, took time.Duration, err error) {
			s.meter.ended(client, method, took, err)
			log.Debug("call ended", "method", method, "seconds", took.Seconds(), "error", err)
		},
		Panicked: func(method string, value any, stack []byte) {
			s.meter.panics.Inc()
			log.Error("panic", "method", method, "value", fmt.Sprint(value), "stack", string(stack))
		},
	}
}

// errStopping refuses calls other than those that end what has begun.
var errStopping = errors.New("the service is stopping")

func (s *Server) permit(method string, use node.Use) error {
	switch {
	case use == node.UseCommit && !s.opt.AllowCommit:
		return &node.NotAllowedError{Flag: "--allow-commit"}
	case use == node.UseCapture && !s.opt.AllowCapture:
		return &node.NotAllowedError{Flag: "--allow-capture"}
	case s.Stopping() && method != "Next" && method != "End" && method != "Cancel" && method != "Close":
		return errStopping
	}
	return nil
}
