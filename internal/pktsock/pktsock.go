// Package pktsock reads the frames of one network device through a packet socket (packet(7)). It
// changes nothing: the device is not put into promiscuous mode.
package pktsock

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// Options are the options of a Socket.
type Options struct {
	// Filter is a program for packet sockets that returns how many bytes of a frame are kept, 0 for
	// none.
	Filter []bpf.Instruction
	// Match selects frames like Filter. It is used if the kernel has no room for the filter
	// (net.core.optmem_max bounds its size): then every frame of the device is read. Nil: an error.
	Match func(*Frame) bool
	// SnapLen is the maximum number of bytes of a frame that the program returns.
	SnapLen int
	// Buffer is the size in bytes of the kernel's queue of frames that are not read yet. What does
	// not fit is lost, and counted.
	Buffer int
}

// Frame is one frame of a device.
type Frame struct {
	Time time.Time
	Data []byte // with its VLAN tags, cut to the snap length
	Wire int    // its length in bytes, with tags; larger than a packet may be, if the device segments it
	Sent bool   // by the machine through the device; false: received from its other end
}

// Socket is an open packet socket. Its methods may be called from one goroutine at a time, Close
// from any.
type Socket struct {
	conn *packet.Conn
	raw  syscall.RawConn
	buf  []byte
	oob  []byte
	mtu  int

	match func(*Frame) bool // of the frames that are read; nil: the kernel selects

	closed atomic.Bool
}

// Error reports a device that cannot be read.
type Error struct {
	Device string
	Op     string
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Device, e.Op, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// The reasons why a device has no frames.
var (
	ErrNoDevice = errors.New("no such network device") // in the namespace
	ErrDown     = errors.New("the network device is down")
)

// Open opens a packet socket on a device of a network namespace. Frames are queued from then on.
func Open(ns nodens.NetNS, device string, o Options) (*Socket, error) {
	prog, err := bpf.Assemble(o.Filter)
	if err != nil {
		return nil, &Error{device, "filter", err}
	}
	s := &Socket{buf: make([]byte, o.SnapLen), oob: make([]byte, 256)}
	err = ns.Do(func() error {
		dev, err := net.InterfaceByName(device)
		if err != nil {
			return &Error{device, "capture", fmt.Errorf("%w in %v", ErrNoDevice, ns)}
		}
		if dev.Flags&net.FlagUp == 0 { // a socket on it would fail at the first read
			return &Error{device, "capture", ErrDown}
		}
		s.mtu = dev.MTU
		s.conn, err = packet.Listen(dev, packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: prog})
		if errors.Is(err, unix.ENOMEM) && o.Match != nil {
			s.match = o.Match
			s.conn, err = packet.Listen(dev, packet.Raw, unix.ETH_P_ALL, nil)
		}
		if err != nil {
			return &Error{device, "open a packet socket", bare(err)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.prepare(o.Buffer); err != nil {
		s.conn.Close()
		return nil, &Error{device, "set up the packet socket", err}
	}
	return s, nil
}

// bare returns the system's error out of net's, whose text repeats operation and device.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// prepare sets the socket's options: tags and lengths beside the frames, timestamps, the buffer.
func (s *Socket) prepare(buffer int) error {
	var err error
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		return err
	}
	cerr := s.raw.Control(func(fd uintptr) {
		if err = unix.SetsockoptInt(int(fd), unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err == nil {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		}
		// A smaller buffer loses frames, which Lost reports.
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
		}
	})
	return errors.Join(cerr, err)
}

// MTU returns the device's MTU in bytes when the socket was opened.
func (s *Socket) MTU() int { return s.mtu }

// Read waits for a frame that the filter selects. The error is that of ctx if it ends first, at
// once; os.ErrClosed after Close.
func (s *Socket) Read(ctx context.Context) (Frame, error) {
	for {
		f, err := s.read(ctx)
		if err != nil || s.match == nil || s.match(&f) {
			return f, err
		}
	}
}

// read waits for a frame of the device, or one that the kernel's filter selects. A frame that was
// taken out of the queue is returned, even if ctx ends at the same time.
func (s *Socket) read(ctx context.Context) (Frame, error) {
	if ctx.Err() != nil {
		return Frame{}, ctx.Err()
	}
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		if s.closed.Load() {
			err = os.ErrClosed
		}
		return Frame{}, err
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.conn.SetReadDeadline(time.Unix(1, 0))
		close(ended)
	})
	defer func() {
		if !stop() {
			<-ended // later, it would end the next read
		}
	}()
	var n, oobn int
	var from unix.Sockaddr
	var err error
	rerr := s.raw.Read(func(fd uintptr) bool {
		for {
			n, oobn, _, from, err = unix.Recvmsg(int(fd), s.buf, s.oob, 0)
			if err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	if rerr != nil {
		err = rerr
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return Frame{}, ctx.Err()
	case s.closed.Load():
		return Frame{}, os.ErrClosed
	default:
		return Frame{}, bare(err)
	}
	f := Frame{Wire: n, Time: time.Now()}
	if sa, ok := from.(*unix.SockaddrLinklayer); ok {
		f.Sent = sa.Pkttype == unix.PACKET_OUTGOING
	}
	return f, f.fill(s.buf[:n], s.oob[:oobn])
}

// fill sets data, length and time from what the kernel delivered.
func (f *Frame) fill(data, oob []byte) error {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	var tag []byte
	for _, m := range msgs {
		switch {
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= auxLen:
			f.Wire = int(binary.NativeEndian.Uint32(m.Data[4:]))
			tag = tagOf(m.Data)
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS:
			f.Time = timeOf(m.Data, f.Time)
		}
	}
	const macs = 12
	if tag == nil || len(data) < macs {
		f.Data = append([]byte(nil), data...)
		return nil
	}
	f.Wire += len(tag)
	f.Data = append(append(append(make([]byte, 0, len(data)+len(tag)), data[:macs]...), tag...), data[macs:]...)
	return nil
}

// auxLen is the length of struct tpacket_auxdata (include/uapi/linux/if_packet.h): status, length,
// captured length (32 bits each), and the offsets of the headers, tag and its type (16 bits each).
const auxLen = 20

// tagOf returns the four bytes of the tag that is beside a frame; nil if there is none.
func tagOf(aux []byte) []byte {
	status := binary.NativeEndian.Uint32(aux)
	if status&unix.TP_STATUS_VLAN_VALID == 0 {
		return nil
	}
	tci, tpid := binary.NativeEndian.Uint16(aux[16:]), uint16(unix.ETH_P_8021Q)
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = binary.NativeEndian.Uint16(aux[18:])
	}
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, tpid), tci)
}

// timeOf reads a struct timespec, whose fields have the size of the machine's words; other if it
// has another size.
func timeOf(b []byte, other time.Time) time.Time {
	switch len(b) {
	case 16:
		return time.Unix(int64(binary.NativeEndian.Uint64(b)), int64(binary.NativeEndian.Uint64(b[8:])))
	case 8:
		return time.Unix(int64(int32(binary.NativeEndian.Uint32(b))), int64(binary.NativeEndian.Uint32(b[4:])))
	}
	return other
}

// Lost returns the number of frames that did not fit into the buffer since the last call.
func (s *Socket) Lost() (uint32, error) {
	st, err := s.conn.Stats()
	if err != nil {
		return 0, err
	}
	return st.Drops, nil
}

// Close closes the socket; a Read ends with os.ErrClosed.
func (s *Socket) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.conn.Close()
}
