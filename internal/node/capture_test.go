package node

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// known returns a service whose ports are given, without an Open vSwitch.
func known(t *testing.T, netns string, ports ...Port) *Service {
	t.Helper()
	s := service(t, Options{RunDir: t.TempDir(), NetNS: netns})
	s.info = &Info{Bridge: "br-int", Ports: ports}
	return s
}

func vif(name, typ string) Port {
	return Port{Port: engine.Port{Name: name, Type: typ, Bridge: "br-int", OFPort: 1, IfaceID: "sw0-p1", Kind: engine.PortVIF}}
}

// guest makes a namespace with the device p1 and returns a socket at its other end.
func guest(t *testing.T) (nodens.NetNS, *packet.Conn) {
	t.Helper()
	ns := nstest.New(t)
	nstest.Run(t, ns, "", "ip", "link", "add", "p1", "type", "veth", "peer", "name", "e0")
	for _, dev := range []string{"p1", "e0"} {
		nstest.Run(t, ns, "", "ip", "link", "set", dev, "addrgenmode", "none", "up")
	}
	return ns, socket(t, ns, "e0")
}

func socket(t *testing.T, ns nodens.NetNS, device string) *packet.Conn {
	t.Helper()
	var c *packet.Conn
	err := ns.Do(func() error {
		dev, err := net.InterfaceByName(device)
		if err == nil {
			c, err = packet.Listen(dev, packet.Raw, 0, nil)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func write(t *testing.T, c *packet.Conn, frame []byte) {
	t.Helper()
	if _, err := c.WriteTo(frame, &packet.Addr{HardwareAddr: frame[:6]}); err != nil {
		t.Fatal(err)
	}
}

func TestCapture(t *testing.T) {
	ns, e0 := guest(t)
	p1 := socket(t, ns, "p1")
	frame := packettest.Frame(t, tcpPacket("10.0.0.3:1000", "10.0.0.4:80", 2))
	other := packettest.Frame(t, tcpPacket("10.0.0.3:1000", "10.0.0.4:81", 2))
	tagged := append(append(append([]byte(nil), frame[:12]...), 0x81, 0, 0, 7), frame[12:]...)
	for _, c := range []struct {
		typ  string
		req  CaptureRequest
		want []CapturedFrame
	}{
		{"system", CaptureRequest{Direction: CaptureIn, Filter: "tcp dst port 80"}, []CapturedFrame{{Direction: CaptureIn, Data: frame}}},
		{"system", CaptureRequest{Direction: CaptureOut}, []CapturedFrame{{Direction: CaptureOut, Data: other}}},
		{"system", CaptureRequest{Direction: CaptureBoth, Filter: "tcp"},
			[]CapturedFrame{{Direction: CaptureIn, Data: frame}, {Direction: CaptureOut, Data: other}}},
		{"system", CaptureRequest{Direction: CaptureIn, VLAN: 7, Filter: "tcp port 80"}, []CapturedFrame{{Direction: CaptureIn, Data: tagged}}},
		{"system", CaptureRequest{Direction: CaptureIn, VLAN: 8}, nil},
		// The machine's own end: what it sends enters Open vSwitch.
		{"internal", CaptureRequest{Direction: CaptureIn}, []CapturedFrame{{Direction: CaptureIn, Data: other}}},
		{"internal", CaptureRequest{Direction: CaptureOut, Filter: "tcp"}, []CapturedFrame{{Direction: CaptureOut, Data: frame}}},
	} {
		s := known(t, ns.Path(), vif("p1", c.typ))
		c.req.IfaceID = "sw0-p1"
		rec, err := s.Capture(t.Context(), c.req)
		if err != nil {
			t.Fatal(err)
		}
		if rec.Device != "p1" || rec.MTU != 1500 {
			t.Errorf("%+v", rec)
		}
		write(t, e0, frame)
		write(t, p1, other)
		write(t, e0, tagged)
		got, err := s.Captured(t.Context(), CapturedRequest{ID: rec.ID, Max: 10, WaitMS: 300, End: true})
		if err != nil {
			t.Fatal(err)
		}
		ok := len(got.Frames) == len(c.want) && got.Lost == 0
		for i := range c.want {
			ok = ok && got.Frames[i].Direction == c.want[i].Direction && bytes.Equal(got.Frames[i].Data, c.want[i].Data) &&
				got.Frames[i].Wire == len(c.want[i].Data)
		}
		if !ok {
			t.Errorf("%s %+v: got %+v, want %+v", c.typ, c.req, got, c.want)
		}
		if _, err := s.Captured(t.Context(), CapturedRequest{ID: rec.ID, Max: 1}); !errors.Is(err, errEnded) {
			t.Errorf("after its end: %v", err)
		}
	}
}

// A capture ends with its lifetime, its node and the call that waits.
func TestCaptureEnds(t *testing.T) {
	ns, _ := guest(t)
	s := known(t, ns.Path(), vif("p1", ""))
	begin := func(lifetime int64) int {
		rec, err := s.Capture(t.Context(), CaptureRequest{IfaceID: "sw0-p1", Direction: CaptureIn, LifetimeMS: lifetime})
		if err != nil {
			t.Fatal(err)
		}
		return rec.ID
	}
	began := time.Now()
	if _, err := s.Captured(t.Context(), CapturedRequest{ID: begin(50), Max: 1, WaitMS: 60_000}); !errors.Is(err, errEnded) {
		t.Errorf("lifetime: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := s.Captured(ctx, CapturedRequest{ID: begin(0), Max: 1, WaitMS: 60_000}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	id := begin(0)
	time.AfterFunc(50*time.Millisecond, func() { s.Close(context.Background()) })
	if _, err := s.Captured(t.Context(), CapturedRequest{ID: id, Max: 1, WaitMS: 60_000}); !errors.Is(err, errEnded) {
		t.Errorf("closed: %v", err)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestCaptureBounds(t *testing.T) {
	ns, e0 := guest(t)
	s := known(t, ns.Path(), vif("p1", ""))
	req := CaptureRequest{IfaceID: "sw0-p1", Direction: CaptureIn, SnapLen: 64}
	rec, err := s.Capture(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	frame := append(packettest.Frame(t, tcpPacket("10.0.0.3:1000", "10.0.0.4:80", 2)), make([]byte, 1000)...)
	for range maxFrames + 5 {
		write(t, e0, frame)
	}
	got, err := s.Captured(t.Context(), CapturedRequest{ID: rec.ID, Max: 1000})
	if err != nil || len(got.Frames) != maxFrames || len(got.Frames[0].Data) != 64 || got.Frames[0].Wire != len(frame) {
		t.Errorf("%d frames, %v", len(got.Frames), err)
	}
	for range MaxCaptures - 1 {
		if _, err = s.Capture(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	if _, err = s.Capture(t.Context(), req); err == nil || !strings.Contains(err.Error(), "more than 64 captures") {
		t.Errorf("one too many: %v", err)
	}
}

func TestCaptureRefuses(t *testing.T) {
	ns := nstest.New(t)
	for _, c := range []struct {
		port Port
		req  CaptureRequest
		want string
	}{
		{vif("p1", ""), CaptureRequest{IfaceID: "sw0-p2"}, "port sw0-p2: no interface here has external_ids:iface-id=sw0-p2"},
		{vif("p1", ""), CaptureRequest{Port: "p2"}, "port p2: no bridge here has this port"},
		{vif("p1", "dpdkvhostuserclient"), CaptureRequest{IfaceID: "sw0-p1"}, "port sw0-p1: its interface p1 is of type dpdkvhostuserclient, whose packets do not pass"},
		{vif("p1", "afxdp"), CaptureRequest{Port: "p1"}, "port p1: its interface p1 is of type afxdp"},
		{vif("p1", "patch"), CaptureRequest{Port: "p1"}, "port p1: p1 is a patch port, which has no device"},
		{vif("p1", ""), CaptureRequest{IfaceID: "sw0-p1"}, "port sw0-p1: its interface p1 is no device in network namespace"},
	} {
		_, err := known(t, ns.Path(), c.port).Capture(t.Context(), c.req)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || failure.KindOf(err) != failure.Unreachable {
			t.Errorf("%v (%v), want %s", err, failure.KindOf(err), c.want)
		}
	}
	var bad *syntax.Error
	if _, err := known(t, ns.Path(), vif("p1", "")).Capture(t.Context(), CaptureRequest{IfaceID: "sw0-p1", Filter: "foo"}); !errors.As(err, &bad) {
		t.Error(err)
	}
}

// A node without these methods says so, and still answers others.
func TestCaptureOnOlderNode(t *testing.T) {
	r, _ := remote(t, "older")
	if _, err := r.Capture(t.Context(), CaptureRequest{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := r.Captured(t.Context(), CapturedRequest{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if err := r.Inject(t.Context(), InjectRequest{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := r.Info(t.Context()); err != nil {
		t.Errorf("after it: %v", err)
	}
}
