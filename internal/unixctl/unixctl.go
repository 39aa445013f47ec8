// Package unixctl calls ovs-vswitchd and ovn-controller over their control sockets: JSON-RPC 1.0
// over a unix stream (lib/unixctl.c).
package unixctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// DefaultMaxReply is the maximum size of a reply in bytes if Client.MaxReply is zero. The longest
// possible trace, with 4097 recirculations, is about 10 MB.
const DefaultMaxReply = 64 << 20

// ErrReplyTooLarge reports a reply longer than Client.MaxReply.
var ErrReplyTooLarge = errors.New("reply is too large")

// Error is an error reply of the daemon.
type Error struct {
	Path, Method string
	Text         string // as sent by the daemon
}

// Error returns socket, method and the first line of the daemon's text.
func (e *Error) Error() string {
	line, _, _ := strings.Cut(strings.TrimSpace(e.Text), "\n")
	return e.Path + ": " + e.Method + ": " + line
}

// Failure is a daemon that has no such command (process_command, lib/unixctl.c), or else of the
// input.
func (e *Error) Failure() (failure.Kind, string) {
	if strings.Contains(e.Text, "is not a valid command") {
		return failure.Unreachable, ""
	}
	return failure.Input, ""
}

// CallError is a call that got no reply.
type CallError struct {
	Path, Method string
	Err          error
}

// Error returns socket, method and cause.
func (e *CallError) Error() string { return e.Path + ": " + e.Method + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// Failure is a daemon that cannot be reached.
func (e *CallError) Failure() (failure.Kind, string) {
	if failure.Common(e.Err) != "" {
		return failure.Unreachable, ""
	}
	return failure.Unreachable, notRunning
}

// notRunning is the hint where no daemon answers.
const notRunning = "is Open vSwitch running there? --ovs-rundir, or OVS_RUNDIR, names its run folder"

// Client calls one daemon. The zero value with a Path is ready to use, by many goroutines at once;
// each call has a connection of its own, and an idle one is kept for the next.
type Client struct {
	Path     string
	MaxReply int64 // bytes; 0 is DefaultMaxReply

	mu    sync.Mutex
	idle  *conn
	spent atomic.Int64
}

// Spent returns how long all calls together have waited for the daemon.
func (c *Client) Spent() time.Duration { return time.Duration(c.spent.Load()) }

// conn is a connection to the daemon.
type conn struct {
	net.Conn
	lim io.LimitedReader
	dec *json.Decoder
	seq int
}

// Call runs a command and returns its text. The error is an *Error if the daemon refused, else a
// *CallError. Cancelling ctx ends the call at once; the daemon may still run the command.
func (c *Client) Call(ctx context.Context, method string, args ...string) (string, error) {
	fail := func(err error) (string, error) {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", &CallError{c.Path, method, err}
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	began := time.Now()
	defer func() { c.spent.Add(int64(time.Since(began))) }()
	cn, reused, err := c.get(ctx)
	if err != nil {
		return fail(err)
	}
	text, serverErr, err := c.exchange(ctx, cn, method, args)
	if err != nil && reused && gone(err) && ctx.Err() == nil {
		// The daemon was restarted since the last call and has not read this one: it can be repeated.
		if cn, err = c.dial(ctx); err != nil {
			return fail(err)
		}
		text, serverErr, err = c.exchange(ctx, cn, method, args)
	}
	if err != nil {
		return fail(err)
	}
	if serverErr != nil {
		return "", &Error{c.Path, method, *serverErr}
	}
	return text, nil
}

// Version asks for the daemon's version, such as 3.1.0; it is empty where the answer names none.
// The answer ends with it: "ovs-vswitchd (Open vSwitch) 3.1.0", "ovn-controller 23.03.1".
func (c *Client) Version(ctx context.Context) (string, error) {
	text, err := c.Call(ctx, "version")
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(text, "\n")
	words := strings.Fields(line)
	if len(words) == 0 {
		return "", nil
	}
	return words[len(words)-1], nil
}

// Close closes the idle connection; the client can still be used.
func (c *Client) Close() error {
	c.mu.Lock()
	cn := c.idle
	c.idle = nil
	c.mu.Unlock()
	if cn == nil {
		return nil
	}
	return cn.Close()
}

func (c *Client) get(ctx context.Context) (cn *conn, reused bool, err error) {
	c.mu.Lock()
	cn, c.idle = c.idle, nil
	c.mu.Unlock()
	if cn != nil {
		return cn, true, nil
	}
	cn, err = c.dial(ctx)
	return cn, false, err
}

func (c *Client) dial(ctx context.Context) (*conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", c.Path)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // CallError contains the path already
		}
		return nil, err
	}
	cn := &conn{Conn: nc}
	cn.lim.R = nc
	cn.dec = json.NewDecoder(&cn.lim)
	return cn, nil
}

