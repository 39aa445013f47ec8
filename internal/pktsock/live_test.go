package pktsock_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pcapfilter"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pktsock"
)

const snap = 2048

// cable makes a namespace with the two ends of a cable, end1 and end2, and returns a socket that
// sends from end2 to end1.
func cable(t *testing.T) (nodens.NetNS, *packet.Conn) {
	t.Helper()
	ns := nstest.New(t)
	nstest.Run(t, ns, "", "ip", "link", "add", "end1", "type", "veth", "peer", "name", "end2")
	for _, dev := range []string{"end1", "end2"} {
		nstest.Run(t, ns, "", "ip", "link", "set", dev, "addrgenmode", "none", "up")
	}
	var c *packet.Conn
	err := ns.Do(func() error {
		dev, err := net.InterfaceByName("end2")
		if err != nil {
			return err
		}
		c, err = packet.Listen(dev, packet.Raw, 0, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return ns, c
}

func open(t *testing.T, ns nodens.NetNS, dev, filter string, d pcapfilter.Direction, length uint32) *pktsock.Socket {
	t.Helper()
	e, err := pcapfilter.Parse(filter)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := pcapfilter.CompileSocket(e, d, length)
	if err != nil {
		t.Fatal(err)
	}
	s, err := pktsock.Open(ns, dev, pktsock.Options{Filter: prog, SnapLen: int(length), Buffer: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func send(t *testing.T, c *packet.Conn, frame []byte) {
	t.Helper()
	if _, err := c.WriteTo(frame, &packet.Addr{HardwareAddr: net.HardwareAddr(frame[:6])}); err != nil {
		t.Fatal(err)
	}
}

// drain returns the frames that are queued, and those that come within a short time; it waits
// longer for the first least frames, because a busy kernel delivers late.
func drain(t *testing.T, s *pktsock.Socket, least int) []pktsock.Frame {
	t.Helper()
	var out []pktsock.Frame
	for {
		wait := 20 * time.Millisecond
		if len(out) < least {
			wait = 5 * time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		f, err := s.Read(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
}

// The kernel takes the same frames by a filter's program for sockets, where the outermost tag is
// beside the frame, as the program for files takes with the tag in the frame.
func TestFiltersInKernel(t *testing.T) {
	ns, c := cable(t)
	text, err := os.ReadFile("../pcapfilter/testdata/filters.txt")
	if err != nil {
		t.Fatal(err)
	}
	filters := strings.Split(strings.TrimSpace(string(text)), "\n")
	var socks []*pktsock.Socket
	for _, f := range filters {
		socks = append(socks, open(t, ns, "end1", f, pcapfilter.Received, snap))
	}
	var frames [][]byte
	for _, p := range packettest.Generate(11, 300) {
		frame, err := packettest.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(frame) > 1500 {
			continue
		}
		frame = append(frame, make([]byte, max(0, 64-len(frame)))...)
		frames = append(frames, frame)
		send(t, c, frame)
	}
	tagged := 0
	for i, filter := range filters {
		e, err := pcapfilter.Parse(filter)
		if err != nil {
			t.Fatal(err)
		}
		prog, err := pcapfilter.Compile(e, snap)
		if err != nil {
			t.Fatal(err)
		}
		vm, err := bpf.NewVM(prog)
		if err != nil {
			t.Fatal(err)
		}
		var want [][]byte
		for _, f := range frames {
			if n, err := vm.Run(f); err != nil {
				t.Fatal(err)
			} else if n > 0 {
				want = append(want, f)
			}
		}
		got := drain(t, socks[i], len(want))
		if len(got) != len(want) {
			t.Errorf("%s: the kernel takes %d frames, want %d", filter, len(got), len(want))
			continue
		}
		for j := range got {
			if !bytes.Equal(got[j].Data, want[j]) || got[j].Wire != len(want[j]) || got[j].Sent {
				t.Errorf("%s: frame %d is %d bytes %x, want %d bytes %x", filter, j, got[j].Wire, got[j].Data, len(want[j]), want[j])
				break
			}
			if bytes.Equal(want[j][12:14], []byte{0x81, 0}) {
				tagged++
			}
		}
	}
	if tagged == 0 {
		t.Error("no tagged frame was compared")
	}
}

func TestDirectionAndLength(t *testing.T) {
	ns, c := cable(t)
	in := open(t, ns, "end1", "", pcapfilter.Received, snap)
	out := open(t, ns, "end1", "", pcapfilter.Sent, snap)
	sent := open(t, ns, "end2", "", pcapfilter.Sent, 100)
	frame := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0x60, 10, 0x88, 0xb5}, make([]byte, 1000)...)
	before := time.Now()
	send(t, c, frame)
	got := drain(t, in, 1)
	if len(got) != 1 || !bytes.Equal(got[0].Data, frame) || got[0].Wire != len(frame) || got[0].Time.Before(before.Add(-time.Second)) || time.Since(got[0].Time) > time.Minute {
		t.Errorf("received %+v", got)
	}
	if got := drain(t, out, 0); len(got) != 0 {
		t.Errorf("%d frames are sent by the end that receives", len(got))
	}
	got = drain(t, sent, 1)
	if len(got) != 1 || !got[0].Sent || got[0].Wire != len(frame) || len(got[0].Data) < 100 || len(got[0].Data) > 104 || !bytes.Equal(got[0].Data, frame[:len(got[0].Data)]) {
		t.Errorf("sent %+v", got)
	}
	if in.MTU() != 1500 {
		t.Errorf("MTU %d", in.MTU())
	}
}

// A read ends at once with its context, and when the socket is closed.
func TestReadEnds(t *testing.T) {
	ns, _ := cable(t)
	s := open(t, ns, "end1", "", pcapfilter.Received, snap)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	if _, err := s.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { s.Close() })
	if _, err := s.Read(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

// What does not fit into the buffer is counted.
func TestLost(t *testing.T) {
	ns, c := cable(t)
	prog, err := pcapfilter.CompileSocket(nil, pcapfilter.Received, snap)
	if err != nil {
		t.Fatal(err)
	}
	s, err := pktsock.Open(ns, "end1", pktsock.Options{Filter: prog, SnapLen: snap, Buffer: 4096})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	frame := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5}, make([]byte, 1000)...)
	for range 100 {
		send(t, c, frame)
	}
	got := len(drain(t, s, 1))
	lost, err := s.Lost()
	if err != nil || got == 0 || lost == 0 || got+int(lost) != 100 {
		t.Errorf("%d frames, %d lost, %v; want 100 together", got, lost, err)
	}
}

func TestDeviceDown(t *testing.T) {
	ns, _ := cable(t)
	nstest.Run(t, ns, "", "ip", "link", "set", "end1", "down")
	if _, err := pktsock.Open(ns, "end1", pktsock.Options{SnapLen: snap}); !errors.Is(err, pktsock.ErrDown) {
		t.Error(err)
	}
}

func TestNoDevice(t *testing.T) {
	ns := nstest.New(t)
	if _, err := pktsock.Open(ns, "tap0", pktsock.Options{SnapLen: snap}); !errors.Is(err, pktsock.ErrNoDevice) {
		t.Error(err)
	}
}

// A filter that the kernel has no room for is applied to the frames that are read.
func TestFilterTooLarge(t *testing.T) {
	const file = "/proc/sys/net/core/optmem_max"
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// The limit is the machine's own before Linux 6.7, and a namespace's since.
	ns, c := cable(t)
	small := func() error { return os.WriteFile(file, []byte("4096"), 0o644) }
	if err := ns.Do(small); err != nil {
		if err := small(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.WriteFile(file, old, 0o644) })
	}
	prog := make([]bpf.Instruction, 0, 4000)
	for range 3999 {
		prog = append(prog, bpf.LoadConstant{Dst: bpf.RegA, Val: 1})
	}
	prog = append(prog, bpf.RetConstant{Val: snap})
	if s, err := pktsock.Open(ns, "end1", pktsock.Options{Filter: prog, SnapLen: snap, Buffer: 1 << 20}); err == nil {
		s.Close()
		t.Fatal("the kernel has room for the filter: the test shows nothing")
	}
	wanted := func(f *pktsock.Frame) bool { return !f.Sent && f.Data[len(f.Data)-1] == 7 }
	s, err := pktsock.Open(ns, "end1", pktsock.Options{Filter: prog, Match: wanted, SnapLen: snap, Buffer: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	frame := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5}, make([]byte, 50)...)
	for last := range byte(10) {
		frame[len(frame)-1] = last
		send(t, c, frame)
	}
	got := drain(t, s, 1)
	if len(got) != 1 || got[0].Data[len(got[0].Data)-1] != 7 {
		t.Errorf("read %+v", got)
	}
}

// A read that ends with its context leaves the frame for the next one: none is neither read nor
// counted as lost. Contexts that end beside a frame do not disturb later reads either.
func TestReadsThatEndLoseNothing(t *testing.T) {
	ns, c := cable(t)
	s := open(t, ns, "end1", "", pcapfilter.Received, snap)
	frame := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5}, make([]byte, 50)...)
	got := 0
	for range 20_000 {
		send(t, c, frame)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Microsecond)
		_, err := s.Read(ctx)
		cancel()
		switch {
		case err == nil:
			got++
		case !errors.Is(err, context.DeadlineExceeded):
			t.Fatal(err)
		}
	}
	got += len(drain(t, s, 1))
	lost, err := s.Lost()
	if err != nil || got+int(lost) != 20_000 {
		t.Errorf("%d frames, %d lost, %v; want 20000 together", got, lost, err)
	}
}
