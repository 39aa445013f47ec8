package ovsdb

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// conn is one JSON-RPC connection. It carries one call at a time, or several that are sent without
// waiting for each other's replies and have no sink. Its reader answers the server's
// echo requests: without an answer, ovsdb-server ends an idle TCP or SSL connection after ten
// seconds.
type conn struct {
	nc     net.Conn
	bounds bounds
	wmu    sync.Mutex // serialises whole messages
	turn   chan struct{}

	mu      sync.Mutex
	nextID  int
	pending []*pending // without a reply
	since   int        // bytes read since the last calls began
	dead    error
	done    chan struct{} // closed when the reader ends
}

type pending struct {
	id    int
	sink  sink
	reply chan message
}

// message is a JSON-RPC 1.0 request, notification or reply.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error"`
}

func newConn(nc net.Conn, b bounds) *conn {
	c := &conn{nc: nc, bounds: cmp.Or(b, defaultBounds), turn: make(chan struct{}, 1), done: make(chan struct{})}
	go c.read()
	return c
}

// close ends the connection and waits for its reader.
func (c *conn) close() {
	c.nc.Close()
	<-c.done
}

// alive reports whether the connection can carry a call.
func (c *conn) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

func (c *conn) read() {
	defer close(c.done)
	err := c.readAll()
	if errors.Is(err, io.EOF) {
		err = errors.New("server closed the connection")
	}
	c.mu.Lock()
	c.dead = unwrapOp(err)
	c.mu.Unlock()
	c.nc.Close()
}

func (c *conn) readAll() error {
	f := framer{r: bufio.NewReaderSize(c.nc, 64<<10), bounds: c.bounds}
	for {
		frame, err := f.next(c.sink)
		if err == nil {
			err = c.count(f.read)
		}
		if err != nil {
			return err
		}
		var m message
		if err := json.Unmarshal(frame, &m); err != nil {
			return fmt.Errorf("not an OVSDB server: %w", err)
		}
		switch {
		case m.Method == "echo":
			if err := c.write(message{ID: m.ID, Result: m.Params, Error: null}); err != nil {
				return unwrapOp(err)
			}
		case m.Method == "":
			c.deliver(m)
		}
		// Other requests and notifications are for clients that monitor or lock.
	}
}

// count adds the bytes of a message to those since the last call began.
func (c *conn) count(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since += n; c.since > c.bounds.answer {
		return errTooBig
	}
	return nil
}

// sink returns the sink for the rows of the awaited reply, or nil to keep them.
func (c *conn) sink() sink {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) == 0 {
		return nil
	}
	return c.pending[0].sink
}

var null = json.RawMessage("null")

func (c *conn) deliver(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.pending, func(p *pending) bool { return string(m.ID) == fmt.Sprint(p.id) })
	if i < 0 {
		return
	}
	p := c.pending[i]
	c.pending = slices.Delete(c.pending, i, i+1)
	p.reply <- m
}

// write sends whole messages at once.
func (c *conn) write(messages ...message) error {
	var text []byte
	for _, m := range messages {
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		text = append(text, b...)
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	_, err := c.nc.Write(text)
	return err
}

// request is a call before it is sent.
type request struct {
	method string
	params any
	take   sink // of the rows in its reply; nil keeps them
}

// call sends one request and waits for its reply. If ctx ends first, it closes the connection,
// because the next message on it would be that reply.
func (c *conn) call(ctx context.Context, method string, params any, take sink) (json.RawMessage, error) {
	replies, err := c.calls(ctx, request{method, params, take})
	if err != nil {
		return nil, err
	}
	return replies[0].outcome(method)
}

// calls sends requests without waiting in between, and returns their replies, as call does.
func (c *conn) calls(ctx context.Context, requests ...request) ([]message, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	texts := make([]json.RawMessage, len(requests))
	for i, r := range requests {
		var err error
		if texts[i], err = json.Marshal(r.params); err != nil {
			return nil, err
		}
	}
	waiting := make([]*pending, len(requests)) // in their order
	c.mu.Lock()
	for i, r := range requests {
		c.nextID++
		waiting[i] = &pending{id: c.nextID, sink: r.take, reply: make(chan message, 1)}
	}
	c.pending, c.since = slices.Clone(waiting), 0
	c.mu.Unlock()

	stop := context.AfterFunc(ctx, func() { c.nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	messages := make([]message, len(requests))
	for i, r := range requests {
		messages[i] = message{ID: json.RawMessage(fmt.Sprint(waiting[i].id)), Method: r.method, Params: texts[i]}
	}
	if err := c.write(messages...); err != nil {
		if ctx.Err() != nil {
			c.close()
			return nil, context.Cause(ctx)
		}
		return nil, c.cause(err)
	}
	replies := make([]message, len(requests))
	for i, p := range waiting {
		var err error
		if replies[i], err = c.await(ctx, p); err != nil {
			return nil, err
		}
	}
	return replies, nil
}

// await waits for a reply.
func (c *conn) await(ctx context.Context, p *pending) (message, error) {
	select {
	case m := <-p.reply:
		return m, nil
	case <-ctx.Done():
		c.close()
		return message{}, context.Cause(ctx)
	case <-c.done:
		select {
		case m := <-p.reply: // arrived just before the end
			return m, nil
		default:
		}
		if ctx.Err() != nil {
			return message{}, context.Cause(ctx)
		}
		return message{}, c.cause(nil)
	}
}

// cause returns the reader's error in place of that of a failed write, if there is one: the
// server's last message says more than a broken pipe.
func (c *conn) cause(err error) error {
	select {
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.dead
	case <-time.After(time.Second):
		c.close()
		return unwrapOp(err)
	}
}

func (m message) outcome(method string) (json.RawMessage, error) {
	if len(m.Error) > 0 && string(m.Error) != "null" {
		return nil, fmt.Errorf("%s: server answers %s", method, clip(m.Error))
	}
	return m.Result, nil
}
