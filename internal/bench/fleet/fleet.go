// Package fleet is a deployment of many chassis on one machine, for tests and measurements: the
// databases and ovn-northd are real, and all chassis answer the node protocol as two real ones did
// that were recorded before. Some are dead or slow, by a seed.
package fleet

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creachadair/jrpc2/channel"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// Fate is what is wrong with a chassis.
type Fate struct {
	Dead    bool          // it takes connections and never says anything
	Refuses bool          // it ends connections at once
	Delay   time.Duration // before each answer
}

// Options say what the chassis are like.
type Options struct {
	Entries int // conntrack entries of a chassis
	// Fates are those of chassis by name; others are well.
	Fates map[string]Fate
}

// Fates chooses as many dead, refusing and slow chassis of several islands by a seed. Island 0 is
// spared.
func Fates(seed uint64, islands, dead, refusing, slow int, delay time.Duration) map[string]Fate {
	out := map[string]Fate{}
	r := rand.New(rand.NewPCG(seed, 1))
	for _, n := range r.Perm(2*islands - 2) {
		name := Island(n/2 + 1).Chassis("ab"[n%2 : n%2+1])
		switch {
		case dead > 0:
			dead--
			out[name] = Fate{Dead: true}
		case refusing > 0:
			refusing--
			out[name] = Fate{Refuses: true}
		case slow > 0:
			slow--
			out[name] = Fate{Delay: delay}
		}
	}
	return out
}

// Fleet serves the chassis.
type Fleet struct {
	opt  Options
	tape *Tape
	book *book
	pair *Pair // nil: nothing is recorded

	unrecorded atomic.Int64
	mu         sync.Mutex
	open, most int // connections
	opened     int
	calls      map[string]int // by method
}

// Record serves the two real chassis, and puts their answers onto a tape.
func Record(p *Pair, t *Tape) *Fleet { return &Fleet{tape: t, pair: p, calls: map[string]int{}} }

// Replay serves all chassis of a deployment from a tape. The deployment must not change meanwhile.
func Replay(ctx context.Context, w *World, t *Tape, opt Options) (*Fleet, error) {
	sb, err := w.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer sb.Close()
	b, err := readBook(ctx, sb)
	if err != nil {
		return nil, err
	}
	return &Fleet{opt: opt, tape: t, book: b, calls: map[string]int{}}, nil
}

// Counts are what a fleet was asked.
type Counts struct {
	Opened, Most int            // connections, and how many were open at once
	Calls        map[string]int // by method
	Unrecorded   int            // calls that could not be answered from the tape
}

// Counts returns the counts since they were last taken.
func (f *Fleet) Counts() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := Counts{Opened: f.opened, Most: f.most, Calls: maps.Clone(f.calls), Unrecorded: int(f.unrecorded.Swap(0))}
	f.opened, f.most = 0, f.open
	clear(f.calls)
	return c
}

func (f *Fleet) count(method string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[method]++
}

func (f *Fleet) fate(chassis string) Fate { return f.opt.Fates[chassis] }

// Listen serves connections whose first line names the chassis, until ctx ends. Relay speaks it.
func (f *Fleet) Listen(ctx context.Context, socket string) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go f.accept(ctx, l, func(c net.Conn) (string, io.Reader, error) {
		r := bufio.NewReader(c)
		name, err := r.ReadString('\n')
		return strings.TrimSpace(name), r, err
	})
	return nil
}

// ListenTLS serves as "node serve" does, every chassis at its tunnel endpoint and this port, until
// ctx ends. certify returns the certificate of a chassis.
func (f *Fleet) ListenTLS(ctx context.Context, addr string, certify func(chassis string) (*tls.Certificate, error)) (net.Addr, error) {
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return nil, err
	}
	go f.accept(ctx, l, func(c net.Conn) (string, io.Reader, error) {
		name := at(c.LocalAddr())
		if name == "" {
			return "", nil, errors.New("not at a chassis' address")
		}
		if f.fate(name).Dead || f.fate(name).Refuses {
			return name, c, nil
		}
		cert, err := certify(name)
		if err != nil {
			return "", nil, err
		}
		s := tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert, Certificates: []tls.Certificate{*cert}})
		return name, s, s.HandshakeContext(ctx)
	})
	return l.Addr(), nil
}

// at returns the chassis with a tunnel endpoint.
func at(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return ""
	}
	ip := t.IP.To4()
	if ip == nil || ip[0] != 127 || ip[1] < 64 || ip[3] != 101 && ip[3] != 102 {
		return ""
	}
	return Island(int(ip[1]-64)<<8 | int(ip[2])).Chassis("ab"[ip[3]-101 : ip[3]-100])
}

// accept serves connections; who reads the name of the chassis that a connection is for.
func (f *Fleet) accept(ctx context.Context, l net.Listener, who func(net.Conn) (string, io.Reader, error)) {
	context.AfterFunc(ctx, func() { l.Close() })
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			stop := context.AfterFunc(ctx, func() { c.Close() })
			defer stop()
			f.enter(1)
			defer f.enter(-1)
			name, r, err := who(c)
			if err != nil {
				return
			}
			w := io.WriteCloser(c)
			if t, ok := r.(*tls.Conn); ok {
				w = t
			}
			f.serve(ctx, name, r, w)
		}()
	}
}

func (f *Fleet) enter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open += n
	if n > 0 {
		f.opened++
		f.most = max(f.most, f.open)
	}
}

// serve answers one connection.
func (f *Fleet) serve(ctx context.Context, chassis string, r io.Reader, w io.WriteCloser) {
	fate := f.fate(chassis)
	i, s, ok := side(chassis)
	switch {
	case !ok || fate.Refuses:
		return
	case fate.Dead:
		_, _ = io.Copy(io.Discard, r) // until the other side has lost patience
		return
	}
	var n node.Node
	if f.pair != nil {
		n = &recorder{Service: f.pair.Service(s), tape: f.tape, side: s}
	} else {
		n = f.fake(i, s)
	}
	if node.Greet(w) != nil {
		return
	}
	_ = node.NewServing(n, node.ServeOptions{Releases: true}).Run(ctx, channel.Line(r, w))
	_ = n.Close(context.WithoutCancel(ctx))
}

// Relay is the command that reaches a chassis of a fleet: it copies between a pair of streams and
// the fleet's socket.
func Relay(socket, chassis string, in io.Reader, out io.Writer) error {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, chassis+"\n"); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(c, in)
		_ = c.(*net.UnixConn).CloseWrite()
	}()
	_, err = io.Copy(out, c)
	return cmp.Or(err, nil)
}
