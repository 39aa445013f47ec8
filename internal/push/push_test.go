package push

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// TestShells: the script is the same in every shell, and leaves nothing.
func TestShells(t *testing.T) {
	for _, shell := range []string{"busybox", "dash", "bash"} {
		t.Run(shell, func(t *testing.T) {
			r := newRoot(t, "run")
			if shell != "busybox" {
				r.shell(t, shell)
			}
			s := dial(t, pusher(t, false), r.way())
			if s.err != nil {
				t.Fatal(s.err)
			}
			if s.line("place") != "/run" {
				t.Errorf("the place is %q in %q", s.line("place"), s.said)
			}
			if left := r.files(t); len(left) > 0 {
				t.Errorf("left while it runs: %v", left)
			}
			s.end()
			if s.stderr != "" {
				t.Errorf("standard error: %q", s.stderr)
			}
		})
	}
}

// TestPlaces: a place where nothing can be written, run or kept is passed over, and named.
func TestPlaces(t *testing.T) {
	r := newRoot(t, "run", "dev/shm", "var/run", "tmp", "var/tmp", "root")
	r.mount("mount -t tmpfs -o noexec tmpfs $1/run")
	r.mount("mount -t tmpfs -o size=4m tmpfs $1/dev/shm")
	r.mount("mount -t tmpfs -o ro tmpfs $1/var/run")
	r.mount("mount -t tmpfs -o noexec tmpfs $1/tmp")
	whole := *r
	whole.mounts = append(whole.mounts[:len(whole.mounts):len(whole.mounts)], "mount -t tmpfs tmpfs $1/var/tmp", "mount -o remount,bind,ro $1")
	whole.mounts = append([]string{"mount --bind $1 $1"}, whole.mounts...)
	s := dial(t, pusher(t, true), whole.way())
	if s.err != nil {
		t.Fatal(s.err)
	}
	for _, want := range []string{"refused /run: Permission denied (mounted noexec?)", "refused /dev/shm: No space left on device", "refused /var/run: Read-only file system", "refused /tmp: Permission denied (mounted noexec?)"} {
		if !strings.Contains(s.said, prefix+want+"\n") {
			t.Errorf("no %q in %q", want, s.said)
		}
	}

	none := *r
	none.mounts = append([]string{"mount --bind $1 $1"}, append(none.mounts[:len(none.mounts):len(none.mounts)], "mount -o remount,bind,ro $1")...)
	s = dial(t, pusher(t, false), none.way())
	var pe *Error
	if !errors.As(s.err, &pe) {
		t.Fatalf("with no place: %v", s.err)
	}
	want := "the program cannot be run there: /run: Permission denied (mounted noexec?); /dev/shm: No space left on device; " +
		"/var/run: Read-only file system; /tmp: Permission denied (mounted noexec?); /var/tmp: Read-only file system; /root: Read-only file system; " +
		"memory: no perl or python3 that makes a file there"
	if pe.Error() != want {
		t.Errorf("with no place:\n%s\nwant\n%s", pe, want)
	}
}

// TestMemory: where no folder is left, perl or python3 makes a file in memory.
func TestMemory(t *testing.T) {
	for _, language := range []string{"perl", "python3"} {
		t.Run(language, func(t *testing.T) {
			path := "/usr/bin/" + language
			if _, err := os.Stat(path); err != nil {
				testenv.Need(t, false, path+" is not installed")
			}
			r := newRoot(t).shell(t, "dash")
			if err := os.Symlink(path, filepath.Join(r.dir, "bin", language)); err != nil {
				t.Fatal(err)
			}
			s := dial(t, pusher(t, true), r.way())
			if s.err != nil {
				t.Fatal(s.err, s.said, s.stderr)
			}
			if s.line("place") != "memory" {
				t.Errorf("%q", s.said)
			}
			s.end()
			if s.stderr != "" {
				t.Errorf("standard error: %q", s.stderr)
			}
		})
	}
}

