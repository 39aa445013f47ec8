package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// play runs a node's process with one behaviour. It writes its pid to the file args[0].
func play(how string, args []string) int {
	os.WriteFile(args[0], []byte(strconv.Itoa(os.Getpid())), 0o600)
	hello := func() { fmt.Printf("%s%s\n", greeting, Version()) }
	sleep := func() { time.Sleep(time.Minute) }
	switch how {
	case "serve", "serve-exit-1":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := Serve(ctx, fakeNode{args: args}, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "serve:", err)
			return 9
		}
		if how == "serve-exit-1" {
			fmt.Fprintln(os.Stderr, "ovn-ct-trace: cannot remove zone 7")
			return 1
		}
		return 0
	case "old":
		fmt.Printf("%sv0.0.1-old\n", greeting)
		Serve(context.Background(), fakeNode{args: args}, os.Stdin, skipLine{os.Stdout, new(bool)})
	case "older": // without newer methods
		Serve(context.Background(), struct{ Node }{fakeNode{args: args}}, os.Stdin, os.Stdout)
	case "service":
		svc := NewService(Options{DB: args[1], OVNRunDir: args[2]})
		defer svc.Close(context.Background())
		Serve(context.Background(), svc, os.Stdin, os.Stdout)
	case "say":
		fmt.Print(unquoted(args[1]))
	case "complain":
		fmt.Fprintln(os.Stderr, "Warning: Permanently added 'hv2' to the list of known hosts.")
		fmt.Fprintln(os.Stderr, "ssh: Could not resolve hostname hv2: Name or service not known")
		return 255
	case "hang":
		sleep()
	case "hang-with-child": // the child is in the group and holds every pipe
		cmd := exec.Command("sleep", "61")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.Start()
		os.WriteFile(args[0]+".child", []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
		sleep()
	case "hello-and-say":
		hello()
		in := bufio.NewReader(os.Stdin)
		in.ReadString('\n')
		fmt.Print(unquoted(args[1]))
		io.Copy(io.Discard, in)
	case "hello-and-die":
		hello()
		bufio.NewReader(os.Stdin).ReadString('\n')
		fmt.Fprintln(os.Stderr, "panic: the node fell over")
		return 2
	case "hello-and-zeroes":
		hello()
		zero := make([]byte, 1<<16)
		for {
			if _, err := os.Stdout.Write(zero); err != nil {
				return 0
			}
		}
	case "hello-and-sleep": // reads nothing, answers nothing, ignores the end of its input
		hello()
		sleep()
	case "hello-and-orphan": // its child outlives the group
		cmd := exec.Command("sleep", "30")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Start()
		os.WriteFile(args[0]+".orphan", []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
		Serve(context.Background(), fakeNode{args: args}, os.Stdin, os.Stdout)
	}
	return 0
}

// unquoted reverses %q: an argument cannot contain every byte.
func unquoted(s string) string {
	text, err := strconv.Unquote(s)
	if err != nil {
		panic(err)
	}
	return text
}

// skipLine discards the first line written.
type skipLine struct {
	io.WriteCloser
	done *bool
}

func (s skipLine) Write(p []byte) (int, error) {
	if !*s.done {
		*s.done = true
		return len(p), nil
	}
	return s.WriteCloser.Write(p)
}

// fakeNode answers depending on the bridge's name.
type fakeNode struct {
	Node  // methods that the tests do not call
	args  []string
	waits chan struct{} // if there is one, each call that waits is counted here
}

func (f fakeNode) Info(context.Context) (*Info, error) {
	return &Info{SystemID: "hv1", Zones: map[uint16]string{7: "p1"}, Ports: []Port{{Port: engine.Port{Name: "p1", OFPort: 3}}}}, nil
}

func (f fakeNode) Trace(ctx context.Context, req TraceRequest) (*engine.Result, error) {
	switch req.Bridge {
	case "permission":
		return nil, fmt.Errorf("ct zone 7: %w", fs.ErrPermission)
	case "missing":
		return nil, &unixctl.NotFoundError{RunDir: "/r", Daemon: "ovs-vswitchd", Err: fs.ErrNotExist}
	case "call":
		return nil, &engine.TraceError{Bridge: "b", Err: &unixctl.CallError{Path: "/r/x.ctl", Method: "ofproto/trace", Err: syscall.ECONNREFUSED}}
	case "database":
		return nil, &ovsdb.Error{Remote: "unix:/db", Database: "Open_vSwitch", Op: "connect", Err: errors.New("refused")}
	case "limit":
		return nil, fmt.Errorf("%w: 5 segments", engine.ErrLimit)
	case "half way":
		return &engine.Result{Segments: []*engine.Segment{{Parent: -1}, {ID: 1}}, Outcomes: []*engine.Outcome{nil}}, syscall.ECONNREFUSED
	case "half way, wrong":
		return &engine.Result{Segments: []*engine.Segment{{Parent: 5}}}, syscall.ECONNREFUSED
	case "changed":
		return nil, fmt.Errorf("segment 1: %w", engine.ErrChanged)
	case "refused":
		return nil, &engine.TraceError{Bridge: "br9", Flow: "x", Err: errors.New("unknown bridge\nsecond line")}
	case "wait":
		start := time.Now()
		if f.waits != nil {
			f.waits <- struct{}{}
		}
		<-ctx.Done()
		os.WriteFile(f.args[0]+".cancelled", []byte(time.Since(start).String()), 0o600)
		return nil, ctx.Err()
	case "deadline":
		d, ok := ctx.Deadline()
		return &engine.Result{Segments: []*engine.Segment{{Flow: fmt.Sprint(ok), Parent: -1, Notes: []string{fmt.Sprint(int(time.Until(d) / time.Second))}}}, Outcomes: []*engine.Outcome{{}}}, nil
	}
	return &engine.Result{Segments: []*engine.Segment{{Flow: req.Bridge, Parent: -1}}, Outcomes: []*engine.Outcome{{}}}, nil
}

func (f fakeNode) Commit(context.Context, CommitRequest) (*CommitResult, error) {
	return &CommitResult{}, nil
}
func (f fakeNode) Clean(context.Context, bool) (*CleanResult, error) { return &CleanResult{}, nil }
func (f fakeNode) Close(context.Context) error                       { return nil }

// List returns Limit entries with ports from 1 on, in batches of 3. A limit of 0 never ends; its
// end leaves a file.
func (f fakeNode) List(ctx context.Context, req ListRequest, yield func([]ctstate.Entry) error) (*ListResult, error) {
	var batch []ctstate.Entry
	for n := 1; req.Limit == 0 || n <= req.Limit; n++ {
		at := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(n))
		batch = append(batch, ctstate.Entry{Zone: 5, Orig: ctstate.Tuple{Proto: 6, Src: at, Dst: at}, Reply: ctstate.Tuple{Proto: 6, Src: at, Dst: at}})
		if len(batch) == 3 || n == req.Limit {
			if err := yield(batch); err != nil {
				os.WriteFile(f.args[0]+".ended", nil, 0o600)
				return nil, err
			}
			batch = batch[:0]
		}
	}
	return &ListResult{Count: req.Limit}, nil
}
