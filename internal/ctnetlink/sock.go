package ctnetlink

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// sock is one netlink socket with its buffers; not safe for concurrent use.
//
// mdlayher/netlink opens it in the requested namespace and sets its deadlines. Messages are sent
// and received here, because the library's Receive collects a whole dump in memory and allocates
// for each look-up.
type sock struct {
	conn *netlink.Conn
	rc   syscall.RawConn
	seq  uint32
	in   []byte

	// The two callbacks for rc exchange these with send and recv; they are fields, so that a request
	// allocates no closure.
	out      []byte
	n        int
	err      error
	wait     bool
	sendFunc func(uintptr) bool
	recvFunc func(uintptr) bool
}

// recvSize is the maximum size of one datagram of a dump (netlink_dump: max_recvmsg_len up to 32
// KiB).
const recvSize = 32 << 10

func dial(family int, ns *os.File) (*sock, error) {
	cfg := &netlink.Config{}
	if ns != nil {
		cfg.NetNS = int(ns.Fd())
	}
	c, err := netlink.Dial(family, cfg)
	if err != nil {
		return nil, fmt.Errorf("cannot open netlink socket: %w", err)
	}
	rc, err := c.SyscallConn()
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("cannot open netlink socket: %w", err)
	}
	// Replies are read one request at a time, so 64 KiB are enough; a stuck reader holds no more
	// kernel memory than that.
	_ = c.SetReadBuffer(64 << 10)
	// Ask for the kernel's error messages; kernels before 4.12 have none.
	_ = c.SetOption(netlink.ExtendedAcknowledge, true)
	_ = c.SetOption(netlink.CapAcknowledge, true)
	s := &sock{conn: c, rc: rc, in: make([]byte, recvSize), seq: uint32(time.Now().UnixNano())}
	s.sendFunc, s.recvFunc = s.doSend, s.doRecv
	return s, nil
}

func (s *sock) close() error { return s.conn.Close() }

func (s *sock) doSend(fd uintptr) bool {
	// write(2): an unconnected netlink socket sends to the kernel.
	for {
		_, s.err = unix.Write(int(fd), s.out)
		if s.err != unix.EINTR {
			break
		}
	}
	return s.err != unix.EAGAIN
}

func (s *sock) doRecv(fd uintptr) bool {
	for {
		// read(2): Recvfrom would allocate the peer's address.
		s.n, s.err = unix.Read(int(fd), s.in)
		if s.err != unix.EINTR {
			break
		}
	}
	return s.err != unix.EAGAIN || !s.wait
}

// send sends one request.
func (s *sock) send(ctx context.Context, msg []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.out = msg
	if err := s.rc.Write(s.sendFunc); err != nil {
		return s.ioError(ctx, "send", err)
	}
	if s.err != nil {
		return fmt.Errorf("netlink send: %w", s.err)
	}
	return nil
}

// recv receives one datagram. The kernel usually answers during the send, so that the datagram is
// there already; recv watches ctx only if it is not.
func (s *sock) recv(ctx context.Context) ([]byte, error) {
	s.wait = false
	if err := s.rc.Read(s.recvFunc); err != nil {
		return nil, s.ioError(ctx, "receive", err)
	}
	if s.err == unix.EAGAIN {
		s.wait = true
		stop := context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })
		err := s.rc.Read(s.recvFunc)
		if !stop() {
			// The deadline is set, or is about to be by the running function.
			defer func() { _ = s.conn.SetReadDeadline(time.Time{}) }()
		}
		if err != nil {
			return nil, s.ioError(ctx, "receive", err)
		}
	}
	if s.err != nil {
		return nil, fmt.Errorf("netlink receive: %w", s.err)
	}
	if s.n == len(s.in) {
		return nil, fault("datagram", s.n, "longer than the kernel sends")
	}
	return s.in[:s.n], nil
}

// ready reports whether a datagram or an error is there already.
func (s *sock) ready() bool {
	there := false
	_ = s.rc.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		there = err == nil && n > 0
	})
	return there
}

func (s *sock) ioError(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, os.ErrClosed) {
		return errClosed
	}
	return fmt.Errorf("netlink %s: %w", op, err)
}

// message is one netlink message of a datagram.
type message struct {
	typ, flags uint16
	seq        uint32
	body       []byte
}

// split returns the first message of a datagram and the rest.
func split(b []byte) (message, []byte, error) {
	if len(b) < nlmsgHdr {
		return message{}, nil, fault("datagram", 0, "shorter than a message header")
	}
	n := int(binary.NativeEndian.Uint32(b))
	if n < nlmsgHdr || n > len(b) {
		return message{}, nil, fault("datagram", 0, "message longer than the datagram")
	}
	m := message{
		typ:   binary.NativeEndian.Uint16(b[4:]),
		flags: binary.NativeEndian.Uint16(b[6:]),
		seq:   binary.NativeEndian.Uint32(b[8:]),
		body:  b[nlmsgHdr:n],
	}
	return m, b[min((n+3)&^3, len(b)):], nil
}

// ackError reads an NLMSG_ERROR body: nil for an acknowledgement.
func ackError(op string, m message) error {
	if len(m.body) < 4 {
		return fault("error message", len(m.body), "no error number")
	}
	n := int32(binary.NativeEndian.Uint32(m.body))
	if n == 0 {
		return nil
	}
	e := &Error{Op: op, Errno: unix.Errno(-n)}
	if m.flags&nlmAckTLVs == 0 {
		return e
	}
	// errno, then the request's header (its body too unless NLM_F_CAPPED), then
	// attributes.
	skip := 4 + nlmsgHdr
	if m.flags&nlmCapped == 0 && len(m.body) >= skip {
		skip = 4 + int(binary.NativeEndian.Uint32(m.body[4:]))
		skip = (skip + 3) &^ 3
	}
	if skip <= len(m.body) {
		d := walk(m.body[skip:])
		for d.next() {
			if d.typ == nlmsgErrAttrMsg {
				e.Msg = d.str()
			}
		}
	}
	return e
}

// execute sends a request with NLM_F_ACK and calls each for every message of the answer until the
// ACK. A GET's answer carries NLM_F_MULTI with no NLMSG_DONE after it, so the ACK alone ends the
// exchange. Messages of an earlier, cancelled request are dropped by their sequence number.
func (s *sock) execute(ctx context.Context, op string, msg []byte, each func(message) error) error {
	want := binary.NativeEndian.Uint32(msg[8:])
	if err := s.send(ctx, msg); err != nil {
		return err
	}
	var eachErr error
	return s.messages(ctx, func(m message) (done bool, err error) {
		switch {
		case m.seq != want:
		case m.typ == nlmsgError:
			return true, cmp.Or(ackError(op, m), eachErr)
		case each != nil && eachErr == nil:
			eachErr = each(m)
		}
		return false, nil
	})
}

// messages receives, and calls yield for every message until it is done or returns an error.
func (s *sock) messages(ctx context.Context, yield func(message) (done bool, err error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := s.recv(ctx)
		if err != nil {
			return err
		}
		for len(b) > 0 {
			var m message
			if m, b, err = split(b); err != nil {
				return err
			}
			if done, err := yield(m); done || err != nil {
				return err
			}
		}
	}
}

func (s *sock) nextSeq() uint32 {
	s.seq++
	if s.seq == 0 { // 0 marks messages that the kernel sends unasked
		s.seq++
	}
	return s.seq
}
