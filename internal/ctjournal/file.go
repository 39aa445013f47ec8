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

// DefaultDir is where journals are kept: /run/ovn-ct-trace for root, a
// directory of the user's own otherwise. Both are emptied by a reboot, as is
// the kernel's table.
func DefaultDir() string {
	if os.Geteuid() == 0 {
		return "/run/ovn-ct-trace"
	}
	if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" {
		return filepath.Join(d, "ovn-ct-trace")
	}
	return filepath.Join(os.TempDir(), "ovn-ct-trace-"+strconv.Itoa(os.Geteuid()))
}

// errBusy: another process holds the journal's lock.
var errBusy = errors.New("journal is in use")

// file is an open journal whose lock this process holds.
type file struct {
	f    *os.File
	path string
	// broken is a write that failed: part of a line may stand at the end, and
	// nothing may follow it.
	broken error
}

// createFile makes a run's journal, locked.
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
		// Waits: a cleaner may be looking into the file already, and will find
		// it empty, and remove it.
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

// openFile locks a journal that is there; errBusy when its run is alive, or
// another cleaner at it.
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

// makeDir makes the journals' directory, and takes one that is there only from
// its own user: others could make it name entries.
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

// lock takes the lock and makes sure that the path still names the file: it
// may have been cleaned and removed between open and lock.
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

// read parses the whole file and cuts a torn last line off, so that what is
// appended next stands on a line of its own.
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

// remove deletes the journal and lets go of it, in this order: whoever gets
// the lock next sees that the path is gone.
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

// bootID tells this boot from others: entries do not outlive one.
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(b)), nil
}
