package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

func all(string) bool { return true }

// packed returns a tar of members.
func packed(t *testing.T, members ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range members {
		content := h.PAXRecords["content"]
		h.PAXRecords = nil
		h.Mode = 0o644
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); h.Typeflag == tar.TypeReg && err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func regular(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, PAXRecords: map[string]string{"content": content}}
}

func link(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
}

// unpacked opens an archive in a folder that has a secret beside it.
func unpacked(t *testing.T, archive []byte, lim Limits) (*Tree, string, error) {
	t.Helper()
	dir := t.TempDir()
	file, into := filepath.Join(dir, "a"), filepath.Join(dir, "into")
	if err := os.Mkdir(into, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := Open(t.Context(), file, func() (string, error) { return into, nil }, all, lim)
	if err == nil {
		t.Cleanup(func() { tree.Close() })
	}
	return tree, dir, err
}

func content(t *testing.T, tree *Tree, name string) (string, error) {
	t.Helper()
	f, err := tree.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// Members that lead out of the archive, devices and doubles are refused and named; nothing outside
// is read or written.
func TestHarmful(t *testing.T) {
	tree, dir, err := unpacked(t, packed(t,
		regular("r/file", "one"),
		regular("../out", "x"), regular("/abs", "x"), regular("r/../../out2", "x"),
		regular("r/file", "two"),
		tar.Header{Typeflag: tar.TypeChar, Name: "r/dev", Devmajor: 1, Devminor: 3},
		tar.Header{Typeflag: tar.TypeFifo, Name: "r/fifo"},
		link("r/away", "../../secret"), link("r/abs", "/etc/hostname"), link("r/in", "file"),
		link("r/a", "b"), link("r/b", "a"), link("r/dir", ".."),
		tar.Header{Typeflag: tar.TypeLink, Name: "r/hard", Linkname: "r/file"},
		tar.Header{Typeflag: tar.TypeLink, Name: "r/hardout", Linkname: "../secret"},
		regular("r/dir/secret", "written"),
	), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"r/file": "one", "r/in": "one", "r/hard": "one"} {
		if got, err := content(t, tree, name); got != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]error{"r/away": errOutside, "r/abs": fs.ErrNotExist, "r/a": errLinks, "r/hardout": fs.ErrNotExist} {
		if got, err := content(t, tree, name); !errors.Is(err, want) {
			t.Errorf("%s: %q, %v; want %v", name, got, err, want)
		}
	}
	refused := strings.Join(tree.Refused, "\n")
	for _, name := range []string{"../out", "/abs", "r/../../out2", "r/file", "r/dev", "r/fifo"} {
		if !strings.Contains(refused, `"`+name+`"`) {
			t.Errorf("%s is not among the refused: %s", name, refused)
		}
	}
	if len(tree.Refused) != 6 {
		t.Errorf("%d refused: %s", len(tree.Refused), refused)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("beside the archive are %v, %v", left, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "secret")); string(b) != "secret" || err != nil {
		t.Errorf("the file outside is %q, %v", b, err)
	}
}

// A bomb ends at the limits; a large dictionary and a text are refused.
func TestBounds(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	bomb := packed(t, regular("a/one", zeros), regular("a/two", zeros))
	for name, lim := range map[string]Limits{
		"read":    {Members: 10, Read: 1 << 19, Keep: 1 << 30},
		"keep":    {Members: 10, Read: 1 << 30, Keep: 1<<20 + 10},
		"members": {Members: 1, Read: 1 << 30, Keep: 1 << 30},
	} {
		if _, _, err := unpacked(t, bomb, lim); err == nil || name != "members" && !errors.Is(err, errBomb) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var wide bytes.Buffer
	w, err := xz.WriterConfig{DictCap: 1 << 28}.NewWriter(&wide)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(bomb)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"dictionary": wide.Bytes(), "text": []byte("this is a text\n"), "empty": {}, "cut": bomb[:700]} {
		if _, _, err := unpacked(t, b, DefaultLimits); err == nil {
			t.Errorf("%s is read", name)
		} else {
			t.Log(err)
		}
	}
}

// Each way of packing gives the same tree, and a cut archive is an error.
func TestPacked(t *testing.T) {
	plain := packed(t, regular("sos/a", strings.Repeat("some text\n", 30000)), link("sos/l", "a"))
	pack := map[string]func(w io.Writer) (io.WriteCloser, error){
		"gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"xz":  func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		"zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		"tar": func(w io.Writer) (io.WriteCloser, error) { return nopCloser{w}, nil },
	}
	for name, f := range pack {
		var b bytes.Buffer
		w, err := f(&b)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(plain)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		tree, _, err := unpacked(t, b.Bytes(), DefaultLimits)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := content(t, tree, "sos/l"); err != nil || len(got) != 300000 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if _, _, err := unpacked(t, b.Bytes()[:b.Len()/2], DefaultLimits); err == nil {
			t.Errorf("%s: half of it is read", name)
		}
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// A folder is read in its place, with the same care.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	top := filepath.Join(dir, "top")
	for _, d := range []string{top, filepath.Join(top, "sub")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600)
	os.WriteFile(filepath.Join(top, "sub", "file"), []byte("one"), 0o600)
	for name, target := range map[string]string{"in": "sub/file", "out": "../secret", "abs": "/sub/file", "dir": ".."} {
		if err := os.Symlink(target, filepath.Join(top, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(top, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := Open(t.Context(), top, nil, all, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for name, want := range map[string]string{"in": "one", "sub/file": "one", "abs": "one"} {
		if got, err := content(t, tree, name); got != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := content(t, tree, "out"); !errors.Is(err, errOutside) {
		t.Errorf("out: %v", err)
	}
	if len(tree.Refused) != 1 || !strings.Contains(tree.Refused[0], "fifo") {
		t.Errorf("refused: %v", tree.Refused)
	}
	if got := tree.Below("file"); !slices.Equal(got, []string{"sub"}) {
		t.Errorf("below: %v", got)
	}
	if got := tree.At("sub").Names(); !slices.Equal(got, []string{"file"}) {
		t.Errorf("at sub: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, top, nil, all, DefaultLimits); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled reading: %v", err)
	}
}

// FuzzArchive: whatever an archive holds, nothing leaves its folder.
func FuzzArchive(f *testing.F) {
	t := &testing.T{}
	f.Add(packed(t, regular("r/file", "one"), regular("../out", "x"), link("r/l", "../../x"), regular("r/l/y", "z")))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Add([]byte("\xfd7zXZ\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, dir, err := unpacked(t, b, Limits{Members: 100, Read: 1 << 20, Keep: 1 << 20})
		if err == nil {
			for _, n := range tree.Names() {
				if s, err := content(t, tree, n); err == nil && s == "secret" {
					t.Errorf("%q reads a file outside", n)
				}
			}
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
			t.Errorf("beside the archive are %v, %v", left, err)
		}
	})
}