// TestPoorUserlands: what a host lacks is done without, or named.
func TestPoorUserlands(t *testing.T) {
	for _, c := range []struct {
		lacks []string
		why   string // empty: it runs
	}{
		{[]string{"sha256sum"}, ""},
		{[]string{"gzip"}, ""},
		{[]string{"gzip", "sha256sum"}, ""},
		{[]string{"head"}, "the program cannot be run there: head is not there"},
		{[]string{"uname"}, `what kind of machine it is could not be found out ("  gzip")`},
	} {
		t.Run(strings.Join(c.lacks, ","), func(t *testing.T) {
			r := newRoot(t, "tmp").shell(t, "dash").without(t, c.lacks...)
			s := dial(t, pusher(t, false), r.way())
			if c.why == "" && s.err != nil || c.why != "" && (s.err == nil || s.err.Error() != c.why) {
				t.Errorf("%v", s.err)
			}
			if left := r.files(t); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	r := newRoot(t, "tmp")
	r.mounts = nil
	if s := dial(t, pusher(t, false), r.way()); s.err == nil || s.err.Error() != "the program cannot be run there: /proc is not mounted there" {
		t.Errorf("without /proc: %v", s.err)
	}
	if s := dial(t, pusher(t, false), newRoot(t, "tmp").shell(t, "dash").without(t, "sh").way()); !errors.Is(s.err, ErrEnded) {
		t.Errorf("without a shell: %v", s.err)
	}
}

// TestKeep: a kept program is used again, and not sent; one that was changed is sent again. A run
// that does not keep it removes it.
func TestKeep(t *testing.T) {
	r := newRoot(t, "run")
	use := func(keep bool, word string) {
		t.Helper()
		s := dial(t, pusher(t, keep), r.way())
		if s.err != nil {
			t.Fatal(s.err)
		}
		if s.line(word) != "/run" {
			t.Errorf("no %s in %q", word, s.said)
		}
		s.end()
		left := r.files(t)
		if keep != (len(left) == 1 && left[0] == "/run/.ovn-ct-trace") || !keep && len(left) > 0 {
			t.Errorf("keep is %v, and there is %v", keep, left)
		}
	}
	kept := func() string {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(r.dir, "run/.ovn-ct-trace/*"))
		if err != nil || len(names) != 1 {
			t.Fatalf("kept: %v %v", names, err)
		}
		return names[0]
	}
	use(true, "place")
	use(true, "kept")
	if err := os.WriteFile(kept(), []byte("#!/bin/sh\necho hacked\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	use(true, "place")
	use(true, "kept")
	// An older version, and the remains of a run that was killed, go when a program is kept.
	if err := os.Rename(kept(), filepath.Join(r.dir, "run/.ovn-ct-trace/0123")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "run/.ovn-ct-trace/new.ABC"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	use(true, "place")
	kept()
	use(false, "kept")
	use(false, "place")

	// Somebody else's folder is neither used nor removed.
	use(true, "place")
	if err := os.Chown(filepath.Dir(kept()), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{true, false} {
		s := dial(t, pusher(t, keep), r.way())
		if s.err != nil || s.line("place") != "/run" {
			t.Errorf("%v: %q", s.err, s.said)
		}
		s.end()
		kept()
	}
}

// TestAtOnce: runs at the same time, kept or not, do not disturb one another.
func TestAtOnce(t *testing.T) {
	r := newRoot(t, "run")
	p, k := pusher(t, false), pusher(t, true)
	for range 2 {
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				s := dial(t, []*Pusher{p, k}[i%2], r.way())
				if s.err != nil {
					t.Errorf("%v: %q %s", s.err, s.said, s.stderr)
				}
				s.end()
			})
		}
		wg.Wait()
	}
	s := dial(t, p, r.way())
	s.end()
	if left := r.files(t); len(left) > 0 || s.err != nil {
		t.Errorf("left behind: %v %v", left, s.err)
	}
}

// TestOtherProgram: what has another hash than said is not run, or does not serve.
func TestOtherProgram(t *testing.T) {
	p := pusher(t, false)
	prog, err := p.Programs.For("Linux", runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("0123456789abcdef", 4)
	wrong := &Pusher{Programs: &Programs{read: map[Arch]*Program{Arch(runtime.GOARCH): {data: prog.data, hash: other}}}}
	s := dial(t, wrong, newRoot(t, "tmp").shell(t, "dash").way())
	if s.err == nil || !strings.Contains(s.err.Error(), "/tmp: what arrived is not what was sent") {
		t.Error(s.err)
	}
	s = dial(t, wrong, newRoot(t, "tmp").shell(t, "dash").without(t, "sha256sum").way())
	if s.err == nil || !strings.Contains(s.stderr, "ovn-ct-trace: the program that arrived has the hash "+prog.hash[:12]+", not 0123456789ab\n") {
		t.Error(s.err, s.stderr)
	}
}
