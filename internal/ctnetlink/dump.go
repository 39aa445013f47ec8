package ctnetlink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// ErrInterrupted ends a dump that may be incomplete because the table changed meanwhile
// (NLM_F_DUMP_INTR).
var ErrInterrupted = errors.New("the conntrack table changed while it was read")

// Filter selects the entries of a dump; the zero Filter selects all. The kernel is asked to filter,
// and each entry is checked again here, because an older kernel ignores filters that it does not
// know.
type Filter struct {
	Family             uint8 // AF_INET, AF_INET6; 0 both
	HasZone            bool
	Zone               uint16
	Mark, MarkMask     uint32         // no mask: any mark
	Status, StatusMask ctstate.Status // no mask: any status
}

func (f *Filter) match(e *ctstate.Entry) bool {
	return (f.Family == 0 || family(e.Orig) == f.Family) &&
		(!f.HasZone || e.Zone == f.Zone) &&
		e.Mark&f.MarkMask == f.Mark&f.MarkMask &&
		e.Status&f.StatusMask == f.Status&f.StatusMask
}

// encode appends the filter's attributes. Every kernel filters by mark, kernels since 5.15 by
// CTA_STATUS, since 6.8 by CTA_ZONE. A kernel cannot filter for a status of 0.
func (f *Filter) encode(e *encoder) {
	if f.MarkMask != 0 {
		e.be32(ctaMark, f.Mark&f.MarkMask)
		e.be32(ctaMarkMask, f.MarkMask)
	}
	if s := f.Status & f.StatusMask; s != 0 {
		e.be32(ctaStatus, uint32(s))
		e.be32(ctaStatusMask, uint32(f.StatusMask))
	}
	if f.HasZone {
		e.be16(ctaZone, f.Zone)
	}
}

// All reads the table entry by entry and holds one datagram of it at a time. The kernel walks its
// whole table for this, so call it only if the user asked for a list. The iteration ends with the
// first error.
func (t *Table) All(ctx context.Context, f Filter) iter.Seq2[ctstate.Entry, error] {
	return func(yield func(ctstate.Entry, error) bool) {
		err := t.dump(ctx, f.Family, f.encode, func(r *Record) error {
			if f.match(&r.Entry) && !yield(r.Entry, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && err != errStop {
			yield(ctstate.Entry{}, err)
		}
	}
}

var errStop = errors.New("stop")

// dump runs one dump on a socket of its own, so that look-ups can run meanwhile; to cancel the
// dump, it closes the socket.
func (t *Table) dump(ctx context.Context, fam uint8, filter func(*encoder), visit func(*Record) error) error {
	s, err := t.dialAgain()
	if err != nil {
		return err
	}
	defer s.close()
	var enc encoder
	enc.begin(msgCTGet, nlmRequest|nlmDump, s.nextSeq(), fam)
	filter(&enc)
	var rec Record
	return s.dump(ctx, "dump", enc.finish(), func(body []byte) error {
		if err := decodeRecord(body, &rec); err != nil {
			return err
		}
		return visit(&rec)
	})
}

// dump sends a request for a dump and calls each for every answer, without its nfgenmsg. A request
// that is only acknowledged has no answers.
func (s *sock) dump(ctx context.Context, op string, msg []byte, each func(body []byte) error) error {
	want := binary.NativeEndian.Uint32(msg[8:])
	if err := s.send(ctx, msg); err != nil {
		return err
	}
	interrupted := false
	return s.messages(ctx, func(m message) (done bool, err error) {
		if m.seq != want {
			return false, nil
		}
		interrupted = interrupted || m.flags&nlmDumpIntr != 0
		switch m.typ {
		case nlmsgError:
			return true, ackError(op, m)
		case nlmsgDone:
			if len(m.body) >= 4 {
				if n := int32(binary.NativeEndian.Uint32(m.body)); n < 0 {
					return false, &Error{Op: op, Errno: unix.Errno(-n)}
				}
			}
			if interrupted {
				return false, ErrInterrupted
			}
			return true, nil
		}
		if len(m.body) < nfgenHdr {
			return false, fault(op, len(m.body), "shorter than nfgenmsg")
		}
		return false, each(m.body[nfgenHdr:])
	})
}

// dialAgain opens another socket into the table's namespace.
func (t *Table) dialAgain() (*sock, error) {
	s, err := dial(unix.NETLINK_NETFILTER, t.enterFile())
	if err != nil {
		return nil, fmt.Errorf("conntrack of %v: %w", t.ns, err)
	}
	return s, nil
}

// enterFile returns the namespace to enter for a new socket, nil for the caller's own.
func (t *Table) enterFile() *os.File {
	there, err := nodens.IDOf(t.file)
	if here, herr := nodens.Current().ID(); err == nil && herr == nil && here == there {
		return nil
	}
	return t.file
}
