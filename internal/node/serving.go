package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"
)

// Use is what a call does to the node beyond reading.
type Use uint8

// The uses.
const (
	UseRead    Use = iota // it reads
	UseCommit             // it changes conntrack entries
	UseCapture            // it records frames of a port, or sends one
)

// uses has every method of the protocol. A method that is not here is refused where uses are
// checked.
var uses = map[string]Use{
	"Info": UseRead, "Trace": UseRead, "TraceAsNew": UseRead, "Check": UseRead, "Find": UseRead, "Health": UseRead,
	"Database": UseRead, "Rows": UseRead, "List": UseRead, "Parts": UseRead, "Collect": UseRead, "Flows": UseRead, "Watch": UseRead, "Next": UseRead, "End": UseRead, "Cancel": UseRead, "Close": UseRead,
	"Commit": UseCommit, "Clean": UseCommit,
	"Capture": UseCapture, "Captured": UseCapture, "Inject": UseCapture,
}

// NotAllowedError refuses a call for which the service lacks a flag.
type NotAllowedError struct{ Flag string }

func (e *NotAllowedError) Error() string {
	return "not allowed on this node: node serve runs there without " + e.Flag
}

// ServeOptions guard what a client may ask. Each may be left out.
type ServeOptions struct {
	// Permit is asked before each call. Its error is the answer.
	Permit func(method string, use Use) error
	// Ended is told of each call that has ended, with its error.
	Ended func(method string, took time.Duration, err error)
	// Panicked is told of a call that has panicked; the call's answer is then an error. Without it a
	// panic ends the program.
	Panicked func(method string, value any, stack []byte)
	// MaxTime bounds a call that brings no deadline, or a later one; 0 is no bound.
	MaxTime time.Duration
	// MaxStreams bounds the long answers that have begun and not ended; 0 is no bound.
	MaxStreams int
	// Releases adds the method Close, which removes what the client has committed: where the end of
	// the connection cannot tell the client how that went.
	Releases bool
}

// Serving answers one client's calls to a node.
type Serving struct {
	node  Node
	opt   ServeOptions
	pages *pages
}

// NewServing returns the answering side of one connection.
func NewServing(n Node, opt ServeOptions) *Serving {
	return &Serving{node: n, opt: opt, pages: newPages(opt.MaxStreams)}
}

// Streams returns how many long answers have begun and not ended.
func (s *Serving) Streams() int { return s.pages.len() }

// Greet writes the first line of a node's output.
func Greet(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s%s\n", greeting, Version())
	return err
}

// Refuse writes, in the place of the greeting, why a client is not served.
func Refuse(w io.Writer, why string) error {
	_, err := fmt.Fprintf(w, "%s%s\n", refusal, why)
	return err
}

// Run answers calls until the channel ends or ctx is cancelled. It may be called once.
func (s *Serving) Run(ctx context.Context, ch channel.Channel) error {
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	s.pages.ctx = own
	s.pages.run = func(name string, f func() (any, error)) (r any, err error) {
		defer s.recovered(name, &err)
		return f()
	}
	defer s.pages.close()
	methods := s.methods()
	for name, h := range methods {
		methods[name] = s.guard(name, h)
	}
	srv := jrpc2.NewServer(methods, &jrpc2.ServerOptions{
		Concurrency: concurrency, DisableBuiltin: true, NewContext: func() context.Context { return ctx },
	})
	in := &ending{Channel: ch, ctx: ctx}
	srv.Start(in)
	stop := context.AfterFunc(ctx, func() { in.Close() })
	defer stop()
	err := srv.Wait()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
		err = nil
	}
	return err
}

// ending is a channel on which nothing arrives once ctx has ended. The server ends by that, and not
// by its Stop: a request that arrives while jrpc2.Server.Stop closes its queue is a panic (1.3.2).
type ending struct {
	channel.Channel
	ctx context.Context
}

func (e *ending) Recv() ([]byte, error) {
	b, err := e.Channel.Recv()
	if e.ctx.Err() != nil {
		return nil, io.EOF
	}
	return b, err
}

