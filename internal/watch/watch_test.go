package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// answers is a node whose recordings answer with frames, or with an error.
type answers struct {
	frames []node.CapturedFrame
	err    error
}

func (a answers) Capture(context.Context, node.CaptureRequest) (*node.Capture, error) {
	return &node.Capture{ID: 1, Device: "tap1", MTU: 1500}, a.err
}

func (a answers) Captured(context.Context, node.CapturedRequest) (*node.Captured, error) {
	if a.err != nil {
		return nil, a.err
	}
	return &node.Captured{Frames: a.frames, Lost: 2}, nil
}

// A device that goes down, at the beginning or later, is one that cannot be reached any more: the
// error names the chassis, once.
func TestFailures(t *testing.T) {
	remote := &node.RemoteError{Code: 1, Text: "the capture has ended"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{syscall.ENETDOWN, "chassis hv1: capture: network is down"},
		{fmt.Errorf("chassis hv1: %w", remote), "chassis hv1: capture: the capture has ended"},
		{&node.Error{Node: "hv1", Op: "captured", Err: syscall.EPIPE}, "chassis hv1: captured: broken pipe"},
	} {
		p := &Point{Chassis: "hv1", node: answers{err: c.err}}
		_, begun := p.Begin(t.Context(), Options{})
		_, read := (&Recording{Point: p}).Next(t.Context(), 1, 0)
		for _, err := range []error{begun, read} {
			if err == nil || err.Error() != c.want || failure.KindOf(err) != failure.Unreachable || !errors.Is(err, c.err) && !errors.Is(err, remote) {
				t.Errorf("%v (kind %d), want %s", err, failure.KindOf(err), c.want)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&Recording{Point: &Point{node: answers{err: syscall.EPIPE}}}).Next(ctx, 1, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A port that shares its interface gets its own frames: a nested container those with its tag,
// without it, and a parent those that are no container's.
func TestOwnFrames(t *testing.T) {
	macs := make([]byte, 12)
	frame := func(tag byte) node.CapturedFrame {
		f := node.CapturedFrame{Data: slices.Concat(macs, []byte{0x81, 0, 0x20, tag, 8, 0, 1, 2})}
		if tag == 0 {
			f.Data = slices.Concat(macs, []byte{8, 0, 1, 2, 3, 4})
		}
		f.Wire = len(f.Data)
		return f
	}
	all := []node.CapturedFrame{frame(0), frame(7), frame(8)}
	for _, c := range []struct {
		name  string
		point Point
		want  []byte // the tags of its frames
	}{
		{"alone", Point{}, []byte{0, 7, 8}},
		{"container", Point{tag: 7}, []byte{0, 7}}, // the node's filter takes tagged frames only
		{"parent", Point{foreign: []uint16{7}}, []byte{0, 8}},
	} {
		c.point.node = answers{frames: all}
		rec := &Recording{Point: &c.point}
		got, err := rec.Next(t.Context(), 10, 0)
		if err != nil || len(got) != len(c.want) || rec.Lost != 2 {
			t.Fatalf("%s: %d frames, %d lost, %v", c.name, len(got), rec.Lost, err)
		}
		for i, tag := range c.want {
			want := frame(tag)
			plain := want.Data
			if c.point.tag != 0 && tag != 0 {
				plain = slices.Concat(macs, []byte{8, 0, 1, 2})
			}
			if !slices.Equal(got[i].Data, want.Data) || !slices.Equal(got[i].Untagged, plain) || got[i].WireUntagged != len(plain) {
				t.Errorf("%s: frame %d is %+v", c.name, i, got[i])
			}
		}
	}
}

// A database that does not answer is not taken for a port that is bound elsewhere.
func TestChassisRefused(t *testing.T) {
	remote, ids := ovntest.Chassis(t, "hv1", "hv2")
	refuse := false
	remote = ovsdbtest.Refusing(t, remote, func(b []byte) bool { return refuse && bytes.Contains(b, []byte(ids[1].String())) })
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: remote})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	pb := &ovn.PortBinding{LogicalPort: "p1", Chassis: ids[0], AdditionalChassis: []ovsdb.UUID{ids[1]}}
	if c, err := (Nodes{SB: sb}).chassis(t.Context(), pb, "hv2"); err != nil || c.Name != "hv2" {
		t.Errorf("%v, %v", c, err)
	}
	var elsewhere *Error
	if _, err := (Nodes{SB: sb}).chassis(t.Context(), pb, "hv3"); !errors.As(err, &elsewhere) {
		t.Errorf("hv3: %v", err)
	}
	refuse = true
	if _, err := (Nodes{SB: sb}).chassis(t.Context(), pb, "hv2"); err == nil || !strings.Contains(err.Error(), "permission error") {
		t.Errorf("%v, want the database's error", err)
	}
}
