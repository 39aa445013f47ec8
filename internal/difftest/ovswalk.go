package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// frame returns the packet as sent to the bridge.
func frame(pk *packet, program int) []byte {
	dst := programMAC(program)
	typ := []byte{0x08, 0x00}
	if pk.p.Tuple.IsIPv6() {
		typ = []byte{0x86, 0xdd}
	}
	return concat(dst[:], []byte{0x02, 0xee, 0, 0, 0, 1}, typ, wire(&pk.p, pk.tcp, 0))
}

// exchange sends a packet and reads the copies from the bridge; nil if it was dropped.
func (d *ovsDiffer) exchange(pk *packet, program int, dropped bool) (*seen, error) {
	for { // discard late frames of an earlier step
		late, err := d.v.out.receive(0)
		if err != nil {
			return nil, err
		}
		if late == nil {
			break
		}
	}
	if err := d.v.in.send(frame(pk, program)); err != nil {
		return nil, err
	}
	limit := 10 * time.Second
	if dropped {
		limit = 400 * time.Millisecond
	}
	var frames [][]byte
	for n := 1; len(frames) < n; {
		f, err := d.v.out.receive(limit)
		if err != nil {
			return nil, err
		}
		if f == nil {
			return nil, nil
		}
		if frames = append(frames, f); len(frames) == 1 {
			if n, err = want(f); err != nil {
				return nil, err
			}
		}
	}
	return decode(frames)
}

// walk is the path of a packet through a program in the model.
type walk struct {
	conn    ctstate.Conn
	pk      ctstate.Packet
	last    ctstate.Result
	first   ctstate.Result // of the first action
	stages  []ctstate.State
	dropped bool
	why     []string
	keys    []owned        // the looked up tuples, whose entries are compared
	before  *ctstate.Entry // what the first action finds
	assumed bool           // the result assumes sequence numbers that the generator cannot guarantee
	stale   bool           // later results are not determined: see Why
}

// walk runs a packet through a program over an overlay. adopt, if not nil, supplies what the model
// cannot know.
func (d *ovsDiffer) walk(o *ctstate.Overlay, p packet, prog *program, adopt func(*ctstate.Result, *ctstate.Packet) error) (*walk, error) {
	ctx, cancel := bounded()
	defer cancel()
	w := &walk{pk: p.p}
	v6 := p.p.Tuple.IsIPv6()
	for i := range prog.ops {
		op := &prog.ops[i]
		if op.clear {
			w.conn = d.model.Clear(w.conn)
			continue
		}
		if op.set {
			if to := setAddr(v6); w.pk.Tuple.Dst.Addr() != to {
				w.pk.Tuple.Dst = netip.AddrPortFrom(to, w.pk.Tuple.Dst.Port())
				w.conn = d.model.Rewritten(w.conn)
			}
			continue
		}
		act := op.action(v6)
		key := w.pk.Tuple
		if w.pk.Inner != nil {
			if inv, ok := w.pk.Inner.Invert(); ok {
				key = inv
			}
		}
		w.keys = append(w.keys, owned{act.Zone, key})
		if e, err := o.Lookup(ctx, act.Zone, key); i == 0 && err == nil {
			w.before = &e
		}
		in := w.pk
		r, err := d.model.Do(ctx, o, w.conn, w.pk, act)
		if err != nil {
			return nil, fmt.Errorf("model: %w", broken(err))
		}
		if d.way != nil {
			r = d.way.pick(r)
		}
		if adopt != nil && d.way == nil {
			if r, err = d.alternative(r, i == len(prog.ops)-1); err != nil {
				return nil, err
			}
		}
		if adopt != nil {
			if one, err := d.addressPicked(&r, act); err != nil {
				return nil, err
			} else if one != nil { // run again with the datapath's address
				act.NAT = one
				if r, err = d.model.Do(ctx, o, w.conn, in, act); err != nil {
					return nil, fmt.Errorf("model: %w", broken(err))
				}
			}
		}
		o.Apply(r)
		if adopt != nil && r.Certainty == ctstate.Undetermined {
			if err := adopt(&r, &in); err != nil {
				return nil, err
			}
		}
		w.why = append(w.why, fmt.Sprintf("%v %q", r.Conn.State, r.Why))
		if r.Committed != nil {
			w.keys = append(w.keys, owned{act.Zone, r.Committed.Orig})
		}
		w.conn, w.pk, w.last = r.Conn, r.Packet, r
		if i == 0 {
			w.first = r
		}
		if !d.kernel && !d.loose && r.Certainty == ctstate.Assumed && r.Hit != nil && p.p.Tuple.Proto == ctstate.ProtoTCP {
			w.assumed = true
		}
		if h := w.first.Hit; !d.loose && i > 0 && h != nil && r.Hit != nil && r.Hit.Orig == h.Orig && r.Dir != w.first.Dir && p.p.Tuple.Proto == ctstate.ProtoTCP {
			// Translated to itself: a packet belongs to both sides, but has the numbers of one.
			w.assumed = true
		}
		if d.limits != nil && r.Deleted != nil { // it counts until the daemon removes it
			w.stale = true
			if i < len(prog.ops)-1 {
				return nil, errNext
			}
		}
		if !d.kernel && r.Certainty != ctstate.Exact && (r.Deleted != nil || r.Certainty == ctstate.Assumed && r.Committed != nil && r.Hit == nil) {
			w.stale = true
			if i < len(prog.ops)-1 || r.Certainty == ctstate.Undetermined || r.Deleted == nil {
				return nil, errNext
			}
		}
		if r.Dropped || r.Absorbed {
			w.dropped = true
			return w, nil
		}
		if op.pause && i < len(prog.ops)-1 {
			w.stages = append(w.stages, w.conn.State)
		}
	}
	return w, nil
}

// compareStep sends a packet through a program and compares everything observable.
func (d *ovsDiffer) compareStep(pk *packet, n int) (w *walk, diffs []string, err error) {
	if d.reading {
		return d.compareRead(pk, n)
	}
	prog := &d.programs[n]
	guess, err := d.walk(d.o.Fork(), *pk, prog, nil)
	if errors.Is(err, errNext) {
		return nil, nil, errSkip
	}
	if err != nil {
		return nil, nil, err
	}
	d.tbl.Reset()
	d.history = append(d.history, fmt.Sprintf("%s | %s", pk.text, prog))
	line := &d.history[len(d.history)-1]
	got, err := d.exchange(pk, n, guess.dropped)
	if err != nil {
		return nil, nil, err
	}
	if w, err = d.walk(d.o, *pk, prog, d.adopt); err != nil {
		return nil, nil, err
	}
	*line += fmt.Sprintf(" -> model %s", strings.Join(w.why, ", "))
	if w.assumed {
		return nil, nil, errNext
	}
	diffs, err = d.compareAllOf(w, got)
	return w, diffs, err
}

// compareAllOf compares the received packet with a walk, and the entries with the model's.
func (d *ovsDiffer) compareAllOf(w *walk, got *seen) ([]string, error) {
	diffs := d.compare(w, got)
	for i, k := range w.keys {
		if slices.Contains(w.keys[:i], k) {
			continue
		}
		more, err := d.compareEntries(k)
		if err != nil {
			return nil, err
		}
		diffs = append(diffs, more...)
	}
	return diffs, nil
}
