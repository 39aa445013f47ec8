package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/kballard/go-shellquote"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// impatient is the time in which a node has not answered, while the run goes on.
type impatient time.Duration

func (e impatient) Error() string {
	return fmt.Sprintf("its part of the run's time, %v, is over", time.Duration(e).Round(time.Millisecond))
}

// Unwrap returns context.DeadlineExceeded.
func (e impatient) Unwrap() error { return context.DeadlineExceeded }

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}

// fail records that the node is unreachable, so that it is not started again for every packet.
func (r *Remote) fail(op string, err error) error {
	hint := ""
	switch {
	case r.TLS != nil:
		hint = r.TLS.hint(err)
	case len(r.Argv) > 0: // Reach has found it
		hint = "run it by hand: " + shellquote.Join(r.Argv...)
	}
	var said failure.Error
	if errors.As(err, &said) {
		if _, h := said.Failure(); h != "" {
			hint = h
		}
	}
	r.dead = &Error{Node: r.Name, Op: op, Err: err, Hint: hint}
	return r.dead
}

// errGone is the error of a call whose node, or the way to it, has ended before it answered.
var errGone = errors.New("the node has ended without an answer")

func remoteCall[R, A any](ctx context.Context, r *Remote, name string, arg A) (R, error) {
	var result R
	defer r.hold()()
	c, err := r.connect(ctx)
	if err != nil {
		return result, err
	}
	req := call[A]{Arg: arg}
	if d, ok := ctx.Deadline(); ok {
		req.TimeoutMS = max(1, time.Until(d).Milliseconds())
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-done:
		case <-time.After(writeGrace):
			r.in.Close() // a process that reads nothing blocks the request itself
		}
	})
	err = c.CallResult(ctx, name, req, &result)
	close(done)
	stop()
	r.mu.Lock()
	r.silent = ctx.Err() != nil
	r.mu.Unlock()
	if err == nil {
		if err = sound(result); err == nil {
			return result, nil
		}
		var none R
		return none, &Error{Node: r.Name, Op: strings.ToLower(name), Err: err, Hint: "does the same version of the tool run there?"}
	}
	var je *jrpc2.Error
	switch {
	case ctx.Err() != nil:
		return result, &Error{Node: r.Name, Op: strings.ToLower(name), Err: fmt.Errorf("no answer: %w", ctx.Err())}
	case errors.As(err, &je) && je.Code >= codeFailed && je.Code <= codeNotAllowed:
		re := &RemoteError{Code: je.Code, Text: je.Message, data: je.Data}
		if je.Code == codeNotAllowed {
			return result, &Error{Node: r.Name, Op: strings.ToLower(name), Err: re, Hint: "who runs the node decides what its clients may do"}
		}
		if je.Code != codePermission && je.Code != codeUnreachable {
			return result, fmt.Errorf("chassis %s: %w", r.Name, re)
		}
		return result, &Error{Node: r.Name, Op: strings.ToLower(name), Err: re}
	// An older node, which still answers other calls.
	case errors.As(err, &je) && je.Code == jrpc2.MethodNotFound:
		return result, &lacks{node: r.Name, call: name, version: r.version}
	}
	if errors.Is(err, context.Canceled) { // the client ends what is pending when its connection does
		err = errGone
	}
	r.stderr.wait(lastWords)
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.stderr.last(); s != "" {
		err = fmt.Errorf("%v (%s)", err, clip(s, 200))
	}
	return result, r.fail(strings.ToLower(name), err)
}
