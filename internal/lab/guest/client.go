package guest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Command is one command to run in the lab's instance.
type Command struct {
	Argv   []string
	Dir    string
	Env    []string // added to the agent's
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	TTY    bool // give the command a terminal; Stdin must be this process' terminal
}

// ExitError reports a command that ended with a status other than 0.
type ExitError struct {
	Code int
	Msg  string
}

func (e *ExitError) Error() string {
	if e.Msg != "" {
		return fmt.Sprintf("exit status %d: %s", e.Code, e.Msg)
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// dialAgent connects to "tcp:HOST:PORT" or "unix:PATH".
func dialAgent(ctx context.Context, addr string) (net.Conn, error) {
	network, a, ok := strings.Cut(addr, ":")
	if !ok {
		return nil, fmt.Errorf("agent address %q", addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, a)
}

// ping checks that the agent answers.
func ping(ctx context.Context, addr, token string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := roundTrip(ctx, addr, request{Token: token, Ping: true})
	return err
}

func roundTrip(ctx context.Context, addr string, req request) (exitStatus, error) {
	var st exitStatus
	c, err := dialAgent(ctx, addr)
	if err != nil {
		return st, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := writeRequest(c, req); err != nil {
		return st, err
	}
	kind, data, err := readFrame(bufio.NewReader(c))
	if err != nil {
		return st, err
	}
	if kind != frameExit {
		return st, fmt.Errorf("agent answered %q", kind)
	}
	if err := json.Unmarshal(data, &st); err != nil {
		return st, err
	}
	if st.Err != "" {
		return st, &ExitError{st.Code, st.Err}
	}
	return st, nil
}

// run runs cmd through the agent. When ctx ends, the command gets a SIGTERM, and ten seconds later
// the connection is closed, which kills the command.
func run(ctx context.Context, addr, token string, cmd Command) error {
	c, err := dialAgent(ctx, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	req := request{Token: token, Argv: cmd.Argv, Dir: cmd.Dir, Env: cmd.Env, TTY: cmd.TTY}
	if cmd.TTY {
		restore, rows, cols, ok := rawTerminal(os.Stdin)
		if ok {
			defer restore()
			req.Rows, req.Cols = rows, cols
		}
	}
	if err := writeRequest(c, req); err != nil {
		return err
	}
	w := &frameWriter{w: c}
	stop := context.AfterFunc(ctx, func() {
		// Set first: a guest that hangs may not accept the signal.
		time.AfterFunc(10*time.Second, func() { c.Close() })
		w.send(frameSignal, []byte{byte(syscall.SIGTERM)})
	})
	defer stop()
	if cmd.Stdin != nil {
		go func() {
			io.Copy(stream{w, frameStdin}, cmd.Stdin)
			w.send(frameStdin, nil)
		}()
	} else if !cmd.TTY {
		w.send(frameStdin, nil)
	}
	r := bufio.NewReaderSize(c, 64<<10)
	for {
		kind, data, err := readFrame(r)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("the connection to the lab's agent was lost: %w", err)
		}
		switch kind {
		case frameStdout:
			if cmd.Stdout != nil {
				cmd.Stdout.Write(data)
			}
		case frameStderr:
			if cmd.Stderr != nil {
				cmd.Stderr.Write(data)
			}
		case frameExit:
			var st exitStatus
			if err := json.Unmarshal(data, &st); err != nil {
				return err
			}
			if st.Code != 0 || st.Err != "" {
				return &ExitError{st.Code, st.Err}
			}
			return nil
		}
	}
}
