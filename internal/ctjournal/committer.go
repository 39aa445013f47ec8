package ctjournal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

// Kernel is the conntrack table to which entries are written; *ctnetlink.Table implements it.
type Kernel interface {
	Read(ctx context.Context, zone uint16, t ctstate.Tuple) (ctnetlink.Record, error)
	Create(ctx context.Context, s ctnetlink.Spec) error
	Update(ctx context.Context, k ctnetlink.Key, c ctnetlink.Change) error
	Delete(ctx context.Context, k ctnetlink.Key) error
}

// ErrNotOurs reports that an entry was not changed, because this tool did not create it.
var ErrNotOurs = errors.New("the entry was not made by this tool: it stays unchanged")

// ErrInUse reports that an entry was not changed, because another running process created it.
var ErrInUse = errors.New("the entry belongs to another run of this tool, which is still running")

// Options are the options of a Committer; the zero value has the defaults.
type Options struct {
	Dir     string        // DefaultDir() if empty
	Timeout time.Duration // of each entry; 30 s if 0
	Keep    bool          // Close leaves the entries
	Now     func() time.Time
	Hook    func(Step) // called at every step, for fault injection
}

// Step is a point between two effects at which a run may be killed.
type Step string

// The steps of a commit, of an update, of removal, and of Clean.
const (
	StepFile     Step = "journal file made"
	StepHeader   Step = "header written"
	StepIntent   Step = "intent written"
	StepCreated  Step = "entry created"
	StepRead     Step = "entry read back"
	StepID       Step = "id written"
	StepUpdated  Step = "entry updated"
	StepRenewed  Step = "update written"
	StepFound    Step = "entry found for removal"
	StepDeleted  Step = "entry deleted"
	StepGone     Step = "removal written"
	StepKeep     Step = "keep written"
	StepUnlinked Step = "journal removed"
	StepLocked   Step = "journal locked for cleaning"
)

// Committer writes the entries of one run into one namespace's table. It is
// safe for concurrent use.
type Committer struct {
	k    Kernel
	ns   NSRef
	opts Options

	mu       sync.Mutex
	file     *file // made by the first Commit
	n        int
	all      []*owned         // the entries that may be in the table
	own      map[place]*owned // the entries that are
	warnings []string
	closed   bool
}

// place identifies an entry in the table.
type place struct {
	zone uint16
	orig ctstate.Tuple
}

// owned is an entry of this run.
type owned struct {
	entry
	last   ctnetlink.Record // as written or read last
	lastAt time.Time
}

// New returns a Committer for the table k of namespace ns. It writes nothing, neither to disk nor
// to the kernel, before the first Commit.
func New(k Kernel, ns NSRef, opts Options) *Committer {
	if opts.Dir == "" {
		opts.Dir = DefaultDir()
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 30 * time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Hook == nil {
		opts.Hook = func(Step) {}
	}
	return &Committer{k: k, ns: ns, opts: opts, own: map[place]*owned{}}
}

// NewFor is New for an open table.
func NewFor(t *ctnetlink.Table, opts Options) (*Committer, error) {
	id, err := t.NetNSID()
	if err != nil {
		return nil, err
	}
	return New(t, NSRef{ID: id, PID: t.NetNS().PID(), Path: t.NetNS().Path()}, opts), nil
}

// Warnings returns the differences so far between the requested entries and those in the kernel.
func (c *Committer) Warnings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.warnings...)
}

func (c *Committer) warn(e ctstate.Entry, format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf("ct zone %d: %v: ", e.Zone, e.Orig)+fmt.Sprintf(format, args...))
}

// Commit creates the entry with exactly the translated ports of e.Reply, and returns it as the
// kernel created it. The error is ctnetlink.ErrExists if one of its tuples is taken: Commit
// replaces nothing.
func (c *Committer) Commit(ctx context.Context, e ctstate.Entry) (ctstate.Entry, error) {
	return c.CommitOpen(ctx, e, nil)
}

// CommitOpen is Commit for an entry with choices (open) that could not be predicted: the kernel
// makes them, from the same range.
func (c *Committer) CommitOpen(ctx context.Context, e ctstate.Entry, open []ctstate.Range) (ctstate.Entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ctstate.Entry{}, os.ErrClosed
	}
	spec, err := specOf(e, open, c.seconds())
	if err != nil {
		return ctstate.Entry{}, &ctstate.LookupError{Zone: e.Zone, Tuple: e.Orig, Err: err}
	}
	if spec.Tag, err = newTag(); err != nil {
		return ctstate.Entry{}, err
	}
	if err := c.begin(); err != nil {
		return ctstate.Entry{}, err
	}
	o, err := c.intend(spec)
	if err != nil {
		return ctstate.Entry{}, err
	}
	if err := c.k.Create(ctx, spec); err != nil {
		return ctstate.Entry{}, errors.Join(err, c.failed(ctx, o, err))
	}
	c.own[place{e.Zone, e.Orig}] = o
	c.opts.Hook(StepCreated)
	if err := c.readBack(ctx, o); err != nil {
		return ctstate.Entry{}, errors.Join(err, c.discard(ctx, o))
	}
	c.compare(e, open, o.last)
	return o.last.Entry, nil
}

func (c *Committer) seconds() uint32 { return uint32(max(1, int64(c.opts.Timeout/time.Second))) }

func newTag() (uint64, error) {
	for {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return 0, err
		}
		// The tag 0 is no tag, and the kernel may not show a tag with a zero half.
		if t := binary.BigEndian.Uint64(b[:]); t>>32 != 0 && uint32(t) != 0 {
			return t, nil
		}
	}
}

