package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// greeting begins the first line of "node stdio", with the protocol's number: what follows is
// JSON-RPC, one message a line.
const (
	protocolName = "ovn-ct-trace-node/"
	greeting     = protocolName + "2 "
)

// The codes of errors that the client distinguishes.
const (
	codeFailed      jrpc2.Code = 1
	codePermission  jrpc2.Code = 2
	codeUnreachable jrpc2.Code = 3
	codeLimit       jrpc2.Code = 4 // engine.ErrLimit
	codeChanged     jrpc2.Code = 5 // engine.ErrChanged
)

// concurrency is the number of calls that a node runs at once. It is more than one even on a
// machine with one processor, because a "Cancel" would otherwise wait for the call that it cancels.
const concurrency = 4

// call is the envelope of a request, with the caller's deadline.
type call[T any] struct {
	TimeoutMS int64 `json:"timeout_ms,omitempty"`
	Arg       T     `json:"arg"`
}

// Serve answers calls to n on a pair of streams until the input ends or ctx is cancelled.
func Serve(ctx context.Context, n Node, in io.Reader, out io.WriteCloser) error {
	if _, err := fmt.Fprintf(out, "%s%s\n", greeting, Version()); err != nil {
		return err
	}
	methods := handler.Map{
		"Info":   method(func(ctx context.Context, _ struct{}) (*Info, error) { return n.Info(ctx) }),
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
	if f, ok := n.(Finder); ok {
		methods["Find"] = method(f.Find)
	}
	if t, ok := n.(AsNewTracer); ok {
		methods["TraceAsNew"] = method(t.TraceAsNew)
	}
	if e, ok := n.(Examiner); ok {
		methods["Health"] = method(func(ctx context.Context, _ struct{}) (*Health, error) { return e.Health(ctx) })
	}
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	pages := newPages(own)
	defer pages.close()
	pages.methods(methods)
	if l, ok := n.(Lister); ok {
		methods["List"] = paged(pages, l.List)
	}
	if w, ok := n.(Watcher); ok {
		methods["Watch"] = paged(pages, w.Watch)
	}
	if r, ok := n.(RowReader); ok {
		methods["Database"] = method(r.Database)
		methods["Rows"] = paged(pages, r.Rows)
	}
	if c, ok := n.(Capturer); ok {
		methods["Capture"], methods["Captured"] = method(c.Capture), method(c.Captured)
	}
	if i, ok := n.(Injector); ok {
		methods["Inject"] = method(func(ctx context.Context, req InjectRequest) (struct{}, error) {
			return struct{}{}, i.Inject(ctx, req)
		})
	}
	srv := jrpc2.NewServer(methods, &jrpc2.ServerOptions{Concurrency: concurrency, NewContext: func() context.Context { return ctx }})
	// A read of a terminal or an inherited pipe cannot be interrupted: the server ends and leaves the
	// read blocked.
	pr, pw := io.Pipe()
	go func() {
		_, err := io.Copy(pw, in)
		pw.CloseWithError(err)
	}()
	srv.Start(channel.Line(pr, out))
	stop := context.AfterFunc(ctx, func() {
		srv.Stop()
		pr.Close()
	})
	defer stop()
	err := srv.Wait()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
		err = nil
	}
	return err
}

func method[A, R any](f func(context.Context, A) (R, error)) jrpc2.Handler {
	return handler.New(func(ctx context.Context, c call[A]) (R, error) {
		if c.TimeoutMS > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(c.TimeoutMS)*time.Millisecond)
			defer cancel()
		}
		r, err := f(ctx, c.Arg)
		if err != nil {
			var zero R
			return zero, jrpc2.Errorf(codeOf(err), "%v", err)
		}
		return r, nil
	})
}

func codeOf(err error) jrpc2.Code {
	kind, _ := failure.Classify(err)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return codePermission
	case errors.Is(err, engine.ErrLimit):
		return codeLimit
	case errors.Is(err, engine.ErrChanged):
		return codeChanged
	case kind == failure.Unreachable:
		return codeUnreachable
	}
	return codeFailed
}

// RemoteError is an error that a node returned.
type RemoteError struct {
	Code jrpc2.Code
	Text string
}

func (e *RemoteError) Error() string { return e.Text }

// Is reports whether the node's error was target, as far as its code shows.
func (e *RemoteError) Is(target error) bool {
	switch e.Code {
	case codePermission:
		return target == fs.ErrPermission
	case codeLimit:
		return target == engine.ErrLimit
	case codeChanged:
		return target == engine.ErrChanged
	}
	return false
}

// Failure is what the node's error was, where the code says so, or a node that does not answer.
func (e *RemoteError) Failure() (failure.Kind, string) {
	if e.Code == codeLimit || e.Code == codeChanged {
		return failure.Undetermined, ""
	}
	return failure.Unreachable, ""
}
