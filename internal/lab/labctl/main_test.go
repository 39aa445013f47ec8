package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// left lists processes whose command line names the instance's folder.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e == fmt.Sprintf("/proc/%d/cmdline", os.Getpid()) {
			continue
		}
		b, err := os.ReadFile(e)
		if err == nil && strings.Contains(string(b), dir) {
			found = append(found, e+": "+strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return found
}

// An instance that is interrupted while it boots, while the lab comes up, or
// whose starter is killed leaves no process behind.
func TestInterruptLeavesNothing(t *testing.T) {
	testenv.Need(t, testenv.Live(), "boots guests: CT_TRACE_LIVE=1")
	testenv.Root(t)
	checkout, err := findCheckout()
	if err != nil {
		t.Fatal(err)
	}
	cache := os.Getenv("CT_TRACE_CACHE")
	if cache == "" {
		cache = filepath.Join(checkout, ".cache")
	}
	if _, err := guest.FindKernel(guest.Config{Cache: cache}); err != nil {
		testenv.Need(t, false, err.Error())
	}
	testenv.Tool(t, "qemu-system-x86_64")
	bin := filepath.Join(t.TempDir(), "labctl")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct {
		name, after string
		sig         syscall.Signal
	}{
		{"sigint-boot", "lab: booting", syscall.SIGINT},
		{"sigkill-boot", "lab: booting", syscall.SIGKILL},
		{"sigterm-up", "networks and namespaces", syscall.SIGTERM},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := fmt.Sprintf("test-%d-%s", os.Getpid(), c.name)
			dir := filepath.Join(cache, "lab", name)
			t.Cleanup(func() { os.RemoveAll(dir) })
			cmd := exec.Command(bin, "oracle", "-reality", "-case", "switch-local")
			cmd.Env = append(os.Environ(), "CT_TRACE_LAB_NAME="+name, "CT_TRACE_LAB=guest", "CT_TRACE_CACHE="+cache)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stderr)
			for lines.Scan() {
				if strings.Contains(lines.Text(), c.after) {
					break
				}
			}
			time.Sleep(500 * time.Millisecond)
			if c.after == "lab: booting" && len(left(t, dir)) == 0 {
				t.Error("nothing ran that could be left behind")
			}
			cmd.Process.Signal(c.sig)
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			go func() {
				for lines.Scan() {
				}
			}()
			select {
			case err := <-done:
				if err == nil {
					t.Error("an interrupted run ended with status 0")
				}
			case <-time.After(2 * time.Minute):
				cmd.Process.Kill()
				t.Error("it does not end")
			}
			deadline := time.Now().Add(30 * time.Second)
			for time.Now().Before(deadline) && len(left(t, dir)) > 0 {
				time.Sleep(100 * time.Millisecond)
			}
			if l := left(t, dir); len(l) > 0 {
				t.Errorf("left behind: %s", strings.Join(l, "\n"))
			}
		})
	}
}

// Silence ends a watched run, and says so; output keeps it going.
func TestWatch(t *testing.T) {
	ctx, out, stop := watch(t.Context(), io.Discard, time.Second)
	defer stop()
	for range 15 {
		time.Sleep(100 * time.Millisecond)
		if _, err := out.Write([]byte("x")); err != nil || ctx.Err() != nil {
			t.Fatalf("%v, %v", err, ctx.Err())
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("silence is not noticed")
	}
	if err := context.Cause(ctx); !strings.Contains(err.Error(), "nothing was heard of it for 1s") {
		t.Error(err)
	}
	ctx, _, stop = watch(t.Context(), io.Discard, time.Hour)
	stop()
	if ctx.Err() == nil {
		t.Error("a watch that was ended goes on")
	}
}
