package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Proc is one daemon of the lab. Start distinguishes it from a later process with the same id.
type Proc struct {
	Name  string   `json:"name"`
	Pid   int      `json:"pid"`
	Start string   `json:"start"`
	Log   string   `json:"log"`
	Argv  []string `json:"argv"`
	Env   []string `json:"env"` // in addition to this process' environment
}

// startProc starts a daemon in a session of its own, with its output in a log file.
func startProc(name, log string, env []string, argv ...string) (Proc, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return Proc{}, err
	}
	defer f.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Proc{}, fmt.Errorf("%s: %w", name, err)
	}
	p := Proc{Name: name, Pid: cmd.Process.Pid, Start: procStart(cmd.Process.Pid), Log: log, Argv: argv, Env: env}
	go cmd.Wait()
	return p, nil
}

// procStart returns field 22 of /proc/PID/stat, "" if the process has ended.
func procStart(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 20 || f[0] == "Z" {
		return ""
	}
	return f[19]
}

// Alive reports whether the daemon is running.
func (p Proc) Alive() bool { return p.Start != "" && procStart(p.Pid) == p.Start }

// stopProcs ends the daemons: with SIGTERM, after two seconds with SIGKILL.
func stopProcs(procs []Proc) error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for _, p := range procs {
			if p.Alive() {
				syscall.Kill(p.Pid, sig)
			}
		}
		deadline := time.Now().Add(2 * time.Second)
		for time.Now().Before(deadline) {
			left := false
			for _, p := range procs {
				left = left || p.Alive()
			}
			if !left {
				return nil
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	for _, p := range procs {
		if p.Alive() {
			return fmt.Errorf("%s (pid %d) does not end", p.Name, p.Pid)
		}
	}
	return nil
}

// waitFor polls until ok; after limit it returns an error with what and the end of the log file.
func waitFor(ctx context.Context, limit time.Duration, what, log string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w%s", what, ctx.Err(), logTail(log))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func logTail(log string) string {
	b, err := os.ReadFile(log)
	if err != nil || len(b) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	lines = lines[max(0, len(lines)-8):]
	return "\n  " + filepath.Base(log) + ": " + strings.Join(lines, "\n  ")
}

// Command runs one program and returns its standard output; the error contains its standard error.
func Command(ctx context.Context, env []string, stdin string, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	var out, errb bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errb
	cmd.WaitDelay = 10 * time.Second // on a busy machine what was printed may take long to read
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(errb.String()))
	}
	return out.String(), nil
}
