package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// tap is an open packet socket on one interface of one namespace.
type tap struct {
	name    string // name of the port or host, or "CHASSIS-NETWORK"
	fd      int
	ifindex int
}

// capture is one frame seen at one tap.
type capture struct {
	at    string
	when  time.Time
	frame *Frame
}

// recorder collects the frames of all taps.
type recorder struct {
	mu   sync.Mutex
	seen []capture
	last time.Time
}

func (r *recorder) add(c capture) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, c)
	r.last = c.when
}

// take returns the frames captured since the last take.
func (r *recorder) take() []capture {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.seen
	r.seen = nil
	return s
}

func (r *recorder) snapshot() []capture {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]capture(nil), r.seen...)
}

// inNetns runs f on a thread that is in the named namespace. Goroutines that f starts run outside
// the namespace.
func inNetns(name string, f func() error) error {
	errc := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if name != "" {
			fd, err := unix.Open("/run/netns/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err == nil {
				err = unix.Setns(fd, unix.CLONE_NEWNET)
				unix.Close(fd)
			}
			if err != nil {
				errc <- fmt.Errorf("namespace %s: %w", name, err)
				return
			}
		}
		errc <- f()
	}()
	return <-errc
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// openTap opens a packet socket on ifname in a namespace.
func openTap(netns, ifname, name string) (*tap, error) {
	t := &tap{name: name}
	err := inNetns(netns, func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL)))
		if err != nil {
			return err
		}
		ifr, err := unix.NewIfreq(ifname)
		if err == nil {
			err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr)
		}
		if err == nil {
			t.ifindex = int(ifr.Uint32())
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: t.ifindex})
		}
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
		}
		if err == nil {
			err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200000})
		}
		if err == nil {
			// The tap is promiscuous: a frame that is flooded to a port counts as delivered there.
			err = unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{Ifindex: int32(t.ifindex), Type: unix.PACKET_MR_PROMISC})
		}
		if err != nil {
			unix.Close(fd)
			return fmt.Errorf("%s in %s: %w", ifname, netns, err)
		}
		t.fd = fd
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (t *tap) close() { unix.Close(t.fd) }

// send sends a frame on the interface.
func (t *tap) send(frame []byte) error {
	sa := &unix.SockaddrLinklayer{Ifindex: t.ifindex, Protocol: htons(unix.ETH_P_ALL), Halen: 6}
	copy(sa.Addr[:], frame[:6])
	if err := unix.Sendto(t.fd, frame, 0, sa); err != nil {
		return fmt.Errorf("%s: send: %w", t.name, err)
	}
	return nil
}

// read records received frames until ctx ends, except those that the tap sends.
func (t *tap) read(ctx context.Context, rec *recorder) {
	buf := make([]byte, 65536)
	oob := make([]byte, 256)
	for ctx.Err() == nil {
		n, oobn, _, from, err := unix.Recvmsg(t.fd, buf, oob, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN) {
			continue // one that is set down reports that once, and may be set up again
		}
		if err != nil {
			if ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "probe: %s: %v\n", t.name, err)
			}
			return
		}
		sa, ok := from.(*unix.SockaddrLinklayer)
		if !ok || sa.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		frame := withVLAN(append([]byte(nil), buf[:n]...), oob[:oobn])
		rec.add(capture{at: t.name, when: time.Now(), frame: DecodeFrame(frame)})
	}
}

// withVLAN inserts the VLAN tag, which the kernel delivers separately (struct tpacket_auxdata).
func withVLAN(frame, oob []byte) []byte {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return frame
	}
	for _, m := range msgs {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < 20 {
			continue
		}
		status := binary.NativeEndian.Uint32(m.Data[0:])
		if status&unix.TP_STATUS_VLAN_VALID == 0 {
			continue
		}
		tci := binary.NativeEndian.Uint16(m.Data[16:])
		tpid := uint16(0x8100)
		if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			tpid = binary.NativeEndian.Uint16(m.Data[18:])
		}
		tag := []byte{byte(tpid >> 8), byte(tpid), byte(tci >> 8), byte(tci)}
		return append(append(append([]byte(nil), frame[:12]...), tag...), frame[12:]...)
	}
	return frame
}
