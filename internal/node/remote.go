package node

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// Remote is a Node behind a command that runs "ovn-ct-trace node stdio" somewhere: one process
// for the whole run.
type Remote struct {
	Name string   // chassis name, for errors
	Argv []string // the command; never a shell
	// Reach finds the command when the node is first asked, in place of Argv; nil: Argv is it.
	Reach func(ctx context.Context) ([]string, error)
	// Open is what must be said over the command's streams before a node greets, such as sending it
	// there (push.Pusher.Open); nil: nothing. It returns at the latest when the streams are closed.
	Open func(in io.Writer, out *bufio.Reader) error
	// TLS is a connection to "node serve", instead of the command.
	TLS *Dial

	// Opening is called before each connection is opened; nil: nothing.
	Opening func()

	// Patience bounds the time from the first question to the greeting; 0: the question's own
	// bound.
	Patience time.Duration

	mu        sync.Mutex
	cmd       *exec.Cmd
	in, out   io.Closer // its standard input and output
	client    *jrpc2.Client
	stderr    tail
	version   string // of the tool there, once it has greeted
	info      *Info
	outline   *Info
	dead      error
	committed bool // whether it has entries to remove when it ends
	silent    bool // whether the last call ended without an answer
	maxLine   int  // 0: maxMessage
	maxItems  int  // 0: maxListed

	busy     atomic.Int64 // calls and long answers that have begun and not ended
	recorded atomic.Bool  // whether the node was asked to record frames, which it keeps for the connection
}

// maxGreeting is the maximum length of the greeting in bytes: the command may not be a node.
const maxGreeting = 4096

// maxMessage is the maximum length of a node's answer in bytes.
const maxMessage = 256 << 20

// How long to wait for a node's process.
const (
	closeGrace = 10 * time.Second // to end by itself, including clean-up
	// The same, if it has stopped answering and has nothing to clean up.
	deadGrace  = 2 * time.Second
	waitDelay  = 2 * time.Second        // to close its output after it has ended
	lastWords  = time.Second            // to close its standard error once its answers have ended
	writeGrace = 500 * time.Millisecond // to read a request after its deadline
)

// lines returns an error for a line longer than max bytes: a node's answer is one line, but other
// output may not end.
type lines struct {
	r      io.Reader
	n, max int
}

func (l *lines) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if i := bytes.LastIndexByte(p[:n], '\n'); i >= 0 {
		l.n = n - i - 1
	} else {
		l.n += n
	}
	if l.n > l.max {
		return 0, fmt.Errorf("an answer of more than %d bytes", l.max)
	}
	return n, err
}

// connect starts the command and reads its greeting.
func (r *Remote) connect(ctx context.Context) (*jrpc2.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead != nil {
		return nil, r.dead
	}
	if r.client != nil {
		return r.client, nil
	}
	if r.Opening != nil {
		r.Opening()
	}
	if r.Patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.Patience, impatient(r.Patience))
		defer cancel()
	}
	if r.TLS != nil {
		return r.dial(ctx)
	}
	if r.Reach != nil {
		argv, err := r.Reach(ctx)
		if err != nil {
			return nil, r.fail("reach", err)
		}
		r.Argv = argv
	}
	cmd := exec.Command(r.Argv[0], r.Argv[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, r.fail("start", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, r.fail("start", err)
	}
	words, err := cmd.StderrPipe()
	if err != nil {
		return nil, r.fail("start", err)
	}
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, r.fail("start", err)
	}
	r.stderr.follow(words)
	r.cmd, r.in, r.out = cmd, in, out
	br := bufio.NewReaderSize(out, maxGreeting)
	line, err := r.greet(ctx, in, br)
	if err != nil {
		killGroup(cmd)
		in.Close()
		out.Close()
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		reaped(ended)
		return nil, r.fail("start "+r.Argv[0], err)
	}
	return r.speak(line, br, in), nil
}

// speak begins to use a connection after its greeting.
func (r *Remote) speak(line string, br *bufio.Reader, in io.WriteCloser) *jrpc2.Client {
	if r.version = strings.TrimPrefix(line, greeting); r.version != Version() {
		// Within one protocol number fields are only added, so a different build gives only a
		// warning.
		r.stderr.Write([]byte("node runs version " + r.version + "\n"))
	}
	r.client = jrpc2.NewClient(channel.Line(&lines{r: br, max: cmp.Or(r.maxLine, maxMessage)}, in), &jrpc2.ClientOptions{
		OnCancel: func(c *jrpc2.Client, rsp *jrpc2.Response) {
			c.Notify(context.Background(), "Cancel", []string{rsp.ID()})
		},
	})
	return r.client
}

