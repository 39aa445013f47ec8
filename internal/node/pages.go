package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/handler"
)

// A long answer goes over the node protocol in pages: the first call begins it and returns the
// first page, "Next" returns the following ones, and "End" gives up the rest. The caller pulls, so
// that neither side ever holds more than a few batches of items. (JSON-RPC notifications of jrpc2
// have no order and no flow control.)

// page is a part of a long answer.
type page struct {
	Stream uint64 `json:"stream"`
	Items  any    `json:"items,omitempty"`
	Done   bool   `json:"done,omitempty"`   // it is the last, and has the result
	Result any    `json:"result,omitempty"` // what else the answer contains
}

// pages are the long answers of a connection that have begun.
type pages struct {
	ctx  context.Context // ends with the connection
	max  int             // how many may be open; 0 is no bound
	run  func(name string, f func() (any, error)) (any, error)
	mu   sync.Mutex
	last uint64
	open map[uint64]*answering
	wg   sync.WaitGroup
}

// answering is a long answer.
type answering struct {
	items  chan any
	done   chan struct{} // closed after result and err are set
	result any
	err    error
	cancel context.CancelFunc
}

func newPages(most int) *pages { return &pages{max: most, open: map[uint64]*answering{}} }

// errStreams reports an answer that cannot begin before another has ended.
var errStreams = errors.New("too many long answers at once on one connection")

// len returns how many answers have begun and not ended.
func (p *pages) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}

// begin starts an answer to the method name.
func (p *pages) begin(name string, run func(ctx context.Context, yield func(items any) error) (result any, err error)) (uint64, error) {
	ctx, cancel := context.WithCancel(p.ctx)
	a := &answering{items: make(chan any), done: make(chan struct{}), cancel: cancel}
	p.mu.Lock()
	if p.max > 0 && len(p.open) >= p.max {
		p.mu.Unlock()
		cancel()
		return 0, errStreams
	}
	p.last++
	id := p.last
	p.open[id] = a
	p.mu.Unlock()
	p.wg.Go(func() {
		defer close(a.done)
		a.result, a.err = p.run(name, func() (any, error) {
			return run(ctx, func(items any) error {
				select {
				case a.items <- items:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		})
	})
	return id, nil
}

// errNoStream reports a page of an answer that has ended.
var errNoStream = errors.New("this answer has ended")

// next waits for the next page. It ends the answer if ctx ends first.
func (p *pages) next(ctx context.Context, id uint64) (*page, error) {
	p.mu.Lock()
	a := p.open[id]
	p.mu.Unlock()
	if a == nil {
		return nil, errNoStream
	}
	select {
	case items := <-a.items:
		return &page{Stream: id, Items: items}, nil
	case <-a.done:
		p.end(id)
		return &page{Stream: id, Done: true, Result: a.result}, a.err
	case <-ctx.Done():
		p.end(id)
		return nil, ctx.Err()
	}
}

// end gives an answer up.
func (p *pages) end(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.open[id]; a != nil {
		a.cancel()
		delete(p.open, id)
	}
}

// close gives all answers up and waits for their ends.
func (p *pages) close() {
	p.mu.Lock()
	for id, a := range p.open {
		a.cancel()
		delete(p.open, id)
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// methods are those by which the caller pulls.
func (p *pages) methods(m handler.Map) {
	m["Next"] = method(p.next)
	m["End"] = method(func(_ context.Context, ids []uint64) (struct{}, error) {
		for _, id := range ids {
			p.end(id)
		}
		return struct{}{}, nil
	})
}

// paged makes a method with a long answer. Batches are copied: they are valid until yield returns.
func paged[A, T, R any](p *pages, name string, f func(ctx context.Context, arg A, yield func([]T) error) (R, error)) jrpc2.Handler {
	return method(func(ctx context.Context, arg A) (*page, error) {
		id, err := p.begin(name, func(ctx context.Context, yield func(any) error) (any, error) {
			return f(ctx, arg, func(batch []T) error { return yield(append([]T(nil), batch...)) })
		})
		if err != nil {
			return nil, err
		}
		return p.next(ctx, id)
	})
}

// pageOf is a page as the caller reads it.
type pageOf[T, R any] struct {
	Stream uint64 `json:"stream"`
	Items  []T    `json:"items"`
	Done   bool   `json:"done"`
	Result R      `json:"result"`
}

// pull calls a method with a long answer and hands its items over, at most most of them; 0 is no
// bound.
func pull[T, R, A any](ctx context.Context, r *Remote, name string, arg A, most int, yield func([]T) error) (R, error) {
	defer r.hold()() // the answer ends with the connection
	p, err := remoteCall[pageOf[T, R]](ctx, r, name, arg)
	for items := 0; err == nil && !p.Done; {
		stream := p.Stream
		if items += len(p.Items); most > 0 && items > most {
			err = &Error{Node: r.Name, Op: strings.ToLower(name), Err: fmt.Errorf("an answer of more than %d items", most)}
		}
		if err == nil {
			err = yield(p.Items)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			p, err = remoteCall[pageOf[T, R]](ctx, r, "Next", stream)
		}
		if err != nil {
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
			defer cancel()
			_, _ = remoteCall[struct{}](late, r, "End", []uint64{stream}) // it ends with the connection at the latest
		}
	}
	if err == nil {
		err = sound(p.Result)
	}
	return p.Result, err
}