// methods returns those that the node has.
func (s *Serving) methods() handler.Map {
	n, pages := s.node, s.pages
	methods := handler.Map{
		"Info":   method(func(ctx context.Context, req infoRequest) (*Info, error) { return req.of(ctx, n) }),
		"Trace":  method(n.Trace),
		"Commit": method(n.Commit),
		"Clean":  method(n.Clean),
		"Check": method(func(ctx context.Context, _ struct{}) (struct{}, error) {
			return struct{}{}, n.Check(ctx)
		}),
		"Cancel": handler.New(func(ctx context.Context, ids []string) error {
			for _, id := range ids {
				jrpc2.ServerFromContext(ctx).CancelRequest(id)
			}
			return nil
		}),
	}
	if s.opt.Releases {
		methods["Close"] = method(func(ctx context.Context, _ struct{}) (struct{}, error) {
			return struct{}{}, n.Close(ctx)
		})
	}
	if f, ok := n.(Finder); ok {
		methods["Find"] = method(f.Find)
	}
	if t, ok := n.(AsNewTracer); ok {
		methods["TraceAsNew"] = method(t.TraceAsNew)
	}
	if e, ok := n.(Examiner); ok {
		methods["Health"] = method(func(ctx context.Context, _ struct{}) (*Health, error) { return e.Health(ctx) })
	}
	pages.methods(methods)
	if l, ok := n.(Lister); ok {
		methods["List"] = paged(pages, "List", l.List)
	}
	if w, ok := n.(Watcher); ok {
		methods["Watch"] = paged(pages, "Watch", w.Watch)
	}
	if r, ok := n.(RowReader); ok {
		methods["Database"], methods["Rows"] = method(r.Database), paged(pages, "Rows", r.Rows)
	}
	if c, ok := n.(Collector); ok {
		methods["Parts"] = method(func(ctx context.Context, _ struct{}) (*Parts, error) { return c.Parts(ctx) })
		methods["Collect"] = paged(pages, "Collect", c.Collect)
	}
	if f, ok := n.(FlowReader); ok {
		methods["Flows"] = paged(pages, "Flows", f.Flows)
	}
	if c, ok := n.(Capturer); ok {
		methods["Capture"], methods["Captured"] = method(c.Capture), method(c.Captured)
	}
	if i, ok := n.(Injector); ok {
		methods["Inject"] = method(func(ctx context.Context, req InjectRequest) (struct{}, error) {
			return struct{}{}, i.Inject(ctx, req)
		})
	}
	return methods
}

// guard wraps a method in the checks of the options.
func (s *Serving) guard(name string, h jrpc2.Handler) jrpc2.Handler {
	return func(ctx context.Context, req *jrpc2.Request) (result any, err error) {
		if s.opt.Ended != nil {
			began := time.Now()
			defer func() { s.opt.Ended(name, time.Since(began), err) }()
		}
		defer s.recovered(name, &err)
		if err := s.permit(name, req); err != nil {
			return nil, jrpc2.Errorf(codeOf(err), "%v", err)
		}
		if s.opt.MaxTime > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.opt.MaxTime)
			defer cancel()
		}
		return h(ctx, req)
	}
}

// permit asks the options whether a call is allowed. Clean that only lists entries reads.
func (s *Serving) permit(name string, req *jrpc2.Request) error {
	if s.opt.Permit == nil {
		return nil
	}
	use, ok := uses[name]
	if !ok {
		return fmt.Errorf("%s is not served here", strings.ToLower(name))
	}
	if name == "Clean" {
		var c call[bool]
		if err := req.UnmarshalParams(&c); err != nil {
			return err
		}
		if c.Arg {
			use = UseRead
		}
	}
	return s.opt.Permit(name, use)
}

// recovered, deferred, makes an error of a panic where the options say so.
func (s *Serving) recovered(name string, err *error) {
	if s.opt.Panicked == nil {
		return
	}
	if v := recover(); v != nil {
		s.opt.Panicked(name, v, debug.Stack())
		*err = jrpc2.Errorf(codeFailed, "the node has failed in this call (panic): its log says where")
	}
}
