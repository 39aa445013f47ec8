package archive

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// nulls reads as zeros.
type nulls struct{}

func (nulls) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// large writes an archive with a member of size bytes that nobody wants between two that are wanted.
func large(t *testing.T, path string, size int64, pack func(io.Writer) io.WriteCloser) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := pack(f)
	out := tar.NewWriter(z)
	for _, m := range []struct {
		name string
		size int64
	}{{"top/first", 5}, {"top/journal", size}, {"top/last", 5}} {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: m.name, Mode: 0o644, Size: m.size}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(out, nulls{}, m.size); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []io.Closer{out, z, f} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFlat: what is allocated while an archive is read does not depend on its size, and members behind
// a large one are read.
func TestFlat(t *testing.T) {
	for name, pack := range map[string]func(io.Writer) io.WriteCloser{
		"zstd": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	} {
		t.Run(name, func(t *testing.T) {
			allocated := map[int64]uint64{}
			for _, size := range []int64{1 << 20, 200 << 20} {
				dir := t.TempDir()
				file, into := filepath.Join(dir, "a"), filepath.Join(dir, "into")
				if err := os.Mkdir(into, 0o700); err != nil {
					t.Fatal(err)
				}
				large(t, file, size, pack)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				tree, err := Open(t.Context(), file, func() (string, error) { return into, nil }, func(name string) bool { return name != "top/journal" }, DefaultLimits)
				runtime.ReadMemStats(&after)
				if err != nil {
					t.Fatal(err)
				}
				defer tree.Close()
				if !tree.Has("top/first") || !tree.Has("top/last") || tree.Has("top/journal") {
					t.Errorf("%q", tree.Names())
				}
				allocated[size] = after.TotalAlloc - before.TotalAlloc
			}
			t.Logf("allocated: %v", allocated)
			if small, large := allocated[1<<20], allocated[600<<20]; large > small+(8<<20) {
				t.Errorf("%d bytes are allocated for a large archive, and %d for a small one", large, small)
			}
		})
	}
}
