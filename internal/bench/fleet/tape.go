package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// Tape has what the real chassis of island 0 have answered.
type Tape struct {
	mu      sync.Mutex
	answers map[string]json.RawMessage // by side, method and request
	info    map[string]json.RawMessage // by side
	outline map[string]json.RawMessage // info without ports
	health  map[string]*node.Health
}

// NewTape returns an empty tape.
func NewTape() *Tape {
	return &Tape{answers: map[string]json.RawMessage{}, info: map[string]json.RawMessage{}, outline: map[string]json.RawMessage{}, health: map[string]*node.Health{}}
}

// Len returns the number of different requests on the tape.
func (t *Tape) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.answers)
}

// outlineOf returns what a chassis has said of itself, without its ports.
func (t *Tape) outlineOf(side string) (json.RawMessage, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.outline[side] == nil {
		var info node.Info
		if err := json.Unmarshal(t.info[side], &info); err != nil {
			return nil, err
		}
		info.PortCount, info.Ports, info.Bonds = len(info.Ports), nil, nil
		b, err := json.Marshal(&info)
		if err != nil {
			return nil, err
		}
		t.outline[side] = b
	}
	return t.outline[side], nil
}

// UnrecordedError is a request that the real chassis was not asked.
type UnrecordedError struct {
	Method, Request string
}

func (e *UnrecordedError) Error() string {
	return fmt.Sprintf("%s was not recorded: %.2000s", e.Method, e.Request)
}

// keyOf returns the key of a request's answer, in the names of island 0.
func keyOf(side, method string, request []byte) string {
	return side + " " + method + " " + string(request)
}

// record keeps an answer.
func record[A, R any](t *Tape, side, method string, arg A, f func() (R, error)) (R, error) {
	r, err := f()
	if err != nil {
		return r, err
	}
	request, err := json.Marshal(arg)
	if err != nil {
		return r, err
	}
	answer, err := json.Marshal(r)
	if err != nil {
		return r, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers[keyOf(side, method, request)] = answer
	return r, nil
}

// find returns the answer to a request in the names of island 0.
func (t *Tape) find(side, method string, request []byte) (json.RawMessage, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	answer, ok := t.answers[keyOf(side, method, request)]
	if !ok {
		return nil, &UnrecordedError{method, string(request)}
	}
	return answer, nil
}

// recorder is a real chassis whose answers are put onto a tape.
type recorder struct {
	*node.Service
	tape *Tape
	side string
}

func (r *recorder) Info(ctx context.Context) (*node.Info, error) {
	info, err := r.Service.Info(ctx)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(info)
	if err != nil {
		return nil, err
	}
	r.tape.mu.Lock()
	defer r.tape.mu.Unlock()
	r.tape.info[r.side] = b
	return info, nil
}

func (r *recorder) Trace(ctx context.Context, req node.TraceRequest) (*engine.Result, error) {
	return record(r.tape, r.side, "Trace", req, func() (*engine.Result, error) { return r.Service.Trace(ctx, req) })
}

func (r *recorder) TraceAsNew(ctx context.Context, req node.TraceRequest) (*engine.Result, error) {
	return record(r.tape, r.side, "TraceAsNew", req, func() (*engine.Result, error) { return r.Service.TraceAsNew(ctx, req) })
}

func (r *recorder) Find(ctx context.Context, req node.FindRequest) (*node.FindResult, error) {
	return record(r.tape, r.side, "Find", req, func() (*node.FindResult, error) { return r.Service.Find(ctx, req) })
}

func (r *recorder) Health(ctx context.Context) (*node.Health, error) {
	h, err := r.Service.Health(ctx)
	if err != nil {
		return nil, err
	}
	r.tape.mu.Lock()
	defer r.tape.mu.Unlock()
	r.tape.health[r.side] = h
	return h, nil
}

// Database is not served: the databases are not behind the nodes.
func (r *recorder) Database(context.Context, string) (*node.Database, error) {
	return nil, errors.ErrUnsupported
}