// begin creates the run's journal.
func (c *Committer) begin() error {
	if c.file != nil {
		return nil
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	f, run, err := createFile(c.opts.Dir)
	if err != nil {
		return err
	}
	c.file = f
	c.opts.Hook(StepFile)
	h := &header{Version: 1, Run: run, Boot: boot, PID: os.Getpid(), Start: c.opts.Now(), NS: c.ns}
	if err := f.append(record{Header: h}); err != nil {
		c.file = nil
		return errors.Join(err, f.remove())
	}
	c.opts.Hook(StepHeader)
	return nil
}

// intend writes an entry to the journal before it is created.
func (c *Committer) intend(s ctnetlink.Spec) (*owned, error) {
	c.n++
	in := intent{At: c.opts.Now(), Zone: s.Zone, Orig: s.Orig, Status: s.Status, Timeout: s.Timeout, Mark: s.Mark, Tag: s.Tag}
	if s.TCP != nil {
		in.TCP = uint8(s.TCP.State)
	}
	o := &owned{entry: entry{n: c.n, intent: in}}
	if err := c.file.append(record{N: o.n, Intent: &in}); err != nil {
		return nil, err
	}
	c.all = append(c.all, o)
	c.opts.Hook(StepIntent)
	return o, nil
}

// failed handles an entry whose creation was refused, or whose answer was lost.
func (c *Committer) failed(ctx context.Context, o *owned, err error) error {
	var ne *ctnetlink.Error
	if errors.As(err, &ne) || errors.Is(err, ctnetlink.ErrExists) {
		return c.gone(o, "refused by the kernel")
	}
	return c.discard(ctx, o)
}

// discard removes an entry from the table if it is there.
func (c *Committer) discard(ctx context.Context, o *owned) error {
	ctx, cancel := closing(ctx)
	defer cancel()
	_, err := c.remove(ctx, o)
	return err
}

// readBack reads the entry's id and writes it to the journal.
func (c *Committer) readBack(ctx context.Context, o *owned) error {
	rec, err := c.k.Read(ctx, o.intent.Zone, o.intent.Orig)
	if err != nil {
		return fmt.Errorf("reading the new entry back: %w", err)
	}
	if claim, why := proof(&o.entry, rec, c.opts.Now()); claim == notOurs {
		return fmt.Errorf("reading the new entry back: %s", why)
	}
	c.opts.Hook(StepRead)
	o.last, o.lastAt = rec, c.opts.Now()
	cr := created{ID: rec.ID, Reply: rec.Reply, Tagged: rec.HasTag}
	if err := c.file.append(record{N: o.n, Created: &cr}); err != nil {
		return err
	}
	o.created = &cr
	c.opts.Hook(StepID)
	return nil
}

func (c *Committer) gone(o *owned, why string) error {
	if at := (place{o.intent.Zone, o.intent.Orig}); c.own[at] == o {
		delete(c.own, at)
	}
	o.entry.gone = why
	err := c.file.append(record{N: o.n, Gone: why})
	c.opts.Hook(StepGone)
	return err
}

// Delete removes one of the run's own entries; ErrNotOurs for any other entry.
func (c *Committer) Delete(ctx context.Context, e ctstate.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.own[place{e.Zone, e.Orig}]
	if o == nil {
		return &ctstate.LookupError{Zone: e.Zone, Tuple: e.Orig, Err: ErrNotOurs}
	}
	_, err := c.remove(ctx, o)
	return err
}

func (c *Committer) remove(ctx context.Context, o *owned) (claim, error) {
	claim, why, err := remove(ctx, c.k, &o.entry, c.opts.Now, c.opts.Hook)
	if err != nil {
		return claim, err
	}
	if claim == unsure {
		return claim, &ctstate.LookupError{Zone: o.intent.Zone, Tuple: o.intent.Orig, Err: errors.New(why)}
	}
	return claim, c.gone(o, why)
}

// remove removes an entry from the table if it is certainly ours. After ours and notOurs, our entry
// is no longer in the table.
func remove(ctx context.Context, k Kernel, e *entry, now func() time.Time, hook func(Step)) (claim, string, error) {
	rec, err := k.Read(ctx, e.intent.Zone, e.intent.Orig)
	if errors.Is(err, ctstate.ErrNotFound) {
		return notOurs, "expired", nil
	}
	if err != nil {
		return unsure, "", err
	}
	what, why := proof(e, rec, now())
	if what != ours {
		return what, why, nil
	}
	key, err := ctnetlink.KeyOf(rec.Entry)
	if err != nil {
		return unsure, "", err
	}
	hook(StepFound)
	if err := k.Delete(ctx, key); err != nil && !errors.Is(err, ctstate.ErrNotFound) {
		return unsure, "", err
	}
	hook(StepDeleted)
	return ours, "removed", nil
}

// closing returns ctx, or a new context for clean-up if ctx is done.
func closing(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}

// Close removes every entry of the run, and then the journal, unless Options.Keep is set. It does
// so even if ctx is done. Entries that could not be removed stay in the journal for Clean.
func (c *Committer) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.file == nil {
		c.closed = true
		return nil
	}
	c.closed = true
	if c.opts.Keep && len(c.own) > 0 {
		err := c.file.append(record{Keep: true})
		c.opts.Hook(StepKeep)
		return errors.Join(err, c.file.close())
	}
	ctx, cancel := closing(ctx)
	defer cancel()
	var errs []error
	for _, o := range c.all {
		if o.entry.gone != "" {
			continue
		}
		if _, err := c.remove(ctx, o); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return errors.Join(append(errs, c.file.close())...)
	}
	err := c.file.remove()
	c.opts.Hook(StepUnlinked)
	return err
}
