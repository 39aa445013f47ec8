package rebuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Command is a daemon to be started.
type Command struct {
	Name string   // a program in PATH
	Args []string // it must stay in the foreground
	Env  []string // in addition to this process' environment
	Dir  string   // its folder; empty is the room's
	Log  string   // file of its standard output and error, in Dir
	// Ready are files for which Start waits. A socket must also accept connections.
	Ready []string
	// Apart gives it an empty network namespace of its own, where the system permits that (apart.go).
	Apart bool
}

// Proc is a running process of a room.
type Proc struct {
	Name string
	PID  int
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// spawner starts processes from one thread of the operating system, which lives as long as the
// room. Linux sends a process its PR_SET_PDEATHSIG when the thread that started it ends, and the Go
// runtime ends threads.
type spawner struct {
	tasks chan func()
	dies  bool // the processes end with this process
}

func (s *spawner) start(dies bool) {
	s.tasks, s.dies = make(chan func()), dies
	go func() {
		runtime.LockOSThread()
		for f := range s.tasks {
			f()
		}
	}()
}

func (s *spawner) stop() {
	if s.tasks != nil {
		close(s.tasks)
	}
}

// do calls f on the thread.
func (s *spawner) do(f func()) {
	done := make(chan struct{})
	s.tasks <- func() { defer close(done); f() }
	<-done
}

// Start starts a daemon and waits until it is ready, has ended, or ctx is done. A daemon that does
// not become ready is ended.
func (r *Room) Start(ctx context.Context, c Command) (*Proc, error) {
	path, err := program(c.Name)
	if err != nil {
		return nil, err
	}
	dir := c.Dir
	if dir == "" {
		dir = r.Dir
	}
	if r.isClosed() { // the log would be made where the folder was
		return nil, errClosed
	}
	p := &Proc{Name: c.Name, log: filepath.Join(dir, c.Log), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	command := func(attr syscall.SysProcAttr) *exec.Cmd {
		cmd := exec.Command(path, c.Args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
		cmd.Env = append(os.Environ(), c.Env...)
		attr.Setpgid = true
		if r.make.dies {
			attr.Pdeathsig = syscall.SIGKILL
		}
		cmd.SysProcAttr = &attr
		return cmd
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, errClosed
	}
	r.make.do(func() {
		for _, attr := range c.namespaces() {
			p.cmd = command(attr)
			if err = p.cmd.Start(); err == nil || !c.Apart {
				return
			}
		}
	})
	if err == nil {
		p.PID = p.cmd.Process.Pid
		r.procs = append(r.procs, p)
	}
	r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	for _, f := range c.Ready {
		if err := p.wait(ctx, func() bool { return ready(f) }); err != nil {
			_ = stop([]*Proc{p})
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return p, nil
}

// isClosed reports whether the room was closed.
func (r *Room) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// errClosed is the error of a room that was closed.
var errClosed = errors.New("the private folder was closed")

// Stop ends a process of the room before the room is closed.
func (r *Room) Stop(p *Proc) error { return stop([]*Proc{p}) }

// wait polls until ok, until the process has ended, or until ctx is done.
func (p *Proc) wait(ctx context.Context, ok func() bool) error {
	for !ok() {
		select {
		case <-p.done:
			return fmt.Errorf("it ended before it was ready%s", lastWords(p.log))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// ready reports whether a file exists and, if it is a socket, accepts connections.
func ready(path string) bool {
	fi, err := os.Stat(path)
	if err != nil || fi.Mode()&os.ModeSocket == 0 {
		return err == nil
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// stopGrace is the time that processes have to end by themselves.
const stopGrace = 2 * time.Second

// stop ends processes: with SIGTERM, and with SIGKILL those that do not end.
func stop(procs []*Proc) error {
	var errs []error
	for _, p := range procs {
		if p.Alive() { // the number of one that has ended may be another's
			_ = syscall.Kill(-p.PID, syscall.SIGTERM)
		}
	}
	limit := time.After(stopGrace)
	for _, p := range procs {
		select {
		case <-p.done:
			continue
		case <-limit:
			limit = time.After(0)
		}
		_ = syscall.Kill(-p.PID, syscall.SIGKILL)
		select {
		case <-p.done:
		case <-time.After(stopGrace):
			errs = append(errs, fmt.Errorf("%s (process %d) does not end", p.Name, p.PID))
		}
	}
	return errors.Join(errs...)
}

// lastWords returns the end of a log as the end of an error's text.
func lastWords(log string) string {
	f, err := os.Open(log)
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 2000
	if fi, err := f.Stat(); err == nil && fi.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd)
	}
	b, _ := io.ReadAll(io.LimitReader(f, most))
	return after(b)
}

// after returns the last lines of a program's messages, to follow an error's text.
func after(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	text := strings.Join(lines[max(0, len(lines)-3):], "; ")
	if text == "" {
		return ""
	}
	return ": " + text
}

// run runs a program that ends by itself, with its output to out.
func (r *Room) run(ctx context.Context, env []string, out io.Writer, name string, args ...string) error {
	path, err := program(name)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = r.Dir
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		text := after(errs.Bytes())
		if said, own := strings.CutPrefix(text, ": "+name+": "); own { // the program names itself, and its status says no more
			return &programError{name + ": " + said, err}
		}
		return fmt.Errorf("%s: %w%s", name, err, text)
	}
	return nil
}

// programError is what a program said of its failure.
type programError struct {
	text string
	err  error
}

func (e *programError) Error() string { return e.text }

// Unwrap returns how the program ended.
func (e *programError) Unwrap() error { return e.err }

// Alive reports whether the process runs.
func (p *Proc) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// LastWords returns the end of its log as the end of an error's text; empty if the log is.
func (p *Proc) LastWords() string { return lastWords(p.log) }

// Kill ends the process at once, as a machine that fails does.
func (p *Proc) Kill() {
	_ = syscall.Kill(-p.PID, syscall.SIGKILL)
	<-p.done
}
