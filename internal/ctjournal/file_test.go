package ctjournal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// TestTorn checks that the created entries are found wherever the journal is cut.
func TestTorn(t *testing.T) {
	k, dir := newFake(true), t.TempDir()
	crash(t, k, dir, udpEntry(), StepCreated)
	path := files(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	intent := strings.LastIndex(strings.TrimSuffix(string(whole), "\n"), "\n") + 1
	for cut := intent; cut < len(whole); cut++ {
		j := parse(path, whole[:cut])
		if j.damaged != nil || len(j.left()) != 0 || j.header == nil {
			t.Fatalf("cut at %d: %+v", cut, j)
		}
	}
	// After the intent follows an incomplete line: the intent counts, and the cleaner's record starts
	// on a new line.
	if err := os.WriteFile(path, append(whole, `deadbeef {"n":1,"crea`...), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	j, err := f.read()
	if err != nil || len(j.left()) != 1 || j.damaged != nil {
		t.Fatalf("%+v %v", j, err)
	}
	if err := f.append(record{N: 1, Gone: "x"}); err != nil {
		t.Fatal(err)
	}
	if j, err := f.read(); err != nil || len(j.left()) != 0 || j.damaged != nil {
		t.Errorf("%+v %v", j, err)
	}
	f.close()

	// Damage in the middle is an error, and the readable lines are still used.
	bad := append([]byte("garbage\n"), whole...)
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	removed, _, err := Clean(t.Context(), dir, k.opener)
	var se *syntax.Error
	if !errors.As(err, &se) || len(removed) != 1 || len(k.entries) != 0 || len(files(t, dir)) != 1 {
		t.Errorf("%v %v", removed, err)
	}
}

// TestEmptyJournal checks a run that was killed before its header was complete.
func TestEmptyJournal(t *testing.T) {
	for _, at := range []Step{StepFile, StepHeader} {
		dir := t.TempDir()
		crash(t, newFake(true), dir, udpEntry(), at)
		removed, kept, err := Clean(t.Context(), dir, nil)
		if err != nil || len(removed)+len(kept) != 0 || len(files(t, dir)) != 0 {
			t.Errorf("%v %v %v %v", removed, kept, err, files(t, dir))
		}
	}
	if removed, kept, err := Clean(t.Context(), filepath.Join(t.TempDir(), "none"), nil); err != nil || len(removed)+len(kept) != 0 {
		t.Error(err)
	}
}

func TestUnwritableJournal(t *testing.T) {
	k := newFake(true)
	c := New(k, here, Options{Dir: "/proc/nowhere"})
	if _, err := c.Commit(t.Context(), udpEntry()); err == nil || len(k.entries) != 0 {
		t.Errorf("committed without a journal: %v", err)
	}
	// If the journal cannot be written, nothing is sent to the kernel.
	dir := t.TempDir()
	c = New(k, here, Options{Dir: dir})
	if _, err := c.Commit(t.Context(), udpEntry()); err != nil {
		t.Fatal(err)
	}
	c.file.broken = unix.ENOSPC
	e := udpEntry()
	e.Zone++
	if _, err := c.Commit(t.Context(), e); !errors.Is(err, unix.ENOSPC) || len(k.entries) != 1 {
		t.Errorf("%v %v", err, k.entries)
	}
	// Close still removes the entry, and leaves the journal to Clean.
	if err := c.Close(t.Context()); !errors.Is(err, unix.ENOSPC) || len(k.entries) != 0 {
		t.Errorf("%v %v", err, k.entries)
	}
	if removed, kept, err := Clean(t.Context(), dir, k.opener); err != nil || len(removed) != 1 || len(kept) != 0 {
		t.Errorf("%v %v %v", removed, kept, err)
	}
}

func FuzzParse(f *testing.F) {
	line, err := record{N: 1, Intent: &intent{Zone: 7, Orig: udpEntry().Orig}}.line()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Fuzz(func(t *testing.T, b []byte) {
		j := parse("x", b)
		if j.whole > len(b) {
			t.Fatal(j.whole)
		}
		for _, e := range j.left() {
			e.deadline()
		}
	})
}
