package cli

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodeserve"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// serveFlags are those of node serve.
type serveFlags struct {
	node                node.Options
	serve               nodeserve.Options
	listen, metrics     string
	logLevel, logFormat string
}

// nodeServeCmd answers for this machine's Open vSwitch over TLS.
func (a *app) nodeServeCmd() *cobra.Command {
	f := serveFlags{serve: nodeserve.Options{Limits: nodeserve.DefaultLimits}}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer for this machine's Open vSwitch over TLS, to clients with certificates",
		Example: `  ovn-ct-trace node serve --listen :7471 --certificate hv1.pem --private-key hv1.key --ca-cert ca.pem --allow support
  ovn-ct-trace trace --node-cmd tls:{ip}:7471 -c support.pem -p support.key -C ca.pem --from vm1 --to vm2:80/tcp`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.nodeServe(cmd.Context(), &f)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func (f *serveFlags) add(p *pflag.FlagSet) {
	l := &f.serve.Limits
	p.StringVar(&f.listen, "listen", "", "address to serve on, HOST:PORT or :PORT (default the socket that systemd passes)")
	p.StringVar(&f.metrics, "metrics-listen", "", "address of /healthz, /readyz and /metrics, without TLS, such as 127.0.0.1:7472 (default none)")
	p.StringVarP(&f.serve.Files.Certificate, "certificate", "c", "", "certificate of this node")
	p.StringVarP(&f.serve.Files.Key, "private-key", "p", "", "its private key")
	p.StringVarP(&f.serve.Files.CA, "ca-cert", "C", "", "certificate of the authority that signs clients' certificates")
	p.StringArrayVar(&f.serve.Allow, "allow", nil, "name that a client's certificate must have (common name or subjectAltName), repeatable")
	p.BoolVar(&f.serve.AllowCommit, "allow-commit", false, "let clients create and remove synthetic conntrack entries")
	p.BoolVar(&f.serve.AllowCapture, "allow-capture", false, "let clients capture packets and send one (capture, verify)")
	p.StringVar(&f.node.RunDir, "ovs-rundir", "", "Open vSwitch's run folder (default OVS_RUNDIR)")
	p.StringVar(&f.node.Journal, "journal", "", "folder of the journal of synthetic kernel entries")
	p.StringVar(&f.node.NetNS, "netns", "", "file of the network namespace whose conntrack is asked (default ovs-vswitchd's own)")
	p.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	p.StringVar(&f.logFormat, "log-format", "text", "text or json")
	p.IntVar(&l.Connections, "max-connections", l.Connections, "connections at once")
	p.IntVar(&l.PerClient, "max-connections-per-client", l.PerClient, "connections of one client at once")
	p.IntVar(&l.Requests, "max-requests", l.Requests, "unanswered requests of one client; more wait")
	p.Float64Var(&l.Rate, "max-rate", l.Rate, "requests a second of one client; more wait")
	p.IntVar(&l.RequestBytes, "max-request-bytes", l.RequestBytes, "length of one request")
	p.DurationVar(&l.CallTime, "call-timeout", l.CallTime, "bound on one request")
	p.DurationVar(&l.IdleTime, "idle-timeout", l.IdleTime, "lifetime of a connection without requests")
	p.DurationVar(&l.DrainTime, "drain-timeout", l.DrainTime, "how long requests may take to end after SIGTERM")
}

// check refuses invalid flags before anything is opened.
func (f *serveFlags) check() error {
	o := &f.serve
	for _, file := range [][2]string{{"--certificate", o.Files.Certificate}, {"--private-key", o.Files.Key}, {"--ca-cert", o.Files.CA}} {
		if file[1] == "" {
			return usage.Errorf("--certificate FILE --private-key FILE --ca-cert FILE", "node serve needs %s", file[0])
		}
	}
	if len(o.Allow) == 0 {
		return usage.Errorf("--allow NAME, of the client's certificate", "node serve needs --allow: without it nobody may ask")
	}
	for _, name := range o.Allow {
		if strings.TrimSpace(name) == "" {
			return usage.Errorf("--allow NAME, of the client's certificate", "--allow %q is empty", name)
		}
	}
	l := &o.Limits
	if min(l.Connections, l.PerClient, l.Requests, l.RequestBytes) <= 0 || l.Rate <= 0 || min(l.CallTime, l.IdleTime) <= 0 || l.DrainTime < 0 {
		return usage.Errorf("numbers and times above 0", "a limit of node serve is not positive")
	}
	l.Burst = max(1, int(2*l.Rate))
	if _, err := f.logger(io.Discard); err != nil {
		return err
	}
	return nil
}

// logger returns the log of the service.
func (f *serveFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, usage.Errorf("--log-level debug, info, warn or error", "no log level %q", f.logLevel)
	}
	opt := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, opt)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opt)), nil
	}
	return nil, usage.Errorf("--log-format text or json", "no log format %q", f.logFormat)
}

// nodeServe serves until ctx ends.
func (a *app) nodeServe(ctx context.Context, f *serveFlags) error {
	log, err := f.logger(a.err)
	if err != nil {
		return err
	}
	f.serve.Log = log
	f.serve.New = func() node.Node { return node.NewService(f.node) }
	f.serve.Ready = func(ctx context.Context) error {
		svc := node.NewService(f.node)
		defer closeLate(ctx, svc.Close)
		return svc.Check(ctx)
	}
	srv, err := nodeserve.New(f.serve)
	if err != nil {
		return &usage.Error{Msg: err.Error(), Err: err}
	}
	ln, metrics, err := f.listeners()
	if err != nil {
		return err
	}
	defer ln.Close()
	hup := make(chan os.Signal, 1)
	signal.Ignore(syscall.SIGHUP) // it no longer ends the program
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	if metrics != nil {
		log.Info("health and metrics", "address", metrics.Addr().String())
		beside.Go(func() {
			if err := srv.ServeHTTP(own, metrics); err != nil {
				log.Error("health and metrics have ended", "error", err)
			}
		})
	}
	beside.Go(func() { nodeserve.Watchdog(own) })
	beside.Go(func() {
		for {
			select {
			case <-own.Done():
				return
			case <-hup:
				_ = srv.Reload() // it logs
			}
		}
	})
	log.Info("serving", "address", ln.Addr().String(), "version", node.Version(), "allow", f.serve.Allow,
		"allow_commit", f.serve.AllowCommit, "allow_capture", f.serve.AllowCapture)
	nodeserve.Notify(nodeserve.Started)
	srv.Serve(ctx, ln)
	log.Info("stopped")
	return nil
}

// listeners returns the sockets: those of the flags, else those that systemd passes.
func (f *serveFlags) listeners() (service, metrics net.Listener, err error) {
	service, metrics, err = nodeserve.Activated()
	if err != nil {
		return nil, nil, err
	}
	for _, s := range []struct {
		flag, addr string
		ln         *net.Listener
	}{{"--listen", f.listen, &service}, {"--metrics-listen", f.metrics, &metrics}} {
		switch {
		case s.addr != "" && *s.ln != nil:
			err = usage.Errorf("leave "+s.flag+" out", "%s is given, and systemd passes a socket for it", s.flag)
		case s.addr != "":
			if *s.ln, err = net.Listen("tcp", s.addr); err != nil {
				err = &nodeserve.ListenError{Flag: s.flag, Err: err}
			}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if service == nil {
		return nil, nil, usage.Errorf("--listen :7471", "node serve needs --listen, or a socket of systemd")
	}
	return service, metrics, nil
}
