package ctjournal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

var here = NSRef{ID: nodens.ID{Dev: 4, Ino: 4026531840}}

// crash stops a committer at a step as if it was killed: its journal is unlocked and it does
// nothing more.
func crash(t *testing.T, k Kernel, dir string, e ctstate.Entry, at Step) {
	t.Helper()
	type killed struct{}
	c := New(k, here, Options{Dir: dir, Hook: func(s Step) {
		if s == at {
			panic(killed{})
		}
	}})
	defer func() {
		if _, ok := recover().(killed); !ok {
			t.Fatalf("never came to %q", at)
		}
		if c.file != nil {
			c.file.close()
		}
	}()
	c.Commit(t.Context(), e)
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestCommitAndClose(t *testing.T) {
	for _, tags := range []bool{true, false} {
		k, dir := newFake(tags), t.TempDir()
		c := New(k, here, Options{Dir: dir})
		if err := New(k, here, Options{Dir: dir}).Close(t.Context()); err != nil || len(files(t, dir)) != 0 {
			t.Fatalf("a run without commits left %v: %v", files(t, dir), err)
		}
		got, err := c.Commit(t.Context(), udpEntry())
		if err != nil || got.ID == 0 {
			t.Fatal(got, err)
		}
		if _, err := c.Commit(t.Context(), udpEntry()); !errors.Is(err, ctnetlink.ErrExists) {
			t.Errorf("twice: %v", err)
		}
		items, err := List(dir)
		if err != nil || len(items) != 1 || items[0].State != StateLive || items[0].ID != got.ID || items[0].PID != os.Getpid() {
			t.Errorf("%+v %v", items, err)
		}
		// Clean does not touch the entries of a running run.
		removed, kept, err := Clean(t.Context(), dir, k.opener)
		if err != nil || len(removed) != 0 || len(kept) != 1 || kept[0].State != StateLive || len(k.entries) != 1 {
			t.Errorf("%v %v %v", removed, kept, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Close(ctx); err != nil { // as after ^C: the context is done
			t.Fatal(err)
		}
		if len(k.entries) != 0 || len(files(t, dir)) != 0 {
			t.Errorf("left: %v %v", k.entries, files(t, dir))
		}
		if _, err := c.Commit(t.Context(), udpEntry()); !errors.Is(err, os.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// TestDuplicateKeepsOwn checks that a run still owns its entry after a second commit of the same
// tuple was refused.
func TestDuplicateKeepsOwn(t *testing.T) {
	k, dir := newFake(true), t.TempDir()
	c := New(k, here, Options{Dir: dir})
	if _, err := c.Commit(t.Context(), udpEntry()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(t.Context(), udpEntry()); !errors.Is(err, ctnetlink.ErrExists) {
		t.Fatal(err)
	}
	if _, err := c.Update(t.Context(), udpEntry()); err != nil {
		t.Error(err)
	}
	if err := c.Close(t.Context()); err != nil || len(k.entries) != 0 {
		t.Errorf("left %v: %v", k.entries, err)
	}
}

// TestTouched checks how touched detects that packets have used an entry.
func TestTouched(t *testing.T) {
	now := time.Now()
	rec := func(timeout uint32, status ctstate.Status, state ctstate.TCPState) ctnetlink.Record {
		return ctnetlink.Record{Entry: ctstate.Entry{Timeout: timeout, Status: status, TCP: &ctstate.TCPInfo{State: state}}}
	}
	o := &owned{last: rec(30, ctstate.Confirmed, 1), lastAt: now}
	for _, c := range []struct {
		name  string
		after time.Duration
		rec   ctnetlink.Record
		want  bool
	}{
		{"as left", 0, rec(30, ctstate.Confirmed, 1), false},
		{"aged", 10 * time.Second, rec(20, ctstate.Confirmed, 1), false},
		{"aged, rounded", 10 * time.Second, rec(21, ctstate.Confirmed, 1), false},
		{"refreshed", 10 * time.Second, rec(30, ctstate.Confirmed, 1), true},
		{"replied", 10 * time.Second, rec(20, ctstate.Confirmed|ctstate.SeenReply, 1), true},
		{"advanced", 10 * time.Second, rec(20, ctstate.Confirmed, 3), true},
	} {
		if got := o.touched(c.rec, now.Add(c.after)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestProof checks what Clean does with each kind of entry found at the tuple after a crash.
func TestProof(t *testing.T) {
	p := place{7, tcpEntry(1).Orig}
	for _, c := range []struct {
		name  string
		tags  bool
		entry ctstate.Entry
		at    Step
		then  func(*fake)
		after time.Duration
		want  State
		gone  bool // whether the entry must be removed
	}{
		{name: "before creation", tags: true, entry: udpEntry(), at: StepIntent, want: StateGone, gone: true},
		{name: "created, id unknown", tags: true, entry: udpEntry(), at: StepCreated, want: StateRemoved, gone: true},
		{name: "id known", tags: true, entry: udpEntry(), at: StepID, want: StateRemoved, gone: true},
		{name: "expired", tags: true, entry: tcpEntry(1), at: StepID, then: func(f *fake) { delete(f.entries, p) }, want: StateGone, gone: true},
		{name: "a packet's connection with the same id", tags: true, entry: tcpEntry(1), at: StepID, then: func(f *fake) {
			r := f.entries[p]
			r.Tag, r.HasTag = 0, false
			f.entries[p] = r
		}, want: StateGone},
		{name: "another program's", tags: true, entry: tcpEntry(1), at: StepCreated, then: func(f *fake) {
			r := f.entries[p]
			r.Tag = 0
			f.entries[p] = r
		}, want: StateGone},
		{name: "another id", tags: true, entry: tcpEntry(1), at: StepID, then: func(f *fake) {
			r := f.entries[p]
			r.ID++
			f.entries[p] = r
		}, want: StateGone},
		{name: "upgraded by packets, still ours", tags: true, entry: tcpEntry(1), at: StepID, then: func(f *fake) {
			r := f.entries[p]
			r.Status |= ctstate.SeenReply | ctstate.Assured
			r.TCP = &ctstate.TCPInfo{State: 3, FlagsOrig: 0x0b, FlagsReply: 0x0a}
			r.Timeout = 432000
			f.entries[p] = r
		}, after: time.Hour, want: StateRemoved, gone: true},
		{name: "the other direction of another's", tags: true, entry: tcpEntry(1), at: StepID, then: func(f *fake) {
			r := f.entries[p]
			r.Orig, r.Reply = r.Reply, r.Orig
			f.entries[p] = r
		}, want: StateGone},
		// Kernels that show no tags.
		{name: "no tags, id known", entry: udpEntry(), at: StepID, want: StateRemoved, gone: true},
		{name: "no tags, id known, too late", entry: udpEntry(), at: StepID, after: time.Minute, want: StateUnsure},
		{name: "no tags, id unknown", entry: udpEntry(), at: StepCreated, want: StateUnsure},
		{name: "no tags, id unknown, TCP as only we write it", entry: tcpEntry(1), at: StepCreated, want: StateRemoved, gone: true},
		{name: "no tags, id unknown, TCP as pick-up makes it", entry: tcpEntry(3), at: StepCreated, want: StateUnsure},
		{name: "no tags, id unknown, a packet's SYN", entry: tcpEntry(1), at: StepCreated, then: func(f *fake) {
			r := f.entries[p]
			r.TCP = &ctstate.TCPInfo{State: 1, FlagsOrig: 0x03}
			f.entries[p] = r
		}, want: StateUnsure},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, dir := newFake(c.tags), t.TempDir()
			crash(t, k, dir, c.entry, c.at)
			if c.then != nil {
				c.then(k)
			}
			cl := Cleaner{Dir: dir, Open: k.opener, Now: func() time.Time { return time.Now().Add(c.after) }}
			removed, kept, err := cl.Clean(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			items := append(removed, kept...)
			if len(items) != 1 || items[0].State != c.want || items[0].Why == "" {
				t.Fatalf("%+v, want %s", items, c.want)
			}
			if (len(k.entries) == 0) != c.gone {
				t.Errorf("the table: %v", k.entries)
			}
			if settled := c.want != StateUnsure; settled != (len(files(t, dir)) == 0) {
				t.Errorf("journals: %v", files(t, dir))
			}
		})
	}
}

// TestLostAnswer checks a request that the kernel fulfilled and whose answer was lost.
func TestLostAnswer(t *testing.T) {
	k, dir := newFake(true), t.TempDir()
	k.err = context.Canceled
	c := New(k, here, Options{Dir: dir})
	if _, err := c.Commit(t.Context(), udpEntry()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(k.entries) != 0 {
		t.Error("the entry stayed")
	}
	if err := c.Close(t.Context()); err != nil || len(files(t, dir)) != 0 {
		t.Error(err)
	}
}

func TestKeep(t *testing.T) {
	k, dir := newFake(true), t.TempDir()
	c := New(k, here, Options{Dir: dir, Keep: true})
	if _, err := c.Commit(t.Context(), udpEntry()); err != nil {
		t.Fatal(err)
	}
	next := New(k, here, Options{Dir: dir})
	if _, err := next.Update(t.Context(), udpEntry()); !errors.Is(err, ErrInUse) {
		t.Errorf("update of a live run's entry: %v", err)
	}
	if err := c.Close(t.Context()); err != nil || len(k.entries) != 1 {
		t.Fatal(err)
	}
	if items, err := List(dir); err != nil || len(items) != 1 || items[0].State != StateKept {
		t.Errorf("%+v %v", items, err)
	}
	// The next run may change a kept entry, and the entry stays kept.
	if _, err := next.Update(t.Context(), udpEntry()); err != nil {
		t.Error(err)
	}
	if err := next.Close(t.Context()); err != nil || len(k.entries) != 1 {
		t.Errorf("%v %v", k.entries, err)
	}
	if _, err := New(k, here, Options{Dir: dir}).Update(t.Context(), tcpEntry(3)); !errors.Is(err, ErrNotOurs) {
		t.Errorf("update of nobody's: %v", err)
	}
	if removed, _, err := Clean(t.Context(), dir, k.opener); err != nil || len(removed) != 1 || len(k.entries) != 0 || len(files(t, dir)) != 0 {
		t.Errorf("%v %v", removed, err)
	}
}

func TestOtherBoot(t *testing.T) {
	k, dir := newFake(true), t.TempDir()
	crash(t, k, dir, udpEntry(), StepID)
	path := files(t, dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	j := parse(path, b)
	j.header.Boot = "00000000-0000-0000-0000-000000000000"
	line, err := record{Header: j.header}.line()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\n")
	if err := os.WriteFile(path, append(line, rest...), 0o600); err != nil {
		t.Fatal(err)
	}
	removed, kept, err := Clean(t.Context(), dir, func(context.Context, NSRef) (Kernel, func() error, error) {
		t.Error("the table was opened")
		return nil, nil, errors.New("no")
	})
	if err != nil || len(removed) != 1 || removed[0].State != StateGone || len(kept) != 0 || len(files(t, dir)) != 0 {
		t.Errorf("%v %v %v", removed, kept, err)
	}
}

func TestNetNSGone(t *testing.T) {
	dir := t.TempDir()
	crash(t, newFake(true), dir, udpEntry(), StepID)
	gone := func(context.Context, NSRef) (Kernel, func() error, error) { return nil, nil, ErrNoNetNS }
	_, kept, err := Clean(t.Context(), dir, gone)
	if err != nil || len(kept) != 1 || kept[0].State != StateUnsure {
		t.Errorf("%v %v", kept, err)
	}
	late := Cleaner{Dir: dir, Open: gone, Now: func() time.Time { return time.Now().Add(time.Minute) }}
	removed, kept, err := late.Clean(t.Context())
	if err != nil || len(kept) != 0 || len(removed) != 1 || len(files(t, dir)) != 0 {
		t.Errorf("%v %v %v", removed, kept, err)
	}
}
