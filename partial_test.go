package ovncttrace_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/creachadair/jrpc2/channel"

	"github.com/ovn-ct-trace/ovn-ct-trace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// dyingVar makes the test program a node: "kill 2 FILE" kills it when it is asked for its second
// trace, "hang 2 FILE" makes the file and answers nothing from there on.
const dyingVar = "CT_TRACE_DYING_NODE"

// dyingNode answers for this machine's Open vSwitch over standard input and output, as node stdio
// does, up to the trace that the environment names.
func dyingNode(how string) {
	var what, file string
	var left int
	if _, err := fmt.Sscan(how, &what, &left, &file); err != nil {
		panic(err)
	}
	svc := node.NewService(node.Options{RunDir: os.Getenv("OVS_RUNDIR")})
	permit := func(method string, _ node.Use) error {
		if method != "Trace" {
			return nil
		}
		switch left--; {
		case left > 0:
		case what == "kill":
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		default:
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				panic(err)
			}
			time.Sleep(time.Minute) // the client kills this process
		}
		return nil
	}
	if err := node.Greet(os.Stdout); err != nil {
		panic(err)
	}
	_ = node.NewServing(svc, node.ServeOptions{Permit: permit}).Run(context.Background(), channel.Line(os.Stdin, os.Stdout))
}

// TestPartial: a node that is killed, a context that ends and a time limit in the middle of a
// session leave the report of what was found, beside the error.
func TestPartial(t *testing.T) {
	network(t)
	const known = 2 // packets, and the third is not
	ask := func(t *testing.T, how string, timeout time.Duration, stop bool) (*report.Report, error) {
		t.Helper()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		there := filepath.Join(t.TempDir(), "there")
		d, err := ovncttrace.Open(t.Context(), ovncttrace.Options{
			Nodes: map[string]string{"hv1": "exec:env " + dyingVar + "='" + how + " " + there + "' " + self}, Timeout: timeout,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if stop {
			go func() {
				for ctx.Err() == nil {
					if _, err := os.Stat(there); err == nil {
						cancel()
					}
					time.Sleep(10 * time.Millisecond)
				}
			}()
		}
		return d.Session(ctx, ovncttrace.Question{From: "client", To: "web:443/tcp"})
	}
	for _, c := range []struct {
		name, how string
		timeout   time.Duration
		stop      bool
		is        error
	}{
		{"killed", "kill ", 0, false, nil},
		{"the time is over", "hang ", 8 * time.Second, false, context.DeadlineExceeded},
		{"the context has ended", "hang ", 0, true, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := ask(t, fmt.Sprint(c.how, known+1), c.timeout, c.stop)
			checkKind(t, "session", err, ovncttrace.Unreachable)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want %v", err, c.is)
			}
			if r == nil || len(r.Packets) != known+1 {
				t.Fatalf("report:\n%s", ovncttrace.Text(r))
			}
			if s := r.Session; s == nil || s.Established || s.BrokenAt != "ACK" || r.Expectation.Met || r.Verdict.String() != "unknown" {
				t.Errorf("session %+v, verdict %v", s, r.Verdict)
			}
			if p := r.Packets[0]; p.Verdict.String() != "delivered" || len(p.Hops) != 1 || len(p.Hops[0].Segments) == 0 {
				t.Errorf("the first packet:\n%s", ovncttrace.Text(r))
			}
		})
	}
	if r, err := ask(t, "kill 1", 0, false); r != nil {
		t.Errorf("nothing is known, and yet:\n%s", ovncttrace.Text(r))
	} else {
		checkKind(t, "at once", err, ovncttrace.Unreachable)
	}
}
