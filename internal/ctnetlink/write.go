package ctnetlink

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// ErrExists reports that one of the new entry's tuples is taken: Create replaces nothing.
var ErrExists = errors.New("an entry with one of these tuples is in the table")

// NATRange is the range to which CTA_NAT_SRC or CTA_NAT_DST lets the kernel translate. If both
// ports are equal, the kernel uses that port and does not search for a free one.
type NATRange struct {
	Min, Max         netip.Addr
	MinPort, MaxPort uint16 // or ICMP ids
	HasPort          bool
}

// Spec is an entry to create. It has no reply tuple: ctnetlink must send the inversion of Orig,
// which the kernel's NAT then changes. With a translated reply tuple the NAT bits would stay clear,
// and the datapath would not translate.
type Spec struct {
	Zone    uint16
	Orig    ctstate.Tuple
	Status  ctstate.Status // only SeenReply and Assured are used; Confirmed is always set
	Timeout uint32         // seconds
	Mark    uint32
	Label   ctstate.Label
	TCP     *ctstate.TCPInfo // State must not be NONE: replies would be invalid
	SCTP    *ctstate.SCTPInfo
	Helper  string
	Master  *ctstate.Tuple
	NATSrc  *NATRange
	NATDst  *NATRange
	// Tag, unless 0, marks the entry as made by this tool. The kernel stores it as ISN and ITS of
	// CTA_SYNPROXY, an extension that every entry created over ctnetlink has and that no packet of
	// another connection changes. Only a SYNPROXY rule reads it, and without the tag it would read
	// zeroes, which are as wrong.
	Tag uint64
}

// Key names one entry for Update and Delete: zone, tuple and id. KeyOf makes it from an entry that
// was read. The zero Key is refused, so that no request is sent without a tuple, which the kernel
// would read as "delete everything".
type Key struct {
	zone  uint16
	tuple ctstate.Tuple
	id    uint32
}

// KeyOf returns the key of an entry that was read from the table.
func KeyOf(e ctstate.Entry) (Key, error) {
	if err := checkTuple(e.Orig); err != nil {
		return Key{}, err
	}
	if e.ID == 0 {
		return Key{}, errNoID
	}
	return Key{zone: e.Zone, tuple: e.Orig, id: e.ID}, nil
}

var errNoID = errors.New("entry without id")

func (k Key) check() error {
	if k.id == 0 {
		return errNoID
	}
	return checkTuple(k.tuple)
}

// tcpFlags is SACK_PERM and BE_LIBERAL, with their mask: the entry has no sequence numbers, so the
// kernel must not check the window.
var tcpFlags = []byte{0x0a, 0x0a}

// Create creates an entry (NLM_F_EXCL); ErrExists if one of its tuples is taken.
func (t *Table) Create(ctx context.Context, s Spec) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := s.encode(&t.enc, t.s.nextSeq(), nlmRequest|nlmAck|nlmCreate|nlmExcl); err != nil {
		return lookupError(s.Zone, s.Orig, err)
	}
	err := t.s.execute(ctx, "create", t.enc.finish(), nil)
	var e *Error
	if errors.As(err, &e) && e.Errno == unix.EEXIST {
		err = ErrExists
	}
	if err != nil {
		return lookupError(s.Zone, s.Orig, err)
	}
	return nil
}

func (s *Spec) encode(e *encoder, seq uint32, flags uint16) error {
	if err := checkTuple(s.Orig); err != nil {
		return err
	}
	reply, ok := s.Orig.Invert()
	if !ok {
		return fmt.Errorf("ICMP type %d has no reply", s.Orig.ICMPType)
	}
	if s.Orig.Proto == ctstate.ProtoTCP && (s.TCP == nil || s.TCP.State == 0) {
		return errors.New("a TCP entry without state makes every reply invalid")
	}
	e.begin(msgCTNew, flags, seq, family(s.Orig))
	e.tuple(ctaTupleOrig, s.Orig)
	e.tuple(ctaTupleReply, reply)
	e.zone(ctaZone, s.Zone)
	e.be32(ctaTimeout, s.Timeout)
	// The kernel requires CONFIRMED (EBUSY); it sets EXPECTED for CTA_TUPLE_MASTER and the NAT bits
	// for CTA_NAT_*.
	e.be32(ctaStatus, uint32(s.Status&(ctstate.SeenReply|ctstate.Assured)|ctstate.Confirmed))
	if s.Mark != 0 {
		e.be32(ctaMark, s.Mark)
	}
	if s.Label != (ctstate.Label{}) {
		e.label(s.Label)
	}
	e.protoInfo(s.Orig.Proto, s.TCP, s.SCTP)
	if s.Helper != "" {
		n := e.nest(ctaHelp)
		e.bytes(ctaHelpName, append([]byte(s.Helper), 0)) // without the NUL: EINVAL
		e.end(n)
	}
	if s.Master != nil {
		if err := checkTuple(*s.Master); err != nil {
			return err
		}
		e.tuple(ctaTupleMaster, *s.Master)
	}
	e.nat(ctaNATSrc, s.NATSrc)
	e.nat(ctaNATDst, s.NATDst)
	if s.Tag != 0 {
		n := e.nest(ctaSynproxy)
		e.be32(ctaSynproxyISN, uint32(s.Tag>>32))
		e.be32(ctaSynproxyITS, uint32(s.Tag))
		e.be32(ctaSynproxyTSOff, 0)
		e.end(n)
	}
	return nil
}

