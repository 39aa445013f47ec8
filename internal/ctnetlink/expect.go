package ctnetlink

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Expectation returns the expectation that a new packet with the tuple would match. The kernel runs
// the masked look-up that it runs for packets (__nf_ct_expect_find). Its answer lacks the zone,
// which is the zone of the request.
func (t *Table) Expectation(ctx context.Context, zone uint16, tuple ctstate.Tuple) (ctstate.Expectation, error) {
	x, master, err := t.getExpect(ctx, zone, tuple)
	if err != nil {
		return ctstate.Expectation{}, lookupError(zone, tuple, err)
	}
	// The master may end at any time, and its expectations end with it.
	x.Master, err = t.Lookup(ctx, zone, master)
	if err != nil {
		return ctstate.Expectation{}, err
	}
	return x, nil
}

func (t *Table) getExpect(ctx context.Context, zone uint16, tuple ctstate.Tuple) (x ctstate.Expectation, master ctstate.Tuple, err error) {
	if err := checkTuple(tuple); err != nil {
		return x, master, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enc.begin(msgExpectGet, nlmRequest|nlmAck, t.s.nextSeq(), family(tuple))
	t.enc.tuple(ctaExpectTuple, tuple)
	t.enc.zone(ctaExpectZone, zone)
	found := false
	var flags uint32
	err = t.s.execute(ctx, "get expectation", t.enc.finish(), func(m message) error {
		if len(m.body) < nfgenHdr {
			return fault("answer", len(m.body), "shorter than nfgenmsg")
		}
		found = true
		var err error
		x, master, flags, err = decodeExpect(m.body[nfgenHdr:])
		return err
	})
	var e *Error
	if errors.As(err, &e) && e.Errno == unix.ENOENT {
		return ctstate.Expectation{}, master, ctstate.ErrNotFound
	}
	if err != nil {
		return ctstate.Expectation{}, master, err
	}
	// nf_ct_find_expectation ignores an inactive expectation, which waits until its helper releases
	// it; GET returns it.
	if !found || flags&expectInactive != 0 {
		return ctstate.Expectation{}, master, ctstate.ErrNotFound
	}
	x.Zone, x.Permanent = zone, flags&expectPermanent != 0
	return x, master, nil
}

func decodeExpect(b []byte) (x ctstate.Expectation, master ctstate.Tuple, flags uint32, err error) {
	d := walk(b)
	for d.next() {
		switch d.typ {
		case ctaExpectMaster:
			master, err = decodeTuple(d.val)
			d.join(err)
		case ctaExpectTuple:
			x.Tuple, err = decodeTuple(d.val)
			d.join(err)
		case ctaExpectHelpName:
			x.Helper = d.str()
		case ctaExpectFlags:
			flags = d.be32()
		case ctaExpectNAT:
			in := walk(d.val)
			for in.next() {
				switch in.typ {
				case ctaExpectNATDir:
					if in.be32() != 0 {
						x.NATDir = ctstate.DirReply
					}
				case ctaExpectNATTuple:
					t, err := decodeTuple(in.val)
					in.join(err)
					x.NATTuple = &t
				}
			}
			d.join(in.err)
		}
	}
	return x, master, flags, d.err
}

var _ ctstate.Expecter = (*Table)(nil)
