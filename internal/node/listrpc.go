package node

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/creachadair/jrpc2"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// listCall is a request with the stream that its batches are sent on.
type listCall struct {
	ListRequest
	Stream uint64 `json:"stream"`
}

// entriesMsg is a batch on its way to the caller (a notification, in the order of the batches and
// before the answer).
type entriesMsg struct {
	Stream  uint64          `json:"stream"`
	Entries []ctstate.Entry `json:"entries"`
}

// entriesMethod is the name of the notification.
const entriesMethod = "Entries"

// serveList answers a request of a Remote.
func serveList(l Lister) jrpc2.Handler {
	return method(func(ctx context.Context, c listCall) (*ListResult, error) {
		srv := jrpc2.ServerFromContext(ctx)
		return l.List(ctx, c.ListRequest, func(batch []ctstate.Entry) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return srv.Notify(ctx, entriesMethod, entriesMsg{c.Stream, batch})
		})
	})
}

// streams are the calls of a Remote that receive batches.
type streams struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*stream
}

type stream struct {
	yield func([]ctstate.Entry) error
	err   error
}

func (s *streams) begin(yield func([]ctstate.Entry) error) (uint64, *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[uint64]*stream{}
	}
	s.last++
	st := &stream{yield: yield}
	s.open[s.last] = st
	return s.last, st
}

func (s *streams) end(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, id)
}

// receive hands a batch to its call. After the first error the rest of a stream is dropped: its call
// is cancelled, and batches may still be on the way.
func (s *streams) receive(r *jrpc2.Request) {
	if r.Method() != entriesMethod {
		return
	}
	var m entriesMsg
	err := r.UnmarshalParams(&m)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.open[m.Stream]
	if err != nil {
		// Which stream a broken message was for is unknown: no stream may lack a batch silently.
		for _, st := range s.open {
			st.err = cmp.Or(st.err, fmt.Errorf("a batch of entries cannot be read: %w", err))
		}
		return
	}
	if st == nil || st.err != nil {
		return
	}
	st.err = st.yield(m.Entries)
}

// List reads entries from the node.
func (r *Remote) List(ctx context.Context, req ListRequest, yield func([]ctstate.Entry) error) (*ListResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	id, st := r.streams.begin(func(batch []ctstate.Entry) error {
		if failed = yield(batch); failed != nil {
			cancel()
		}
		return failed
	})
	out, err := remoteCall[*ListResult](ctx, r, "List", listCall{req, id})
	r.streams.end(id)
	if st.err != nil {
		return out, st.err
	}
	return out, err
}
