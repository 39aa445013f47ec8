package guest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startAgent starts an agent for the test and returns its address.
func startAgent(t *testing.T) string {
	t.Helper()
	sock := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	a := &Agent{Token: "secret", Log: io.Discard}
	go func() { done <- a.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "unix:" + sock
}

func TestAgentRunsCommands(t *testing.T) {
	addr := startAgent(t)
	for _, c := range []struct {
		script, stdin, stdout, stderr string
		code                          int
	}{
		{script: "echo out; echo err >&2; exit 3", stdout: "out\n", stderr: "err\n", code: 3},
		{script: "cat", stdin: strings.Repeat("x", 3<<20), stdout: strings.Repeat("x", 3<<20)},
		{script: "echo $A; pwd", stdout: "1\n/\n"},
		{script: "kill -9 $$", code: 128 + 9},
	} {
		var out, errb bytes.Buffer
		cmd := Command{Argv: []string{"/bin/sh", "-c", c.script}, Dir: "/", Env: []string{"A=1"}, Stdout: &out, Stderr: &errb}
		if c.stdin != "" {
			cmd.Stdin = strings.NewReader(c.stdin)
		}
		err := run(t.Context(), addr, "secret", cmd)
		code := 0
		var ee *ExitError
		if errors.As(err, &ee) {
			code = ee.Code
		} else if err != nil {
			t.Fatalf("%s: %v", c.script, err)
		}
		if code != c.code || out.String() != c.stdout || errb.String() != c.stderr {
			t.Errorf("%s: status %d, %d bytes out, stderr %q", c.script, code, out.Len(), errb.String())
		}
	}
}

func TestAgentRefusesStrangers(t *testing.T) {
	addr := startAgent(t)
	if err := ping(t.Context(), addr, "wrong"); err == nil {
		t.Fatal("a wrong token was let in")
	}
	if err := ping(t.Context(), addr, "secret"); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), addr, "wrong", Command{Argv: []string{"true"}}); err == nil {
		t.Fatal("a wrong token ran a command")
	}
}

// TestAgentPassesTheEnd checks that ^C on the host ends the command inside, after it has cleaned
// up.
func TestAgentPassesTheEnd(t *testing.T) {
	addr := startAgent(t)
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, addr, "secret", Command{Argv: []string{"/bin/sh", "-c", "trap 'echo cleaned; exit 5' TERM; echo ready; while :; do sleep 0.05; done"}, Stdout: &out})
	}()
	time.Sleep(300 * time.Millisecond)
	cancel()
	select {
	case err := <-done:
		var ee *ExitError
		if !errors.As(err, &ee) || ee.Code != 5 || !strings.Contains(out.String(), "cleaned") {
			t.Fatalf("%v, output %q", err, out.String())
		}
	case <-time.After(8 * time.Second):
		t.Fatal("the command goes on")
	}
}

func TestCPIO(t *testing.T) {
	var b bytes.Buffer
	c := &cpioWriter{w: &b}
	c.entry("dir", modeDir, 0, nil)
	c.entry("dir/file", modeFile, 0, []byte("hello"))
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if b.Len()%4 != 0 || !bytes.HasPrefix(b.Bytes(), []byte("070701")) || !bytes.Contains(b.Bytes(), []byte("TRAILER!!!\x00")) {
		t.Fatalf("%q", b.String())
	}
}
