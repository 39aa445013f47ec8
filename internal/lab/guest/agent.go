package guest

import (
	"bufio"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Agent runs commands for clients that know the token.
type Agent struct {
	Token string
	Log   io.Writer
}

// Serve answers connections on l until ctx ends or a client asks to quit.
func (a *Agent) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { l.Close() })
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		go func() {
			defer c.Close()
			if err := a.serveConn(ctx, c, cancel); err != nil {
				fmt.Fprintf(a.Log, "agent: %v\n", err)
			}
		}()
	}
}

func (a *Agent) serveConn(ctx context.Context, c net.Conn, quit func()) error {
	r := bufio.NewReaderSize(c, 64<<10)
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	line, err := r.ReadBytes('\n')
	if err != nil {
		return err
	}
	c.SetReadDeadline(time.Time{})
	var req request
	if err := json.Unmarshal(line, &req); err != nil {
		return err
	}
	w := &frameWriter{w: c}
	if subtle.ConstantTimeCompare([]byte(req.Token), []byte(a.Token)) != 1 {
		return finish(w, exitStatus{Code: 126, Err: "wrong token"})
	}
	switch {
	case req.Ping:
		return finish(w, exitStatus{})
	case req.Quit:
		err := finish(w, exitStatus{})
		quit()
		return err
	}
	return a.run(ctx, req, r, w)
}

func finish(w *frameWriter, st exitStatus) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return w.send(frameExit, b)
}

// run runs one command in a process group of its own, and ends the group when the command or the
// connection ends.
func (a *Agent) run(ctx context.Context, req request, r *bufio.Reader, w *frameWriter) error {
	if len(req.Argv) == 0 {
		return finish(w, exitStatus{Code: 127, Err: "no command"})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, req.Argv[0], req.Argv[1:]...)
	cmd.Dir = req.Dir
	cmd.Env = mergeEnv(os.Environ(), req.Env)
	cmd.WaitDelay = 2 * time.Second
	var stdin io.WriteCloser
	var ptm *os.File
	var err error
	if req.TTY {
		var pts *os.File
		if ptm, pts, err = openPTY(req.Rows, req.Cols); err != nil {
			return finish(w, exitStatus{Code: 126, Err: err.Error()})
		}
		defer ptm.Close()
		cmd.Stdin, cmd.Stdout, cmd.Stderr = pts, pts, pts
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		stdin = ptm
		defer pts.Close()
	} else {
		if stdin, err = cmd.StdinPipe(); err != nil {
			return err
		}
		cmd.Stdout, cmd.Stderr = stream{w, frameStdout}, stream{w, frameStderr}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		return finish(w, exitStatus{Code: 127, Err: err.Error()})
	}
	if ptm != nil {
		cmd.Stdin.(*os.File).Close()
		go io.Copy(stream{w, frameStdout}, ptm)
	}
	go func() {
		for {
			kind, data, err := readFrame(r)
			if err != nil {
				cancelGently(cmd, cancel)
				return
			}
			switch kind {
			case frameStdin:
				if len(data) == 0 {
					if ptm == nil {
						stdin.Close()
					}
					continue
				}
				stdin.Write(data)
			case frameSignal:
				if len(data) == 1 {
					syscall.Kill(-cmd.Process.Pid, syscall.Signal(data[0]))
				}
			}
		}
	}()
	err = cmd.Wait()
	if ptm != nil {
		time.Sleep(50 * time.Millisecond) // the last of the terminal's output
	}
	return finish(w, statusOf(err))
}

// cancelGently ends a command whose client has disconnected: SIGTERM first, so that it can clean
// up.
func cancelGently(cmd *exec.Cmd, cancel func()) {
	syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	time.AfterFunc(20*time.Second, cancel)
}

func statusOf(err error) exitStatus {
	var ee *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return exitStatus{}
	case errors.As(err, &ee):
		if ws, ok := ee.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return exitStatus{Code: 128 + int(ws.Signal()), Err: "killed by " + ws.Signal().String()}
		}
		return exitStatus{Code: ee.ExitCode()}
	}
	return exitStatus{Code: 126, Err: err.Error()}
}

// mergeEnv returns base with the variables of over added or replaced.
func mergeEnv(base, over []string) []string {
	set := map[string]bool{}
	for _, kv := range over {
		k, _, _ := strings.Cut(kv, "=")
		set[k] = true
	}
	var env []string
	for _, kv := range base {
		if k, _, _ := strings.Cut(kv, "="); !set[k] {
			env = append(env, kv)
		}
	}
	return append(env, over...)
}
