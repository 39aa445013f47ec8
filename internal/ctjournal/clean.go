package ctjournal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// ErrNoNetNS is the error of an Opener that does not find the namespace: it has ended, and its
// table with it, or it is not visible to this process.
var ErrNoNetNS = errors.New("its network namespace has ended, or is not visible from here")

// Opener opens the table of a journal's namespace; close releases it.
type Opener func(ctx context.Context, ns NSRef) (k Kernel, close func() error, err error)

// Open is the Opener that searches for the namespace by its identity: first at its former path,
// then in all processes.
func Open(ctx context.Context, ns NSRef) (Kernel, func() error, error) {
	var hints []nodens.NetNS
	if ns.Path != "" {
		hints = append(hints, nodens.OfPath(ns.Path))
	}
	if ns.PID != 0 {
		hints = append(hints, nodens.OfPID(ns.PID))
	}
	found, ok := nodens.Find(ns.ID, hints...)
	if !ok {
		return nil, nil, ErrNoNetNS
	}
	t, err := ctnetlink.Open(ctx, found)
	if err != nil {
		return nil, nil, err
	}
	return t, t.Close, nil
}

// State is the state of a journaled entry.
type State string

// The states an Item can have.
const (
	StateLive    State = "live"    // its run is still running
	StateKept    State = "kept"    // its run ended and kept it
	StateLeft    State = "left"    // its run was killed
	StateRemoved State = "removed" // Clean removed it
	StateGone    State = "gone"    // it was no longer in the table
	StateUnsure  State = "unsure"  // the table has an entry that may be it
	StateFailed  State = "failed"  // the table could not be read
)

// Item is one journaled entry.
type Item struct {
	Journal string // path
	Run     string
	PID     int // of the run
	NS      NSRef
	Zone    uint16
	Orig    ctstate.Tuple
	Reply   *ctstate.Tuple // nil if the run did not learn it
	ID      uint32         // 0 if the run did not learn it
	Expires time.Time      // when it expires unless a packet refreshes it
	State   State
	Why     string
}

func item(path string, j *journal, e *entry) Item {
	it := Item{Journal: path, Zone: e.intent.Zone, Orig: e.intent.Orig, Expires: e.deadline(), State: StateLeft}
	if j.header != nil {
		it.Run, it.PID, it.NS = j.header.Run, j.header.PID, j.header.NS
	}
	if j.keep {
		it.State = StateKept
	}
	if e.created != nil {
		it.Reply, it.ID = &e.created.Reply, e.created.ID
	}
	return it
}

// Cleaner cleans up after runs that have ended; the zero Cleaner cleans DefaultDir.
type Cleaner struct {
	Dir  string
	Open Opener           // Open if nil
	Now  func() time.Time // time.Now if nil
	Hook func(Step)       // called at every step, for fault injection
}

// Clean removes from the kernel the entries that ended runs have left, and their journals. It does
// not touch entries of running runs. removed lists the entries that it removed or that were gone;
// kept lists those that it left, each with the reason. After an error it goes on with the other
// journals.
func Clean(ctx context.Context, dir string, open Opener) (removed, kept []Item, err error) {
	return (&Cleaner{Dir: dir, Open: open}).Clean(ctx)
}

// Clean is the function Clean with the Cleaner's fields.
func (c *Cleaner) Clean(ctx context.Context) (removed, kept []Item, err error) {
	paths, err := journals(c.dir())
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, path := range paths {
		if ctx.Err() != nil {
			errs = append(errs, ctx.Err())
			break
		}
		items, err := c.cleanFile(ctx, path)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
		for _, it := range items {
			if it.State == StateRemoved || it.State == StateGone {
				removed = append(removed, it)
			} else {
				kept = append(kept, it)
			}
		}
	}
	return removed, kept, errors.Join(errs...)
}

func (c *Cleaner) dir() string {
	if c.Dir == "" {
		return DefaultDir()
	}
	return c.Dir
}

func (c *Cleaner) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c *Cleaner) hook(s Step) {
	if c.Hook != nil {
		c.Hook(s)
	}
}

func journals(dir string) ([]string, error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range names {
		if filepath.Ext(n.Name()) == suffix && n.Type().IsRegular() {
			out = append(out, filepath.Join(dir, n.Name()))
		}
	}
	return out, nil
}

