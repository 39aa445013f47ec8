package ctjournal

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const suffix = ".journal"

// DefaultDir returns the directory of journals: /run/ovn-ct-trace for root, else a directory of the
// user. A reboot empties both, and the kernel's table too.
func DefaultDir() string {
	if os.Geteuid() == 0 {
		return "/run/ovn-ct-trace"
	}
	if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" {
		return filepath.Join(d, "ovn-ct-trace")
	}
	return filepath.Join(os.TempDir(), "ovn-ct-trace-"+strconv.Itoa(os.Geteuid()))
}

// errBusy reports that another process holds the journal's lock.
var errBusy = errors.New("journal is in use")

// file is an open journal whose lock this process holds.
type file struct {
	f    *os.File
	path string
	// broken is the error of a failed write. The file may end with part of a line then, and no record
	// may follow it.
	broken error
}

// createFile creates and locks a run's journal.
func createFile(dir string) (*file, string, error) {
	if err := makeDir(dir); err != nil {
		return nil, "", fmt.Errorf("conntrack journal: %w", err)
	}
	for {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, "", err
		}
		run := hex.EncodeToString(b[:])
		path := filepath.Join(dir, run+suffix)
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return nil, "", fmt.Errorf("conntrack journal: %w", err)
		}
		// This waits: a cleaner may hold the lock already; it finds the file empty and removes it.
		j, err := lock(f, path, 0)
		if err != nil {
			f.Close()
			if errors.Is(err, errBusy) {
				continue
			}
			return nil, "", err
		}
		if err := syncDir(dir); err != nil {
			j.remove()
			return nil, "", err
		}
		return j, run, nil
	}
}

// openFile opens and locks an existing journal; errBusy if its run or another cleaner holds the
// lock.
func openFile(path string) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	j, err := lock(f, path, unix.LOCK_NB)
	if err != nil {
		f.Close()
	}
	return j, err
}

// makeDir creates the journals' directory. It refuses an existing directory of another user, who
// could write entries into a journal.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != uint32(os.Geteuid()) && st.Uid != 0 {
		return fmt.Errorf("%s is not this user's directory", dir)
	}
	return nil
}

// lock locks the file and checks that path still names it: a cleaner may have removed it between
// open and lock.
func lock(f *os.File, path string, nb int) (*file, error) {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|nb); err != nil {
		if err == unix.EWOULDBLOCK {
			return nil, errBusy
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	var opened, named unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &opened); err != nil {
		return nil, fmt.Errorf("stat %s: %w", path, err)
	}
	if err := unix.Stat(path, &named); err != nil || opened.Ino != named.Ino || opened.Dev != named.Dev {
		return nil, errBusy
	}
	return &file{f: f, path: path}, nil
}

// append writes a record and waits until it is on disk.
func (j *file) append(r record) error {
	b, err := r.line()
	if err == nil && j.broken == nil {
		if _, err = j.f.Write(b); err == nil {
			err = j.f.Sync()
		}
		j.broken = err
	}
	if err = errors.Join(err, j.broken); err != nil {
		return fmt.Errorf("conntrack journal: %w", err)
	}
	return nil
}

// read parses the file and truncates an incomplete last line, so that the next record starts on a
// new line.
func (j *file) read() (*journal, error) {
	if _, err := j.f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(j.f)
	if err != nil {
		return nil, fmt.Errorf("conntrack journal: %w", err)
	}
	c := parse(j.path, b)
	if c.whole < len(b) && !bytes.HasSuffix(b, []byte("\n")) {
		cut := bytes.LastIndexByte(b, '\n') + 1
		if err := j.f.Truncate(int64(cut)); err != nil {
			return nil, fmt.Errorf("conntrack journal: %w", err)
		}
	}
	return c, nil
}

// remove deletes the journal and then releases its lock, so that the next holder of the lock sees
// that the path is gone.
func (j *file) remove() error {
	err := os.Remove(j.path)
	if err == nil {
		err = syncDir(filepath.Dir(j.path))
	}
	return errors.Join(err, j.f.Close())
}

func (j *file) close() error { return j.f.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// bootID identifies the current boot: entries do not survive a reboot.
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(b)), nil
}
