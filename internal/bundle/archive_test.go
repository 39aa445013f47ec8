package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
)

// A file has its name only once it is complete, and for its owner only; nothing else remains.
func TestArchive(t *testing.T) {
	for _, name := range []string{"x.tar.zst", "x.tar.gz", "x.tar"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		f, ok := FormatOf(name)
		if !ok {
			t.Fatal(name)
		}
		a, err := Create(path, f, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Add("0-hv1", "sos_commands/date/date", 5, time.Now(), strings.NewReader("now!\nmore")); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there before it is complete: %v", name, err)
		}
		size, err := a.Close()
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != 0o600 || st.Size() != size {
			t.Errorf("%s: %v, %v, %d bytes said", name, st, err, size)
		}
		tree, err := archive.Open(t.Context(), path, func() (string, error) { return t.TempDir(), nil }, func(string) bool { return true }, archive.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if names := tree.Names(); len(names) != 1 || !strings.HasSuffix(names[0], "/0-hv1/sos_commands/date/date") || tree.Size(names[0]) != 5 {
			t.Errorf("%s has %q", name, names)
		}
		tree.Close()
		only(t, dir, name)
	}
}

func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder has %q, want %q", got, want)
	}
}

// An archive that is given up, and one that does not replace a file, leave nothing behind.
func TestAbort(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.tar.zst")
	a, err := Create(path, Zstd, false)
	if err != nil {
		t.Fatal(err)
	}
	a.Abort()
	only(t, dir)

	if a, err = Create(path, Zstd, false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("other"), 0o600); err != nil { // it appears meanwhile
		t.Fatal(err)
	}
	var exists *ExistsError
	if _, err := a.Close(); !errors.As(err, &exists) {
		t.Errorf("a file that has appeared: %v", err)
	}
	only(t, dir, "x.tar.zst")
	if text, _ := os.ReadFile(path); string(text) != "other" {
		t.Errorf("it was replaced by %q", text)
	}
	if _, err := Create(path, Zstd, false); !errors.As(err, &exists) {
		t.Errorf("a file that is there: %v", err)
	}
	if a, err = Create(path, Zstd, true); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) == "other" {
		t.Error("--force has not replaced it")
	}
	only(t, dir, "x.tar.zst")
}
