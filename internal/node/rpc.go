package node

import (
	"context"
	"encoding/json"
	"errors"
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
	refusal      = protocolName + "refused " // instead of the greeting, with the reason
)

// The codes of errors that the client distinguishes.
const (
	codeFailed      jrpc2.Code = 1
	codePermission  jrpc2.Code = 2
	codeUnreachable jrpc2.Code = 3
	codeLimit       jrpc2.Code = 4 // engine.ErrLimit
	codeChanged     jrpc2.Code = 5 // engine.ErrChanged
	codeNotAllowed  jrpc2.Code = 6 // NotAllowedError
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
	if err := Greet(out); err != nil {
		return err
	}
	// A read of a terminal or an inherited pipe cannot be interrupted: the server ends and leaves
	// the read blocked.
	pr, pw := io.Pipe()
	go func() {
		_, err := io.Copy(pw, in)
		pw.CloseWithError(err)
	}()
	stop := context.AfterFunc(ctx, func() { pr.Close() })
	defer stop()
	return NewServing(n, ServeOptions{}).Run(ctx, channel.Line(pr, out))
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
			return zero, failed(err, r)
		}
		return r, nil
	})
}

// failed is the error reply of a call, with what a trace had found before the error.
func failed(err error, answer any) error {
	e := jrpc2.Errorf(codeOf(err), "%v", err)
	if res, ok := answer.(*engine.Result); ok && res != nil && len(res.Segments) > 0 {
		return e.WithData(engine.Result{Segments: res.Segments, Busy: res.Busy})
	}
	return e
}

func codeOf(err error) jrpc2.Code {
	kind, _ := failure.Classify(err)
	var refused *NotAllowedError
	switch {
	case errors.As(err, &refused):
		return codeNotAllowed
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
	data json.RawMessage // of failed
}

// found returns what a trace had found before its error: segments without an outcome, nil if there
// are none.
func (e *RemoteError) found() *engine.Result {
	var res engine.Result
	if len(e.data) == 0 || json.Unmarshal(e.data, &res) != nil || soundSegments(res.Segments) != nil {
		return nil
	}
	return &engine.Result{Segments: res.Segments, Busy: res.Busy}
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

// CodeName returns the name of an error's code: a word for statistics.
func CodeName(c jrpc2.Code) string {
	switch c {
	case codeFailed:
		return "failed"
	case codePermission:
		return "permission"
	case codeUnreachable:
		return "unreachable"
	case codeLimit:
		return "limit"
	case codeChanged:
		return "changed"
	case codeNotAllowed:
		return "refused"
	case jrpc2.Cancelled, jrpc2.DeadlineExceeded:
		return "cancelled"
	}
	return "protocol"
}
