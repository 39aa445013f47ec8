package ctdpif

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Caller runs a command of ovs-vswitchd and returns its text.
type Caller interface {
	Call(ctx context.Context, method string, args ...string) (string, error)
}

// Streamer runs a command and returns a reader of its text, which can be read while it arrives. The
// reader ends with io.EOF only if the daemon's reply was complete.
type Streamer interface {
	Stream(ctx context.Context, method string, args ...string) (io.ReadCloser, error)
}

// Socket is the Streamer over ovs-vswitchd's control socket. The reply is one JSON string, for a
// large table of hundreds of megabytes; Socket decodes it as it arrives and never holds all of it.
type Socket struct{ Path string }

// DaemonError is an error reply of the daemon.
type DaemonError struct {
	Path, Method string
	Text         string
}

func (e *DaemonError) Error() string {
	line, _, _ := bytes.Cut(bytes.TrimSpace([]byte(e.Text)), []byte("\n"))
	return fmt.Sprintf("%s: %s: %s", e.Path, e.Method, line)
}

// Stream sends one request and returns the reply's text.
func (s Socket) Stream(ctx context.Context, method string, args ...string) (io.ReadCloser, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", s.Path)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", s.Path, method, err)
	}
	r := &replyReader{conn: c, ctx: ctx, path: s.Path, method: method, in: bufio.NewReaderSize(c, 64<<10)}
	r.stop = context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	if args == nil {
		args = []string{}
	}
	req, err := json.Marshal(struct {
		ID     int      `json:"id"`
		Method string   `json:"method"`
		Params []string `json:"params"`
	}{0, method, args})
	if err == nil {
		_, err = c.Write(req)
	}
	if err == nil {
		err = r.begin()
	}
	if err != nil {
		r.Close()
		return nil, r.wrap(err)
	}
	return r, nil
}

// replyReader parses {"id":0,"result":"...","error":null}, with its keys in any order, and reads
// the text of result.
type replyReader struct {
	conn         net.Conn
	ctx          context.Context
	stop         func() bool
	in           *bufio.Reader
	path, method string
	err          error // last result of Read
	first        bool  // no member has been read yet
	few          [utf8.UTFMax]byte
	pending      []byte // part of few that has not been returned
}

var errReply = errors.New("the reply is not JSON-RPC")

func (r *replyReader) wrap(err error) error {
	var de *DaemonError
	switch {
	case err == nil || err == io.EOF || errors.As(err, &de):
		return err
	case r.ctx.Err() != nil:
		err = context.Cause(r.ctx)
	}
	return fmt.Errorf("%s: %s: %w", r.path, r.method, err)
}

// Close closes the connection; a daemon that still writes gets EPIPE.
func (r *replyReader) Close() error {
	r.stop()
	if r.err == nil {
		r.err = net.ErrClosed
	}
	return r.conn.Close()
}

// begin reads up to the first byte of the text of result.
func (r *replyReader) begin() error {
	if c, err := r.token(); err != nil || c != '{' {
		return noReply(err)
	}
	r.first = true
	done, err := r.members()
	if err == nil && done {
		err = errors.New("the reply has neither result nor error")
	}
	return err
}