// cleanFile cleans up after one run.
func (c *Cleaner) cleanFile(ctx context.Context, path string) ([]Item, error) {
	f, err := openFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // another cleaner has removed it
	}
	if errors.Is(err, errBusy) {
		return live(path)
	}
	if err != nil {
		return nil, err
	}
	c.hook(StepLocked)
	j, err := f.read()
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	items, settled := c.settle(ctx, f, path, j)
	// A damaged journal may name entries in the part that cannot be read: it is kept for the user to
	// look at.
	if !settled || j.damaged != nil {
		return items, errors.Join(j.damaged, f.close())
	}
	err = f.remove()
	c.hook(StepUnlinked)
	return items, err
}

// settle removes the remaining entries and reports whether the state of all of them is known.
func (c *Cleaner) settle(ctx context.Context, f *file, path string, j *journal) (items []Item, all bool) {
	left := j.left()
	if len(left) == 0 {
		return nil, true // killed before its first entry, or after its last
	}
	each := func(s State, why string) ([]Item, bool) {
		for _, e := range left {
			it := item(path, j, e)
			it.State, it.Why = s, why
			items = append(items, it)
		}
		return items, s == StateGone
	}
	if j.header == nil {
		return each(StateFailed, "the journal's header cannot be read")
	}
	boot, err := bootID()
	if err != nil {
		return each(StateFailed, err.Error())
	}
	if boot != j.header.Boot {
		return each(StateGone, "the machine was rebooted since")
	}
	open := c.Open
	if open == nil {
		open = Open
	}
	k, closeKernel, err := open(ctx, j.header.NS)
	if errors.Is(err, ErrNoNetNS) {
		return c.noNetNS(path, j)
	}
	if err != nil {
		return each(StateFailed, err.Error())
	}
	defer closeKernel()
	all = true
	for _, e := range left {
		it := c.cleanEntry(ctx, f, k, e, item(path, j, e))
		items = append(items, it)
		all = all && (it.State == StateRemoved || it.State == StateGone)
	}
	return items, all
}

// noNetNS returns the items of a journal whose namespace was not found. If the namespace has ended,
// so has its table. If it is only invisible (that of a container, to an ordinary user), the entries
// are in its table until they expire.
func (c *Cleaner) noNetNS(path string, j *journal) (items []Item, all bool) {
	all = true
	for _, e := range j.left() {
		it := item(path, j, e)
		it.State, it.Why = StateGone, ErrNoNetNS.Error()
		if c.now().Before(it.Expires) {
			it.State, all = StateUnsure, false
		}
		items = append(items, it)
	}
	return items, all
}

func (c *Cleaner) cleanEntry(ctx context.Context, f *file, k Kernel, e *entry, it Item) Item {
	what, why, err := remove(ctx, k, e, c.now, c.hook)
	it.Why = why
	switch {
	case err != nil:
		it.State, it.Why = StateFailed, err.Error()
		return it
	case what == unsure:
		it.State = StateUnsure
		return it
	case what == ours:
		it.State = StateRemoved
	default:
		it.State = StateGone
	}
	if err := f.append(record{N: e.n, Gone: why}); err != nil {
		it.State, it.Why = StateFailed, err.Error()
	}
	c.hook(StepGone)
	return it
}

// peek reads a journal without its lock; its run may be writing to it.
func peek(path string) (*journal, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, b), nil
}

// live returns the entries of a running run.
func live(path string) ([]Item, error) {
	j, err := peek(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var items []Item
	for _, e := range j.left() {
		it := item(path, j, e)
		it.State, it.Why = StateLive, fmt.Sprintf("process %d is using it", it.PID)
		items = append(items, it)
	}
	return items, nil
}

// List reads the journals and returns the entries that this tool has in the kernel's tables, or had
// when its run ended. It changes nothing and reads no table.
func List(dir string) ([]Item, error) {
	if dir == "" {
		dir = DefaultDir()
	}
	paths, err := journals(dir)
	if err != nil {
		return nil, err
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	var items []Item
	var errs []error
	for _, path := range paths {
		f, err := openFile(path)
		switch {
		case errors.Is(err, errBusy):
			l, err := live(path)
			items, errs = append(items, l...), append(errs, err)
			continue
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			errs = append(errs, err)
			continue
		}
		j, err := peek(path)
		f.close()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, j.damaged)
		for _, e := range j.left() {
			it := item(path, j, e)
			if j.header != nil && j.header.Boot != boot {
				it.State, it.Why = StateGone, "the machine was rebooted since"
			}
			items = append(items, it)
		}
	}
	return items, errors.Join(errs...)
}
