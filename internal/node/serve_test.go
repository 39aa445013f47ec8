package node

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// TestRemoteReadsNothing checks that a call to a process that reads nothing ends at its deadline,
// even with a large request.
func TestRemoteReadsNothing(t *testing.T) {
	r, _ := remote(t, "hello-and-sleep")
	req := TraceRequest{Request: engine.Request{Resume: strings.Repeat("x", 1<<20)}}
	start := time.Now()
	_, err := r.Trace(within(t, time.Second), req)
	wantError(t, err, "no answer")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	// It does not end by itself either.
	start = time.Now()
	err = r.Close(within(t, 500*time.Millisecond))
	wantError(t, err, "was killed")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	if err := r.Close(context.Background()); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestRemoteFloods(t *testing.T) {
	r, _ := remote(t, "hello-and-zeroes")
	r.maxLine = 1 << 20
	_, err := r.Info(within(t, 60*time.Second))
	wantError(t, err, "more than")
}

// TestRemoteLeavesAnOrphan checks that a child that left the process group and keeps the pipes open
// delays Close only for a short time.
func TestRemoteLeavesAnOrphan(t *testing.T) {
	r, pidFile := remote(t, "hello-and-orphan")
	if _, err := r.Info(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r.Close(within(t, time.Second))
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
	b, _ := os.ReadFile(pidFile + ".orphan")
	if pid, err := strconv.Atoi(string(b)); err == nil {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// TestFailedCleanUpIsTold checks that Close returns an error if the node could not remove its
// committed entries, and none if it committed nothing.
func TestFailedCleanUpIsTold(t *testing.T) {
	for _, committed := range []bool{false, true} {
		r, _ := remote(t, "serve-exit-1")
		ctx := within(t, 20*time.Second)
		if _, err := r.Info(ctx); err != nil {
			t.Fatal(err)
		}
		if committed {
			if _, err := r.Commit(ctx, CommitRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		err := r.Close(ctx)
		if !committed {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		wantError(t, err, "cannot remove zone 7")
	}
}

// pipes serves n in this process and returns the ends of its streams.
func pipes(t *testing.T, ctx context.Context, n Node) (in io.WriteCloser, out *bufio.Reader, served chan error) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	served = make(chan error, 1)
	go func() { served <- Serve(ctx, n, inR, outW); outW.Close() }()
	t.Cleanup(func() { inW.Close(); outR.Close() })
	return inW, bufio.NewReader(outR), served
}

func TestServeSpeaksTheProtocol(t *testing.T) {
	in, out, served := pipes(t, context.Background(), fakeNode{})
	line, err := out.ReadString('\n')
	if err != nil || line != greeting+Version()+"\n" {
		t.Fatalf("greeting %q %v", line, err)
	}
	ask := func(text string) map[string]any {
		t.Helper()
		io.WriteString(in, text+"\n")
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return m
	}
	if m := ask(`{"jsonrpc":"2.0","id":1,"method":"Info","params":{"arg":{}}}`); m["result"] == nil {
		t.Errorf("answer %v", m)
	}
	// Invalid requests are answered by an error, and the next request still gets its answer.
	for _, bad := range []string{"garbage", `{}`, `[]`, `{"jsonrpc":"2.0","id":2,"method":"Nonsense"}`, `{"jsonrpc":"2.0","id":3,"method":"Trace","params":{"arg":"x"}}`, "\x00\xff"} {
		m := ask(bad)
		if m["error"] == nil {
			t.Errorf("%q: answer %v", bad, m)
		}
	}
	m := ask(`{"jsonrpc":"2.0","id":4,"method":"Trace","params":{"arg":{"bridge":"permission"}}}`)
	if e, _ := m["error"].(map[string]any); e == nil || e["code"] != float64(codePermission) {
		t.Errorf("answer %v", m)
	}
	// Unknown fields are ignored.
	if m := ask(`{"jsonrpc":"2.0","id":5,"method":"Trace","params":{"arg":{"bridge":"b","future":1},"more":true}}`); m["result"] == nil {
		t.Errorf("answer %v", m)
	}
	in.Close()
	if err := <-served; err != nil {
		t.Errorf("served: %v", err)
	}
}

// TestCancelOvertakesCalls checks that Cancel works while more calls wait than there are
// processors.
func TestCancelOvertakesCalls(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	waits := make(chan struct{})
	in, out, served := pipes(t, context.Background(), fakeNode{args: []string{pid}, waits: waits})
	out.ReadString('\n')
	for i := range concurrency - 1 {
		fmt.Fprintf(in, `{"jsonrpc":"2.0","id":%d,"method":"Trace","params":{"arg":{"bridge":"wait"}}}`+"\n", i+1)
	}
	for range concurrency - 1 {
		<-waits
	}
	fmt.Fprintf(in, `{"jsonrpc":"2.0","method":"Cancel","params":["1"]}`+"\n")
	answer := make(chan string, 1)
	go func() {
		line, _ := out.ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		if !strings.Contains(line, `"id":1`) || !strings.Contains(line, "context canceled") {
			t.Errorf("answer %s", line)
		}
	case <-time.After(10 * time.Second):
		t.Error("Cancel waits for the call that it cancels")
	}
	go io.Copy(io.Discard, out)
	in.Close() // ends the other calls, which then write to the folder
	<-served
}

// TestServeEnds checks that running calls end when the caller does.
func TestServeEnds(t *testing.T) {
	for _, how := range []string{"input", "context"} {
		t.Run(how, func(t *testing.T) {
			pid := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			in, out, served := pipes(t, ctx, fakeNode{args: []string{pid}})
			out.ReadString('\n')
			fmt.Fprintln(in, `{"jsonrpc":"2.0","id":1,"method":"Trace","params":{"arg":{"bridge":"wait"}}}`)
			time.Sleep(50 * time.Millisecond)
			go io.Copy(io.Discard, out)
			if how == "input" {
				in.Close()
			} else {
				cancel() // its input stays open
			}
			select {
			case err := <-served:
				if err != nil {
					t.Errorf("served: %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("it serves on")
			}
			if _, err := os.Stat(pid + ".cancelled"); err != nil {
				t.Error("the call was not ended")
			}
		})
	}
}