func noReply(err error) error {
	if err == nil {
		return errReply
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// token returns the next byte that is not white space.
func (r *replyReader) token() (byte, error) {
	for {
		c, err := r.in.ReadByte()
		if err != nil || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, err
		}
	}
}

// members reads members of the object up to the text of result (done is false) or to the end of the
// object (done is true).
func (r *replyReader) members() (done bool, err error) {
	for {
		c, err := r.token()
		if err != nil {
			return false, noReply(err)
		}
		switch {
		case c == '}':
			return true, nil
		case c == ',' && !r.first:
			if c, err = r.token(); err != nil {
				return false, noReply(err)
			}
		case !r.first:
			return false, errReply
		}
		r.first = false
		if c != '"' {
			return false, errReply
		}
		key, err := r.shortString()
		if err != nil {
			return false, noReply(err)
		}
		if c, err = r.token(); err != nil || c != ':' {
			return false, noReply(err)
		}
		if c, err = r.token(); err != nil {
			return false, noReply(err)
		}
		if key == "result" && c == '"' {
			return false, nil
		}
		text, isString, err := r.scalar(c)
		if err != nil {
			return false, noReply(err)
		}
		if key == "error" && isString {
			return false, &DaemonError{Path: r.path, Method: r.method, Text: text}
		}
	}
}

const maxShort = 1 << 20

// shortString reads the rest of a string other than result.
func (r *replyReader) shortString() (string, error) {
	var out []byte
	for {
		var end bool
		var err error
		out, end, err = r.chunk(out, maxShort)
		if err != nil || end {
			return string(out), err
		}
		if len(out) >= maxShort {
			return "", errReply
		}
	}
}

// scalar reads a value whose first byte is c: a string, a number, or a word.
func (r *replyReader) scalar(c byte) (text string, isString bool, err error) {
	switch {
	case c == '"':
		s, err := r.shortString()
		return s, true, err
	case c >= '0' && c <= '9' || c == '-' || c >= 'a' && c <= 'z':
		for {
			b, err := r.in.ReadByte()
			if err != nil {
				return "", false, err
			}
			if b == ',' || b == '}' || b == ' ' || b == '\n' {
				return "", false, r.in.UnreadByte()
			}
		}
	}
	return "", false, errReply
}

// chunk appends decoded text of a string to out, up to the closing quote or the end of the buffered
// input, at least one character.
func (r *replyReader) chunk(out []byte, room int) (_ []byte, end bool, err error) {
	if r.in.Buffered() == 0 {
		if _, err := r.in.Peek(1); err != nil {
			return out, false, noReply(err)
		}
	}
	b, _ := r.in.Peek(min(r.in.Buffered(), room))
	if n := plain(b); n > 0 {
		b = b[:n]
		out = append(out, b...)
		_, err := r.in.Discard(len(b))
		return out, false, err
	}
	c, err := r.in.ReadByte()
	if err != nil {
		return out, false, noReply(err)
	}
	if c == '"' {
		return out, true, nil
	}
	out, err = r.escape(out)
	return out, false, err
}

// plain returns the length of the text before a quote or an escape.
func plain(b []byte) int {
	if n := bytes.IndexByte(b, '\\'); n >= 0 {
		b = b[:n]
	}
	if n := bytes.IndexByte(b, '"'); n >= 0 {
		b = b[:n]
	}
	return len(b)
}

func (r *replyReader) escape(out []byte) ([]byte, error) {
	c, err := r.in.ReadByte()
	if err != nil {
		return out, noReply(err)
	}
	switch c {
	case 'n':
		return append(out, '\n'), nil
	case 't':
		return append(out, '\t'), nil
	case 'r':
		return append(out, '\r'), nil
	case 'b':
		return append(out, '\b'), nil
	case 'f':
		return append(out, '\f'), nil
	case '"', '\\', '/':
		return append(out, c), nil
	case 'u':
		u, err := r.hex4()
		if err != nil {
			return out, err
		}
		if utf16.IsSurrogate(u) {
			if b, err := r.in.Peek(2); err == nil && b[0] == '\\' && b[1] == 'u' {
				_, _ = r.in.Discard(2)
				low, err := r.hex4()
				if err != nil {
					return out, err
				}
				u = utf16.DecodeRune(u, low)
			}
		}
		return utf8.AppendRune(out, u), nil
	}
	return out, errReply
}

func (r *replyReader) hex4() (rune, error) {
	var v rune
	for range 4 {
		c, err := r.in.ReadByte()
		if err != nil {
			return 0, noReply(err)
		}
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			v = v<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, errReply
		}
	}
	return v, nil
}

// Read reads the text of the result.
func (r *replyReader) Read(p []byte) (int, error) {
	switch {
	case len(p) == 0:
		return 0, nil
	case len(r.pending) > 0:
	case r.err != nil:
		return 0, r.err
	case len(p) >= utf8.UTFMax:
		return r.decode(p)
	default: // one character may be longer than p
		n, _ := r.decode(r.few[:])
		r.pending = r.few[:n]
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	if n == 0 {
		return 0, r.err
	}
	return n, nil
}

// decode reads into p, which has room for a character, until it is full or more input would have to
// be waited for.
func (r *replyReader) decode(p []byte) (n int, err error) {
	for len(p)-n >= utf8.UTFMax {
		out, end, err := r.chunk(p[:n:len(p)], len(p)-n)
		n = len(out)
		switch {
		case err != nil:
			r.err = r.wrap(err)
		case end:
			r.err = r.finish()
		}
		if r.err != nil || r.in.Buffered() == 0 {
			break
		}
	}
	if n == 0 {
		return 0, r.err
	}
	return n, nil
}

// finish reads the rest of the reply after the text; a non-null error member makes the reply an
// error.
func (r *replyReader) finish() error {
	done, err := r.members()
	switch {
	case err != nil:
		return r.wrap(err)
	case !done:
		return r.wrap(errReply)
	}
	return io.EOF
}
