package nodeserve

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// Bounds of health and metrics.
const (
	readyTime = 5 * time.Second  // for one question to Open vSwitch
	httpConns = 32               // connections at once
	readyAge  = 10 * time.Second // of an answer that is given again
)

// readiness keeps the last answer, so that probes cost ovs-vswitchd little.
type readiness struct {
	ask func(ctx context.Context) error

	mu   sync.Mutex
	at   time.Time
	last error
}

func (r *readiness) get(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || time.Since(r.at) > readyAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
		defer cancel()
		r.last, r.at = r.ask(ctx), time.Now()
	}
	return r.last
}

// Handler answers /healthz (the process runs), /readyz (Open vSwitch and conntrack answer, and the
// service is not stopping) and /metrics.
func (s *Server) Handler() http.Handler {
	r := &readiness{ask: s.opt.Ready}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) {
		err := errStopping
		if !s.Stopping() {
			err = r.get(req.Context())
		}
		if err != nil {
			s.meter.ready.Set(0)
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		s.meter.ready.Set(1)
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.meter.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: readyTime}))
	return mux
}

// ServeHTTP answers Handler's questions, without TLS, until ctx ends.
func (s *Server) ServeHTTP(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler: s.Handler(), ReadTimeout: readyTime, WriteTimeout: 4 * readyTime, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(netutil.LimitListener(ln, httpConns)); ctx.Err() == nil {
		return err
	}
	return nil
}
