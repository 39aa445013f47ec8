package ctnetlink

import (
	"context"
	"encoding/binary"
	"iter"

	"golang.org/x/sys/unix"
)

// CreateAll creates many entries, about a hundred in one system call, and returns how many were
// sent before the first that the kernel refused. It is meant for filling scratch namespaces: unlike
// Create, its error does not name the entry.
func (t *Table) CreateAll(ctx context.Context, specs iter.Seq[Spec]) (n int, err error) {
	s, err := t.dialAgain()
	if err != nil {
		return 0, err
	}
	defer s.close()
	// A datagram must fit the send buffer, and the errors of all its messages
	// the receive buffer.
	const batch = 32 << 10
	_ = s.conn.SetWriteBuffer(4 * batch)
	_ = s.conn.SetReadBuffer(208 << 10)
	var e encoder
	var out []byte
	last := 0 // offset of the last message
	flush := func() error {
		if len(out) == 0 {
			return nil
		}
		// Only the last message asks for an acknowledgement; the kernel reports a refusal in any case.
		flags := binary.NativeEndian.Uint16(out[last+6:]) | nlmAck
		binary.NativeEndian.PutUint16(out[last+6:], flags)
		seq := binary.NativeEndian.Uint32(out[last+8:])
		if err := s.send(ctx, out); err != nil {
			return err
		}
		out = out[:0]
		return s.messages(ctx, func(m message) (done bool, err error) {
			if m.typ != nlmsgError {
				return false, nil
			}
			return m.seq == seq, ackError("create", m)
		})
	}
	for spec := range specs {
		if err := spec.encode(&e, s.nextSeq(), nlmRequest|nlmCreate|nlmExcl); err != nil {
			return n, lookupError(spec.Zone, spec.Orig, err)
		}
		if len(out)+len(e.b) > batch {
			if err := flush(); err != nil {
				return n, err
			}
		}
		last = len(out)
		out = append(out, e.finish()...)
		for len(out)%unix.NLMSG_ALIGNTO != 0 {
			out = append(out, 0)
		}
		n++
	}
	return n, flush()
}
