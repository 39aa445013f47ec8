package nodens

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// PIDFileError reports a pid file that names no process visible to the caller.
type PIDFileError struct {
	Path string
	Msg  string
	Err  error
}

func (e *PIDFileError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Path, e.Msg, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Path, e.Msg)
}

// Unwrap returns the cause.
func (e *PIDFileError) Unwrap() error { return e.Err }

// DaemonPID reads the pid of a running OVS daemon from its pid file. The number in the file is the
// pid in the daemon's own PID namespace. The daemon holds a record lock on the file as long as it
// runs (lib/daemon-unix.c), and the kernel returns the holder's pid as the caller sees it
// (locks_translate_pid). So DaemonPID returns the holder of the lock, not the number.
func DaemonPID(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, &PIDFileError{Path: path, Msg: "cannot read pid file", Err: err}
	}
	defer f.Close()
	buf := make([]byte, 64)
	n, _ := f.Read(buf)
	text := string(bytes.TrimSpace(buf[:n]))
	written, err := strconv.Atoi(text)
	if err != nil || written <= 0 {
		return 0, &PIDFileError{Path: path, Msg: fmt.Sprintf("%q is not a process id", text)}
	}

	lk := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lk); err != nil {
		return 0, &PIDFileError{Path: path, Msg: "cannot ask who holds the lock", Err: err}
	}
	switch {
	case lk.Type == unix.F_UNLCK:
		return 0, &PIDFileError{Path: path, Msg: fmt.Sprintf("process %d does not hold the file: stale, or of another host", written)}
	case lk.Pid <= 0:
		return 0, &PIDFileError{Path: path, Msg: fmt.Sprintf("its process (%d in its own PID namespace) is not visible from here", written)}
	}
	return int(lk.Pid), nil
}

// Find searches for a namespace with the given identity: the caller's own, the hints, those under
// /run/netns and those of all processes.
func Find(id ID, hints ...NetNS) (NetNS, bool) {
	for _, n := range append([]NetNS{Current()}, hints...) {
		if got, err := n.ID(); err == nil && got == id {
			return n, true
		}
	}
	for _, dir := range []string{"/run/netns", "/var/run/netns", "/run/docker/netns"} {
		names, _ := filepath.Glob(dir + "/*")
		for _, p := range names {
			if got, err := OfPath(p).ID(); err == nil && got == id {
				return OfPath(p), true
			}
		}
	}
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return NetNS{}, false
	}
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		// readlink is cheaper than open and holds no namespace.
		link, err := os.Readlink("/proc/" + p.Name() + "/ns/net")
		if err != nil || !strings.HasSuffix(link, "["+strconv.FormatUint(id.Ino, 10)+"]") {
			continue
		}
		if got, err := OfPID(pid).ID(); err == nil && got == id {
			return OfPID(pid), true
		}
	}
	return NetNS{}, false
}