func (e *encoder) protoInfo(proto uint8, tcp *ctstate.TCPInfo, sctp *ctstate.SCTPInfo) {
	switch {
	case proto == ctstate.ProtoTCP && tcp != nil:
		n := e.nest(ctaProtoInfo)
		in := e.nest(ctaProtoInfoTCP)
		e.u8(ctaTCPState, uint8(tcp.State))
		e.bytes(ctaTCPFlagsOrig, tcpFlags)
		e.bytes(ctaTCPFlagsReply, tcpFlags)
		e.end(in)
		e.end(n)
	case proto == ctstate.ProtoSCTP && sctp != nil:
		n := e.nest(ctaProtoInfo)
		in := e.nest(ctaProtoInfoSCTP)
		e.u8(ctaSCTPState, uint8(sctp.State))
		e.be32(ctaSCTPVTagOrig, sctp.VTagOrig)
		e.be32(ctaSCTPVTagRepl, sctp.VTagRepl)
		e.end(in)
		e.end(n)
	}
}

func (e *encoder) nat(typ uint16, r *NATRange) {
	if r == nil {
		return
	}
	n := e.nest(typ)
	if lo, hi := r.Min.Unmap(), r.Max.Unmap(); lo.Is4() {
		a, b := lo.As4(), hi.As4()
		e.bytes(ctaNATv4Min, a[:])
		e.bytes(ctaNATv4Max, b[:])
	} else if lo.Is6() {
		a, b := lo.As16(), hi.As16()
		e.bytes(ctaNATv6Min, a[:])
		e.bytes(ctaNATv6Max, b[:])
	}
	if r.HasPort {
		p := e.nest(ctaNATProto)
		e.be16(ctaNATPortMin, r.MinPort)
		e.be16(ctaNATPortMax, r.MaxPort)
		e.end(p)
	}
	e.end(n)
}

func (e *encoder) label(l ctstate.Label) {
	b := l.Bytes()
	e.bytes(ctaLabels, b[:])
}

// Change lists the values that Update writes; nil and zero members stay unchanged.
type Change struct {
	Status  ctstate.Status // SeenReply and Assured can be set, never cleared
	Timeout uint32         // seconds; 0: unchanged
	Mark    *uint32
	Label   *ctstate.Label
	TCP     *ctstate.TCPInfo
	SCTP    *ctstate.SCTPInfo
}

// Update changes an entry. The kernel does not compare ids when it updates, so Update reads the
// entry first and returns ErrNotFound if the id differs.
func (t *Table) Update(ctx context.Context, k Key, c Change) error {
	if err := k.check(); err != nil {
		return lookupError(k.zone, k.tuple, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.get(ctx, k.zone, k.tuple); err != nil {
		return lookupError(k.zone, k.tuple, err)
	}
	if t.rec.ID != k.id || t.rec.Orig != k.tuple {
		return ctstate.ErrNotFound
	}
	e := &t.enc
	e.begin(msgCTNew, nlmRequest|nlmAck, t.s.nextSeq(), family(k.tuple))
	e.tuple(ctaTupleOrig, k.tuple)
	e.zone(ctaZone, k.zone)
	if add := c.Status & (ctstate.SeenReply | ctstate.Assured); add != 0 {
		// ctnetlink_change_status refuses a status that clears one of the unchangeable bits, so they are
		// sent with their current value.
		keep := t.rec.Status & (ctstate.Expected | ctstate.Confirmed | ctstate.SeenReply | ctstate.Assured)
		e.be32(ctaStatus, uint32(keep|add))
	}
	if c.Timeout != 0 {
		e.be32(ctaTimeout, c.Timeout)
	}
	e.protoInfo(k.tuple.Proto, c.TCP, c.SCTP)
	if c.Mark != nil {
		e.be32(ctaMark, *c.Mark)
	}
	if c.Label != nil && *c.Label != t.rec.Label {
		e.label(*c.Label)
	}
	if err := t.s.execute(ctx, "update", e.finish(), nil); err != nil {
		return lookupError(k.zone, k.tuple, notFound(err))
	}
	return nil
}

// Delete removes the entry with the key's tuple and id; ErrNotFound if there is no entry or it has
// another id.
func (t *Table) Delete(ctx context.Context, k Key) error {
	if err := k.check(); err != nil {
		return lookupError(k.zone, k.tuple, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &t.enc
	e.begin(msgCTDelete, nlmRequest|nlmAck, t.s.nextSeq(), family(k.tuple))
	e.tuple(ctaTupleOrig, k.tuple)
	e.zone(ctaZone, k.zone)
	e.be32(ctaID, k.id)
	if err := t.s.execute(ctx, "delete", e.finish(), nil); err != nil {
		return lookupError(k.zone, k.tuple, notFound(err))
	}
	return nil
}

func notFound(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Errno == unix.ENOENT {
		return ctstate.ErrNotFound
	}
	return err
}
