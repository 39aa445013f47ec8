// Package nodens names and enters the network namespace of a node's datapath: each namespace has
// its own conntrack table, sysctls and openvswitch datapaths.
package nodens

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// NetNS names a network namespace; the zero NetNS is the caller's own.
type NetNS struct {
	path string // "" is the caller's own
	pid  int    // process that path belongs to, if named by process
}

// Current returns the namespace of the caller.
func Current() NetNS { return NetNS{} }

// OfPID returns the namespace of the process pid, numbered as in the caller's /proc.
func OfPID(pid int) NetNS {
	return NetNS{path: "/proc/" + strconv.Itoa(pid) + "/ns/net", pid: pid}
}

// OfPath returns the namespace bound to a file, such as /run/netns/NAME.
func OfPath(path string) NetNS { return NetNS{path: path} }

// OfPIDFile returns the namespace of the daemon with this pid file, such as ovs-vswitchd.pid.
// DaemonPID checks the file.
func OfPIDFile(path string) (NetNS, error) {
	pid, err := DaemonPID(path)
	if err != nil {
		return NetNS{}, err
	}
	return OfPID(pid), nil
}

// PID returns the process given to OfPID, 0 if the namespace was named otherwise.
func (n NetNS) PID() int { return n.pid }

// Path returns the file that opens the namespace, empty for the caller's own.
func (n NetNS) Path() string { return n.path }

// IsCurrent reports whether n was made by Current.
func (n NetNS) IsCurrent() bool { return n.path == "" }

func (n NetNS) String() string {
	switch {
	case n.path == "":
		return "the current network namespace"
	case n.pid != 0:
		return fmt.Sprintf("the network namespace of process %d", n.pid)
	}
	return "network namespace " + n.path
}

// Error reports a namespace that could not be opened or entered.
type Error struct {
	NS   NetNS
	Op   string
	Err  error
	Hint string
}

func (e *Error) Error() string { return fmt.Sprintf("cannot %s %v: %v", e.Op, e.NS, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Failure is a node that cannot be reached.
func (e *Error) Failure() (failure.Kind, string) { return failure.Unreachable, e.Hint }

func (n NetNS) fail(op string, err error) error {
	e := &Error{NS: n, Op: op, Err: err}
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		e.Hint = "run as root, or with CAP_SYS_ADMIN and CAP_SYS_PTRACE"
	case errors.Is(err, unix.ENOENT) && n.pid != 0:
		e.Hint = "no such process here: is it in another PID namespace (a container without hostPID)?"
	}
	return e
}

// Open opens the namespace, which exists at least as long as the file is open.
func (n NetNS) Open() (*os.File, error) {
	path := n.path
	if path == "" {
		// thread-self, not self: Do may have moved the main thread into another namespace.
		path = "/proc/thread-self/ns/net"
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, n.fail("open", errors.Unwrap(err))
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil || fs.Type != unix.NSFS_MAGIC {
		f.Close()
		return nil, n.fail("open", errors.New("not a namespace file"))
	}
	return f, nil
}

// ID identifies a namespace: the device and inode number of nsfs. The kernel reuses the number of a
// namespace that has ended.
type ID struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

func (id ID) String() string { return fmt.Sprintf("net:[%d]", id.Ino) }

// ID returns the namespace's identity.
func (n NetNS) ID() (ID, error) {
	f, err := n.Open()
	if err != nil {
		return ID{}, err
	}
	defer f.Close()
	return IDOf(f)
}

// IDOf returns the identity of an open namespace.
func IDOf(f *os.File) (ID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return ID{}, fmt.Errorf("fstat of a network namespace: %w", err)
	}
	return ID{Dev: uint64(st.Dev), Ino: st.Ino}, nil
}

// ToEnter returns the descriptor of f for a socket that is to be opened there, 0 where f is the
// caller's own namespace: to enter that one too would need CAP_SYS_ADMIN.
func ToEnter(f *os.File) int {
	here, err := Current().ID()
	if there, terr := IDOf(f); err == nil && terr == nil && here == there {
		return 0
	}
	return int(f.Fd())
}

// Do runs fn on a thread inside the namespace and waits for it. Goroutines that fn starts run
// outside the namespace.
func (n NetNS) Do(fn func() error) error {
	f, err := n.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	return n.DoFile(f, fn)
}

// DoFile is Do for an open namespace.
func (n NetNS) DoFile(f *os.File, fn func() error) error {
	here, err := Current().ID()
	if err != nil {
		return err
	}
	there, err := IDOf(f)
	if err != nil {
		return err
	}
	if here == there {
		return fn()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := Current().Open()
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer home.Close()
		if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			done <- n.fail("enter", err)
			return
		}
		err = fn()
		// A thread that cannot return to its namespace stays locked: the runtime ends it with its
		// goroutine, so nothing else runs in the other namespace.
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}