// put keeps the connection for the next call, or closes it if another one is kept already.
func (c *Client) put(cn *conn) {
	c.mu.Lock()
	if c.idle == nil {
		c.idle, cn = cn, nil
	}
	c.mu.Unlock()
	if cn != nil {
		cn.Close()
	}
}

type request struct {
	ID     int      `json:"id"`
	Method string   `json:"method"`
	Params []string `json:"params"`
}

type reply struct {
	ID     *int    `json:"id"`
	Result *string `json:"result"`
	Error  *string `json:"error"`
}

// exchange sends one request and reads its reply. It returns the connection for reuse only if both
// succeeded.
func (c *Client) exchange(ctx context.Context, cn *conn, method string, args []string) (text string, serverErr *string, err error) {
	stop := context.AfterFunc(ctx, func() { cn.SetDeadline(time.Unix(1, 0)) })
	ok := false
	defer func() {
		if stop() && ok {
			c.put(cn)
		} else {
			cn.Close()
		}
	}()
	if args == nil {
		args = []string{} // "params" must be an array
	}
	cn.seq++
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(request{cn.seq, method, args}); err != nil {
		return "", nil, err
	}
	if _, err := cn.Write(b.Bytes()); err != nil {
		return "", nil, err
	}
	max := c.MaxReply
	if max <= 0 {
		max = DefaultMaxReply
	}
	cn.lim.N = max
	var r reply
	if err := cn.dec.Decode(&r); err != nil {
		if cn.lim.N <= 0 {
			err = fmt.Errorf("%w: over %d bytes", ErrReplyTooLarge, max)
		}
		return "", nil, err
	}
	if r.ID == nil || *r.ID != cn.seq {
		return "", nil, errors.New("the reply belongs to another request")
	}
	if r.Error == nil && r.Result == nil {
		return "", nil, errors.New("the reply has neither result nor error")
	}
	ok = true
	if r.Error != nil {
		return "", r.Error, nil
	}
	return *r.Result, nil, nil
}

// gone reports whether the daemon closed the connection without a reply.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || isReset(err)
}

// NotFoundError reports that Discover found no running daemon.
type NotFoundError struct {
	RunDir, Daemon string
	Err            error
}

// Error returns daemon, directory and cause.
func (e *NotFoundError) Error() string {
	return "no running " + e.Daemon + " in " + e.RunDir + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *NotFoundError) Unwrap() error { return e.Err }

// Failure is a daemon that cannot be reached.
func (e *NotFoundError) Failure() (failure.Kind, string) {
	if errors.Is(e.Err, fs.ErrPermission) {
		return failure.Unreachable, ""
	}
	return failure.Unreachable, notRunning
}

// Discover finds a daemon's control socket and process through its pid file, as ovs-appctl -t does.
func Discover(rundir, daemon string) (sockPath string, pid int, err error) {
	fail := func(err error) (string, int, error) { return "", 0, &NotFoundError{rundir, daemon, err} }
	file := filepath.Join(rundir, daemon+".pid")
	raw, err := os.ReadFile(file)
	if err != nil {
		return fail(err)
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || pid <= 0 {
		return fail(fmt.Errorf("%s: not a process id: %.20q", file, raw))
	}
	sockPath = filepath.Join(rundir, daemon+"."+strconv.Itoa(pid)+".ctl")
	if _, err := os.Stat(sockPath); err != nil {
		return fail(err)
	}
	return sockPath, pid, nil
}
