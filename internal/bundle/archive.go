package bundle

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Format is how an archive is packed.
type Format uint8

// The formats.
const (
	Zstd Format = iota
	Gzip
	Plain
)

// FormatOf returns the format that a file's name asks for; ok is false if it names none.
func FormatOf(name string) (f Format, ok bool) {
	for end, f := range map[string]Format{".tar.zst": Zstd, ".tzst": Zstd, ".tar.gz": Gzip, ".tgz": Gzip, ".tar": Plain} {
		if strings.HasSuffix(name, end) {
			return f, true
		}
	}
	return Zstd, false
}

// Archive is a tar file that is being written. It is safe for concurrent use. It has its name only
// once it is complete.
type Archive struct {
	name  string // empty: standard output or the like
	force bool
	file  *os.File // under another name in the same folder
	count *counter
	pack  io.WriteCloser // nil for Plain
	base  string

	mu  sync.Mutex
	tar *tar.Writer
	err error // the first one: the archive is broken
}

// counter counts what is written.
type counter struct {
	io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}

// ExistsError reports a file that is there already.
type ExistsError struct{ Name string }

func (e *ExistsError) Error() string { return e.Name + " exists" }

// Create begins an archive that will have a name. With force, a file of that name is replaced at
// the end.
func Create(name string, f Format, force bool) (*Archive, error) {
	if !force {
		if _, err := os.Lstat(name); err == nil {
			return nil, &ExistsError{name}
		}
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".part-*") // mode 0600
	var at *fs.PathError
	if errors.As(err, &at) { // of a name that nobody has given
		return nil, &fs.PathError{Op: "create", Path: name, Err: at.Err}
	}
	if err != nil {
		return nil, err
	}
	a, err := begin(file, f)
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	a.name, a.file, a.force = name, file, force
	return a, nil
}

// To begins an archive that goes to a writer.
func To(w io.Writer, f Format) (*Archive, error) { return begin(w, f) }

func begin(w io.Writer, f Format) (*Archive, error) {
	a := &Archive{count: &counter{Writer: w}, base: "ovn-ct-trace-bundle-" + time.Now().UTC().Format("20060102T150405Z")}
	var out io.Writer = a.count
	switch f {
	case Zstd:
		z, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, err
		}
		a.pack, out = z, z
	case Gzip:
		z := gzip.NewWriter(out)
		a.pack, out = z, z
	}
	a.tar = tar.NewWriter(out)
	return a, nil
}

// Add adds a file of a folder, which in contains from its beginning.
func (a *Archive) Add(folder, name string, size int64, at time.Time, in io.Reader) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return a.err
	}
	a.err = a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: filepath.ToSlash(filepath.Join(a.base, folder, name)), Mode: 0o600, Size: size,
		ModTime: at.UTC().Truncate(time.Second), Format: tar.FormatPAX})
	if a.err == nil {
		_, a.err = io.CopyN(a.tar, in, size)
	}
	return a.err
}

// Close completes the archive, and gives it its name. It returns its size in bytes.
func (a *Archive) Close() (size int64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	errs := []error{a.err, a.tar.Close()}
	if a.pack != nil {
		errs = append(errs, a.pack.Close())
	}
	if a.file != nil {
		errs = append(errs, a.file.Sync(), a.file.Close())
	}
	if err := errors.Join(errs...); err != nil {
		a.remove()
		return 0, err
	}
	if a.file == nil {
		return a.count.n, nil
	}
	if err := a.rename(); err != nil {
		a.remove()
		return 0, err
	}
	return a.count.n, nil
}

// rename gives the file its name.
func (a *Archive) rename() error {
	if a.force {
		return os.Rename(a.file.Name(), a.name)
	}
	// A file that has appeared meanwhile is not replaced.
	err := os.Link(a.file.Name(), a.name)
	switch {
	case err == nil:
		return os.Remove(a.file.Name())
	case errors.Is(err, fs.ErrExist):
		return &ExistsError{a.name}
	}
	if _, serr := os.Lstat(a.name); serr == nil { // a file system without links
		return &ExistsError{a.name}
	}
	return os.Rename(a.file.Name(), a.name)
}

// Abort gives the archive up. Nothing of it remains.
func (a *Archive) Abort() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err = errors.New("the archive was given up")
	}
	if a.file != nil {
		_ = a.file.Close()
	}
	a.remove()
}

func (a *Archive) remove() {
	if a.file != nil {
		_ = os.Remove(a.file.Name())
	}
}

// spool returns a file without a name, which ends with its last use.
func spool() (*os.File, error) {
	f, err := os.CreateTemp("", "ovn-ct-trace-*")
	if err != nil {
		return nil, fmt.Errorf("collecting: %w", err)
	}
	return f, os.Remove(f.Name())
}
