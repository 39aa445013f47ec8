package ctjournal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

func label(l ctstate.Label) string {
	if l.Hi != 0 {
		return fmt.Sprintf("0x%x%016x", l.Hi, l.Lo)
	}
	return fmt.Sprintf("0x%x", l.Lo)
}

// Update changes an entry of this run, or one that an earlier run kept, to SEEN_REPLY, ASSURED, TCP
// state, mark and label of e, and restarts its timeout. For any other entry the error is
// ErrNotOurs. If real packets have used the entry meanwhile, its state and timeout stay, and Update
// warns.
func (c *Committer) Update(ctx context.Context, e ctstate.Entry) (ctstate.Entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fail := func(err error) (ctstate.Entry, error) {
		var le *ctstate.LookupError
		if !errors.As(err, &le) {
			err = &ctstate.LookupError{Zone: e.Zone, Tuple: e.Orig, Err: err}
		}
		return ctstate.Entry{}, err
	}
	o, f := c.own[place{e.Zone, e.Orig}], c.file
	if o == nil {
		var err error
		if o, f, err = c.borrow(e); err != nil {
			return fail(err)
		}
		defer f.close()
	}
	rec, err := c.k.Read(ctx, e.Zone, e.Orig)
	if err != nil {
		return fail(err)
	}
	if what, why := proof(&o.entry, rec, c.opts.Now()); what != ours {
		return fail(fmt.Errorf("%w (%s)", ErrNotOurs, why))
	}
	key, err := ctnetlink.KeyOf(rec.Entry)
	if err != nil {
		return fail(err)
	}
	ch := c.change(e, o, rec)
	err = c.k.Update(ctx, key, ch)
	if ch.Label != nil && errors.Is(err, unix.ENOSPC) {
		// This namespace has no user of labels. ctnetlink_change_conntrack has written what precedes the
		// labels; writing it again does no harm.
		c.warn(e, "the kernel keeps no connection labels in this namespace: ct_label stays %s", label(rec.Label))
		ch.Label = nil
		err = c.k.Update(ctx, key, ch)
	}
	if err != nil {
		return fail(err)
	}
	c.opts.Hook(StepUpdated)
	if ch.Timeout != 0 {
		rn := renewed{At: c.opts.Now(), Timeout: ch.Timeout}
		if err := f.append(record{N: o.n, Renewed: &rn}); err != nil {
			return fail(err)
		}
		o.renewed = &rn
		c.opts.Hook(StepRenewed)
	}
	got, err := c.k.Read(ctx, e.Zone, e.Orig)
	if err != nil {
		return fail(err)
	}
	o.last, o.lastAt = got, c.opts.Now()
	return got.Entry, nil
}

// change returns what Update writes; it omits what real packets have changed.
func (c *Committer) change(e ctstate.Entry, o *owned, rec ctnetlink.Record) ctnetlink.Change {
	ch := ctnetlink.Change{Mark: &e.Mark}
	if e.Label != rec.Label {
		ch.Label = &e.Label
	}
	if o.touched(rec, c.opts.Now()) {
		c.warn(e, "packets have used the synthetic entry meanwhile: its state and timeout stay as the packets left them")
		return ch
	}
	ch.Status, ch.Timeout, ch.SCTP = e.Status, c.seconds(), e.SCTP
	if e.TCP != nil && rec.TCP != nil && e.TCP.State != 0 && e.TCP.State != rec.TCP.State {
		ch.TCP = e.TCP
	}
	return ch
}

// touched reports whether a packet has used the entry since it was last written or read: its state
// has changed, or its remaining timeout is too long.
func (o *owned) touched(rec ctnetlink.Record, now time.Time) bool {
	if o.lastAt.IsZero() {
		return false // borrowed: not read before
	}
	const moves = ctstate.SeenReply | ctstate.Assured
	if (o.last.Status^rec.Status)&moves != 0 {
		return true
	}
	if o.last.TCP != nil && rec.TCP != nil && o.last.TCP.State != rec.TCP.State {
		return true
	}
	passed := now.Sub(o.lastAt).Seconds()
	return float64(rec.Timeout) > float64(o.last.Timeout)-passed+1.5 // both are rounded
}

// borrow returns an entry that an earlier run has kept. The entry's journal stays locked until the
// update is written, and remains the journal that Clean uses.
func (c *Committer) borrow(e ctstate.Entry) (*owned, *file, error) {
	boot, err := bootID()
	if err != nil {
		return nil, nil, err
	}
	paths, err := filepath.Glob(filepath.Join(c.opts.Dir, "*"+suffix))
	if err != nil {
		return nil, nil, err
	}
	verdict := ErrNotOurs
	for _, path := range paths {
		if c.file != nil && path == c.file.path {
			continue
		}
		f, err := openFile(path)
		if errors.Is(err, errBusy) {
			if j, err := peek(path); err == nil && j.find(boot, c.ns, e) != nil {
				verdict = ErrInUse
			}
			continue
		}
		if err != nil {
			continue
		}
		j, err := f.read()
		if err == nil {
			if en := j.find(boot, c.ns, e); en != nil {
				return &owned{entry: *en}, f, nil
			}
		}
		f.close()
	}
	return nil, nil, verdict
}

// find returns the journal's entry at e's place, nil unless the journal is of this boot and
// namespace.
func (j *journal) find(boot string, ns NSRef, e ctstate.Entry) *entry {
	if j.header == nil || j.header.Boot != boot || j.header.NS.ID != ns.ID {
		return nil
	}
	for _, en := range j.left() {
		if en.intent.Zone == e.Zone && en.intent.Orig == e.Orig {
			return en
		}
	}
	return nil
}