// greet opens the way, reads the greeting and returns it; the error contains what was read instead.
func (r *Remote) greet(ctx context.Context, in io.Writer, br *bufio.Reader) (string, error) {
	type answer struct {
		line string
		err  error
	}
	ch := make(chan answer, 1)
	go func() { // ends with the process: its streams are closed, or it is killed
		if r.Open != nil {
			if err := r.Open(in, br); err != nil {
				ch <- answer{err: err}
				return
			}
		}
		line, err := br.ReadSlice('\n')
		ch <- answer{strings.TrimRight(string(line), "\r\n"), err}
	}()
	select {
	case <-ctx.Done():
		err := ctx.Err()
		if late := impatient(0); errors.As(context.Cause(ctx), &late) {
			err = late
		}
		return "", fmt.Errorf("no answer: %w", err)
	case a := <-ch:
		if strings.HasPrefix(a.line, greeting) {
			return a.line, nil
		}
		if why, ok := strings.CutPrefix(a.line, refusal); ok {
			return "", &refusedError{clip(why, 200)}
		}
		if strings.HasPrefix(a.line, protocolName) {
			return "", skew(a.line)
		}
		if a.line != "" {
			return "", fmt.Errorf("printed %q instead of the node protocol", clip(a.line, 80))
		}
		if said := failure.Error(nil); a.err != nil && (r.TLS != nil || errors.As(a.err, &said)) {
			return "", a.err
		}
		if a.err != nil {
			// The process has ended; its standard error says more than EOF.
			r.stderr.wait(lastWords)
			if s := r.stderr.last(); s != "" {
				return "", errors.New(s)
			}
			return "", errors.New("ended without an answer")
		}
		return "", errors.New("printed an empty line instead of the node protocol")
	}
}

// Outline asks the node to describe itself without its ports, unless it has described itself
// before.
func (r *Remote) Outline(ctx context.Context) (*Info, error) {
	r.mu.Lock()
	info, outline := r.info, r.outline
	r.mu.Unlock()
	if info != nil || outline != nil {
		return cmp.Or(info, outline), nil
	}
	outline, err := remoteCall[*Info](ctx, r, "Info", infoRequest{NoPorts: true})
	if err != nil {
		return nil, err
	}
	outline = outline.withoutPorts() // an older node sends them
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outline = outline
	return outline, nil
}

// Info asks the node to describe itself, once.
func (r *Remote) Info(ctx context.Context) (*Info, error) {
	r.mu.Lock()
	info := r.info
	r.mu.Unlock()
	if info != nil {
		return info, nil
	}
	info, err := remoteCall[*Info](ctx, r, "Info", infoRequest{})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info = info
	return info, nil
}

// Trace follows one packet on the node. With an error it returns what the node had found before.
func (r *Remote) Trace(ctx context.Context, req TraceRequest) (*engine.Result, error) {
	return r.trace(ctx, "Trace", req)
}

func (r *Remote) trace(ctx context.Context, name string, req TraceRequest) (*engine.Result, error) {
	res, err := remoteCall[*engine.Result](ctx, r, name, req)
	var re *RemoteError
	if errors.As(err, &re) {
		res = re.found()
	}
	return res, err
}

// Commit writes entries to the node's table.
func (r *Remote) Commit(ctx context.Context, req CommitRequest) (*CommitResult, error) {
	r.mu.Lock()
	r.committed = r.committed || !req.Keep
	r.mu.Unlock()
	return remoteCall[*CommitResult](ctx, r, "Commit", req)
}

// reaped waits a short time for a killed process and reports whether it has ended: a process of
// another user (sudo) cannot be killed.
func reaped(ended <-chan error) bool {
	select {
	case <-ended:
		return true
	case <-time.After(waitDelay):
		return false
	}
}

// Clean lists or removes synthetic entries on the node.
func (r *Remote) Clean(ctx context.Context, list bool) (*CleanResult, error) {
	return remoteCall[*CleanResult](ctx, r, "Clean", list)
}

// Check opens on the node what a trace needs.
func (r *Remote) Check(ctx context.Context) error {
	_, err := remoteCall[struct{}](ctx, r, "Check", struct{}{})
	return err
}

// Close closes the process' input, so that it cleans up and ends; after closeGrace or deadGrace it
// is killed.
func (r *Remote) Close(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.close(ctx)
}

// close is Close while mu is held.
func (r *Remote) close(ctx context.Context) error {
	if r.client == nil {
		return nil
	}
	if r.TLS != nil {
		return r.hangUp(ctx)
	}
	grace := closeGrace
	if (r.dead != nil || r.silent) && !r.committed {
		grace = deadGrace
	}
	r.in.Close()
	client := r.client
	r.client = nil
	ended := make(chan error, 1)
	go func() {
		client.Close() // waits for the last answer, or for the end of the process
		r.stderr.wait(waitDelay)
		ended <- r.cmd.Wait()
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-ended:
		if err != nil && r.committed && r.dead == nil {
			if s := r.stderr.last(); s != "" {
				err = errors.New(s)
			}
			return &Error{Node: r.Name, Op: "remove synthetic entries", Err: err, Hint: "run ovn-ct-trace ct clean there"}
		}
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	killGroup(r.cmd)
	r.out.Close() // a child may still run outside its group
	if !reaped(ended) {
		return &Error{Node: r.Name, Op: "close", Err: fmt.Errorf("process %d did not end and cannot be killed", r.cmd.Process.Pid)}
	}
	return &Error{Node: r.Name, Op: "close", Err: errors.New("did not end by itself and was killed")}
}
