package ctnetlink

import (
	"context"
	"errors"
	"net/netip"

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
	var found *Expected
	err = t.s.execute(ctx, "get expectation", t.enc.finish(), func(m message) error {
		if len(m.body) < nfgenHdr {
			return fault("answer", len(m.body), "shorter than nfgenmsg")
		}
		e, err := decodeExpect(m.body[nfgenHdr:])
		found = &e
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
	if found == nil || found.Inactive {
		return ctstate.Expectation{}, master, ctstate.ErrNotFound
	}
	return found.In(zone), found.Master, nil
}

// Expected is an expectation as the kernel dumps it.
type Expected struct {
	Master ctstate.Tuple `json:"master"` // of the connection whose helper expects it
	Tuple  ctstate.Tuple `json:"tuple"`  // of the expected packet
	// SrcMask and SportMask are the bits of the source that count (struct nf_conntrack_tuple_mask).
	SrcMask   netip.Addr        `json:"src_mask"`
	SportMask uint16            `json:"sport_mask,omitempty"`
	Helper    string            `json:"helper,omitempty"` // of the expected connection itself
	Permanent bool              `json:"permanent,omitempty"`
	Inactive  bool              `json:"inactive,omitempty"` // it waits until its helper releases it
	NATDir    ctstate.Direction `json:"nat_dir,omitempty"`
	NATTuple  *ctstate.Tuple    `json:"nat_tuple,omitempty"`
}

// In returns it as an expectation of a zone, without its master.
func (x *Expected) In(zone uint16) ctstate.Expectation {
	return ctstate.Expectation{Zone: zone, Tuple: x.Tuple, Helper: x.Helper, Permanent: x.Permanent, NATDir: x.NATDir, NATTuple: x.NATTuple}
}

// Matches reports whether it expects a packet: the destination as it is, the source by its mask
// (nf_ct_tuple_mask_cmp).
func (x *Expected) Matches(t ctstate.Tuple) bool {
	e := x.Tuple
	return !x.Inactive && e.Proto == t.Proto && e.Dst == t.Dst && e.ICMPType == t.ICMPType && e.ICMPCode == t.ICMPCode &&
		(e.Src.Port()^t.Src.Port())&x.SportMask == 0 && (e.ICMPID^t.ICMPID)&x.SportMask == 0 && sameBits(e.Src.Addr(), t.Src.Addr(), x.SrcMask)
}

// sameBits reports whether two addresses of one family are equal in the bits of a mask.
func sameBits(a, b, mask netip.Addr) bool {
	if a.BitLen() != b.BitLen() || a.BitLen() != mask.BitLen() {
		return false
	}
	x, y, m := a.AsSlice(), b.AsSlice(), mask.AsSlice()
	for i := range m {
		if (x[i]^y[i])&m[i] != 0 {
			return false
		}
	}
	return true
}

// ExpectedBy returns what the connection with this original tuple expects, in one dump of its own
// list (ctnetlink_dump_exp_ct). A connection that has ended, or has no helper, expects nothing.
func (t *Table) ExpectedBy(ctx context.Context, zone uint16, master ctstate.Tuple) (out []Expected, err error) {
	if err := checkTuple(master); err != nil {
		return nil, lookupError(zone, master, err)
	}
	s, err := t.dialAgain()
	if err != nil {
		return nil, err
	}
	defer s.close()
	var enc encoder
	// Without a helper the kernel starts no dump, and only acknowledges.
	enc.begin(msgExpectGet, nlmRequest|nlmDump|nlmAck, s.nextSeq(), family(master))
	enc.tuple(ctaExpectMaster, master)
	enc.zone(ctaExpectZone, zone)
	err = s.dump(ctx, "dump expectations", enc.finish(), func(body []byte) error {
		x, err := decodeExpect(body)
		if err == nil {
			out = append(out, x)
		}
		return err
	})
	var e *Error
	if errors.As(err, &e) && e.Errno == unix.ENOENT {
		return nil, nil
	}
	if err != nil {
		return nil, lookupError(zone, master, err)
	}
	return out, nil
}

func decodeExpect(b []byte) (x Expected, err error) {
	d := walk(b)
	var mask ctstate.Tuple
	for d.next() {
		switch d.typ {
		case ctaExpectMaster:
			x.Master, err = decodeTuple(d.val)
			d.join(err)
		case ctaExpectTuple:
			x.Tuple, err = decodeTuple(d.val)
			d.join(err)
		case ctaExpectMask:
			mask = decodeMask(d.val)
		case ctaExpectHelpName:
			x.Helper = d.str()
		case ctaExpectFlags:
			flags := d.be32()
			x.Permanent, x.Inactive = flags&expectPermanent != 0, flags&expectInactive != 0
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
	if d.err != nil {
		return Expected{}, d.err
	}
	x.mask(mask)
	return x, nil
}

// decodeMask reads the mask of an expectation, of which a kernel may leave out addresses.
func decodeMask(b []byte) (mask ctstate.Tuple) {
	if m, err := decodeTuple(b); err == nil {
		return m
	}
	return ctstate.Tuple{}
}

// mask sets the mask. Without the mask's address, a source that is all zeros is any, as the
// kernel's helpers ask for it (nf_ct_expect_init).
func (x *Expected) mask(m ctstate.Tuple) {
	src := x.Tuple.Src.Addr()
	x.SrcMask, x.SportMask = m.Src.Addr(), max(m.Src.Port(), m.ICMPID)
	if x.SrcMask.BitLen() == src.BitLen() {
		return
	}
	bits := make([]byte, src.BitLen()/8)
	for i := range bits {
		if !src.IsUnspecified() {
			bits[i] = 0xff
		}
	}
	x.SrcMask, _ = netip.AddrFromSlice(bits)
	if m.Src.Port() == 0 && x.Tuple.Src.Port() != 0 {
		x.SportMask = 0xffff
	}
}

var _ ctstate.Expecter = (*Table)(nil)
