package nodeserve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/creachadair/jrpc2"
)

// lines is a connection as a channel of jrpc2: one message a line, within the limits. jrpc2 itself
// reads requests without bound; here the next one is read when there is room for it.
type lines struct {
	ctx     context.Context // ends with the connection
	conn    net.Conn
	r       *bufio.Reader
	limits  *Limits
	client  *client
	streams func() int // long answers that have begun and not ended
	count   *traffic

	mu       sync.Mutex
	asked    int  // requests without an answer
	waiting  bool // no request has begun
	draining bool
}

// traffic is told what passes.
type traffic struct {
	in, out func(bytes int)
	asked   func(delta int)
}

func newLines(ctx context.Context, conn net.Conn, l *Limits, c *client, t *traffic) *lines {
	return &lines{ctx: ctx, conn: conn, r: bufio.NewReader(conn), limits: l, client: c, count: t}
}

// The reasons why a connection is ended.
var (
	errIdle  = errors.New("no request for the idle time (--idle-timeout)")
	errSlow  = errors.New("a request did not come whole in time")
	errLong  = errors.New("a request is longer than --max-request-bytes")
	errBatch = errors.New("several requests in one message")
	errReply = errors.New("an answer in the place of a request")
	errQuiet = errors.New("a notification that is not Cancel")
)

// drainPoll is how often a connection that is to end looks whether it can, in a wait for the
// client.
const drainPoll = 50 * time.Millisecond

// drain lets the connection end once its requests are answered.
func (l *lines) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining = true
	if l.waiting {
		_ = l.conn.SetReadDeadline(time.Now())
	}
}

// wait waits for the first byte of a request.
func (l *lines) wait() error {
	began := time.Now()
	for {
		if !l.toWait() {
			return io.EOF
		}
		_, err := l.r.Peek(1)
		l.mu.Lock()
		l.waiting = false
		if l.asked > 0 { // else a client that has begun long answers and asks for no more is idle too
			began = time.Now()
		}
		l.mu.Unlock()
		switch {
		case err == nil || !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case time.Since(began) >= l.limits.IdleTime:
			return errIdle
		}
	}
}

// toWait sets the deadline of a wait, and reports whether there is something to wait for.
func (l *lines) toWait() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	pause := l.limits.IdleTime
	if l.draining {
		if l.asked == 0 && l.streams() == 0 {
			return false
		}
		pause = drainPoll
	}
	_ = l.conn.SetReadDeadline(time.Now().Add(pause))
	l.waiting = true
	return true
}

// line reads the rest of a request.
func (l *lines) line() ([]byte, error) {
	_ = l.conn.SetReadDeadline(time.Now().Add(l.limits.RequestTime))
	var out []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if len(out)+len(part) > l.limits.RequestBytes {
			return nil, errLong
		}
		out = append(out, part...)
		switch {
		case err == nil:
			return out, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, errSlow
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// Recv returns the next request, once the client may have one more.
func (l *lines) Recv() ([]byte, error) {
	if err := l.wait(); err != nil {
		return nil, err
	}
	msg, err := l.line()
	l.count.in(len(msg))
	if err != nil {
		return nil, err
	}
	call, err := single(msg)
	if err != nil {
		return nil, err
	}
	if err := l.client.rate.Wait(l.ctx); err != nil {
		return nil, err
	}
	if !call {
		return msg, nil
	}
	if err := l.client.requests.Acquire(l.ctx, 1); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.asked++
	l.mu.Unlock()
	l.count.asked(1)
	return msg, nil
}

// single refuses what is not one request, and reports whether it is a call, which is answered.
func single(msg []byte) (call bool, err error) {
	reqs, err := jrpc2.ParseRequests(msg)
	switch {
	case err != nil:
		return false, fmt.Errorf("no request: %w", err)
	case len(reqs) != 1:
		return false, errBatch
	case reqs[0].Error != nil:
		return false, fmt.Errorf("no request: %w", reqs[0].Error)
	case reqs[0].Method == "":
		return false, errReply
	case reqs[0].ID != "":
		return true, nil
	case reqs[0].Method != "Cancel":
		return false, errQuiet
	}
	return false, nil
}

// Send writes an answer: each call has one.
func (l *lines) Send(msg []byte) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(l.limits.AnswerTime))
	n, err := l.conn.Write(append(msg, '\n'))
	l.count.out(n)
	l.mu.Lock()
	ended := min(l.asked, 1)
	l.asked -= ended
	l.mu.Unlock()
	l.client.end(ended)
	l.count.asked(-ended)
	if err != nil {
		l.conn.Close() // the record is cut: nothing can follow
	}
	return err
}

// Close ends the connection.
func (l *lines) Close() error { return l.conn.Close() }

// end takes back the requests that will not be answered any more.
func (l *lines) end() {
	l.mu.Lock()
	n := l.asked
	l.asked = 0
	l.mu.Unlock()
	l.client.end(n)
	l.count.asked(-n)
}
