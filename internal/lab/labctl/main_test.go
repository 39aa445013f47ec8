package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// left returns the processes whose command line contains the instance's folder.
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

// namespaces returns the pid namespaces of the processes that left has returned, without that of
// this process.
func namespaces(listed []string) map[string]bool {
	own, _ := os.Readlink("/proc/self/ns/pid")
	found := map[string]bool{}
	for _, l := range listed {
		dir, _, _ := strings.Cut(l, "/cmdline")
		if ns, err := os.Readlink(dir + "/ns/pid"); err == nil && ns != own {
			found[ns] = true
		}
	}
	return found
}

// members returns the processes in these pid namespaces: the command lines of daemons of a lab
// without a guest do not contain its folder.
func members(t *testing.T, pidns map[string]bool) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, l := range links {
		if ns, err := os.Readlink(l); err == nil && pidns[ns] {
			found = append(found, l)
		}
	}
	return found
}

// TestInterruptLeavesNothing checks that no process is left behind if an instance is interrupted
// while it boots or while the lab starts, or if its parent is killed.
func TestInterruptLeavesNothing(t *testing.T) {
	testenv.Need(t, testenv.Live(), "boots guests: CT_TRACE_LIVE=1")
	cache := interruptCache(t)
	if _, err := guest.FindKernel(guest.Config{Cache: cache}); err != nil {
		testenv.Need(t, false, err.Error())
	}
	testenv.Tool(t, "qemu-system-x86_64")
	bin := buildLabctl(t)
	for _, c := range []interruption{
		{"sigint-boot", "lab: booting", syscall.SIGINT},
		{"sigkill-boot", "lab: booting", syscall.SIGKILL},
		{"sigterm-up", "networks and namespaces", syscall.SIGTERM},
	} {
		c.test(t, bin, cache, "system", "CT_TRACE_LAB=guest")
	}
}

// TestInterruptInNamespaces is TestInterruptLeavesNothing for a lab in namespaces of this machine,
// with the userspace datapath: the namespaces end with their first process.
func TestInterruptInNamespaces(t *testing.T) {
	cache := interruptCache(t)
	testenv.Tool(t, "ovs-vswitchd")
	testenv.Tool(t, "ovn-controller")
	bin := buildLabctl(t)
	for _, c := range []interruption{
		{"sigint-start", "networks and namespaces", syscall.SIGINT},
		{"sigterm-chassis", " chassis", syscall.SIGTERM},
		{"sigkill-chassis", " chassis", syscall.SIGKILL},
		{"sigint-case", "oracle: ", syscall.SIGINT},
	} {
		c.test(t, bin, cache, lab.Userspace)
	}
}

func interruptCache(t *testing.T) string {
	t.Helper()
	testenv.Root(t)
	checkout, err := findCheckout()
	if err != nil {
		t.Fatal(err)
	}
	if cache := os.Getenv("CT_TRACE_CACHE"); cache != "" {
		return cache
	}
	return filepath.Join(checkout, ".cache")
}

func buildLabctl(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "labctl")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// interruption is a signal that a run gets after it has printed a text.
type interruption struct {
	name, after string
	sig         syscall.Signal
}

// test interrupts a run of a lab with the datapath, whatever datapath the tests' own labs have.
func (c interruption) test(t *testing.T, bin, cache, datapath string, env ...string) {
	t.Run(c.name, func(t *testing.T) {
		name := fmt.Sprintf("test-%d-%s", os.Getpid(), c.name)
		dir := filepath.Join(cache, "lab", name)
		if datapath == lab.Userspace {
			dir += "-" + lab.Userspace
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		cmd := exec.Command(bin, "oracle", "-reality", "-case", "switch|router")
		cmd.Env = slices.Concat(os.Environ(), []string{"CT_TRACE_LAB_NAME=" + name, datapathVar + "=" + datapath, "CT_TRACE_CACHE=" + cache}, env)
		out, in, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = in, in
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		in.Close()
		lines, met := bufio.NewScanner(out), false
		for lines.Scan() && !met {
			met = strings.Contains(lines.Text(), c.after)
		}
		if !met {
			t.Errorf("it never printed %q", c.after)
		}
		time.Sleep(500 * time.Millisecond)
		running := left(t, dir)
		if len(running) == 0 {
			t.Error("nothing ran that could be left behind")
		}
		inside := namespaces(running)
		if strings.HasSuffix(dir, lab.Userspace) && len(members(t, inside)) < 2 {
			t.Error("no process is in the lab's namespaces")
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
		for time.Now().Before(deadline) && len(left(t, dir))+len(members(t, inside)) > 0 {
			time.Sleep(100 * time.Millisecond)
		}
		if l := append(left(t, dir), members(t, inside)...); len(l) > 0 {
			t.Errorf("left behind: %s", strings.Join(l, "\n"))
		}
	})
}

// TestWatch checks that a watched run ends with an error when it prints nothing, and continues as
// long as it prints.
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
	if err := context.Cause(ctx); !strings.Contains(err.Error(), "no output for 1s") {
		t.Error(err)
	}
	ctx, _, stop = watch(t.Context(), io.Discard, time.Hour)
	stop()
	if ctx.Err() == nil {
		t.Error("a watch that was ended goes on")
	}
}
