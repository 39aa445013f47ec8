// Package rebuild makes private copies of daemons from files: OVSDB servers, and Open vSwitch on a
// dummy datapath, in a folder of their own (a Room). Nothing outside of the folder is changed, and
// nothing in it sends a packet.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// prefix begins the name of a room's folder in the folder of temporary files.
const prefix = "ovn-ct-room-"

// Options are the properties of a room.
type Options struct {
	// Keep leaves the folder and its processes when the room is closed.
	Keep bool
	// Parent is the folder in which the room's folder is made; empty is os.TempDir.
	Parent string
}

// Room is a private folder with processes. Its methods may be called by several goroutines at once.
type Room struct {
	// Dir is the folder, which only its owner can read.
	Dir string

	keep  bool
	lock  *os.File
	make  spawner
	later later

	mu     sync.Mutex
	procs  []*Proc
	names  map[string]int // subfolders by name: how many have it
	closed bool
}

// Open makes a room. Rooms of runs that were killed are removed first, with their processes.
func Open(opt Options) (*Room, error) {
	parent := opt.Parent
	if parent == "" {
		parent = os.TempDir()
	}
	removeStale(parent)
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, err
	}
	r := &Room{Dir: dir, keep: opt.Keep, names: map[string]int{}}
	if r.lock, err = hold(filepath.Join(dir, lockFile)); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if opt.Keep {
		if err := os.WriteFile(filepath.Join(dir, keepFile), nil, 0o600); err != nil {
			_ = r.Close()
			return nil, err
		}
	}
	r.make.start(!opt.Keep)
	return r, nil
}

// Keeps reports whether the room is left behind, so that nothing in it may depend on this process.
func (r *Room) Keeps() bool { return r.keep }

// Close ends the processes and removes the folder, or leaves both if the room is kept.
func (r *Room) Close() error {
	r.mu.Lock()
	procs := r.procs
	done := r.closed
	r.closed, r.procs = true, nil
	r.mu.Unlock()
	if done {
		return nil
	}
	r.later.close()
	var errs []error
	if !r.keep {
		errs = append(errs, stop(procs))
	}
	r.make.stop()
	if !r.keep {
		errs = append(errs, os.RemoveAll(r.Dir))
	}
	if r.lock != nil {
		_ = r.lock.Close()
	}
	return errors.Join(errs...)
}

// Kept reports whether Close leaves the room.
func (r *Room) Kept() bool { return r.keep }

// Folder makes a folder in the room. Its name begins with the given one as far as it can be part of
// a file's name; it is short, for the path of a socket in it has at most 107 bytes.
func (r *Room) Folder(name string) (string, error) {
	base := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			return c
		}
		return '_'
	}, name)
	base = base[:min(len(base), 20)]
	r.mu.Lock()
	n := r.names[base]
	r.names[base]++
	r.mu.Unlock()
	if n > 0 || base == "" || base == lockFile || base == keepFile {
		base = fmt.Sprintf("%s.%d", base, n+1)
	}
	dir := filepath.Join(r.Dir, base)
	return dir, os.Mkdir(dir, 0o700)
}

// The files in a room's folder by which other runs know its state.
const (
	lockFile = "lock" // locked while its run lives
	keepFile = "keep" // there if the room is to stay
)

// hold makes and locks a file. The lock ends with this process, or when the file is closed.
func hold(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "flock", Path: path, Err: err}
	}
	return f, nil
}

// removeStale removes the rooms of this user whose run has ended without doing so. Its processes
// have ended with it (PR_SET_PDEATHSIG).
func removeStale(parent string) {
	dirs, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, d := range dirs {
		if !d.IsDir() || !strings.HasPrefix(d.Name(), prefix) {
			continue
		}
		dir := filepath.Join(parent, d.Name())
		fi, err := os.Lstat(dir)
		if err != nil {
			continue
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, keepFile)); err == nil {
			continue
		}
		f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if err != nil {
			continue // it is being made at this moment
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir)
		}
		f.Close()
	}
}

// MissingError reports a program that a room needs and that is not installed.
type MissingError struct {
	Program string
	Err     error
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("a deployment is rebuilt by %s, which is not installed here", e.Program)
}

// Unwrap returns the cause.
func (e *MissingError) Unwrap() error { return e.Err }

// program finds a program in PATH, and in the folders of system programs.
func program(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/local/bin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return "", &MissingError{Program: name, Err: err}
}

// Run runs a program to its end, in the room's folder and with additional environment, and returns
// its standard output. The error has the end of its standard error.
func (r *Room) Run(ctx context.Context, env []string, name string, args ...string) (string, error) {
	var out strings.Builder
	err := r.run(ctx, env, &out, name, args...)
	return out.String(), err
}
