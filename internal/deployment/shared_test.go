package deployment

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// waiting is a node that describes itself once it is let, and how often it was asked.
type waiting struct {
	node.Node
	asked atomic.Int32
	let   chan error
}

func (w *waiting) Info(ctx context.Context) (*node.Info, error) {
	w.asked.Add(1)
	select {
	case err := <-w.let:
		return &node.Info{SystemID: "hv1"}, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestDescribe: a node is asked once for all runs, one that fails is asked again, and the run that
// asked first may end meanwhile.
func TestDescribe(t *testing.T) {
	s := (&Deployment{}).share()
	n := &waiting{let: make(chan error)}
	first, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.describe(first, "hv1", n)
		ended <- err
	}()
	for n.asked.Load() == 0 {
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the run that ended: %v", err)
	}
	// Its question to the node goes on, and the next run has the answer, or asks again.
	joined := make(chan struct{})
	var info *node.Info
	var err error
	go func() {
		defer close(joined)
		for info, err = s.describe(t.Context(), "hv1", n); err != nil; {
			info, err = s.describe(t.Context(), "hv1", n)
		}
	}()
	n.let <- errors.New("not now")
	n.let <- nil
	if <-joined; info.SystemID != "hv1" || n.asked.Load() != 2 {
		t.Errorf("%+v %v, asked %d times", info, err, n.asked.Load())
	}
	asked := n.asked.Load()
	if _, err := s.describe(t.Context(), "hv1", n); err != nil || n.asked.Load() != asked {
		t.Errorf("asked %d times, %v", n.asked.Load(), err)
	}
	go func() { _, _ = s.describe(t.Context(), "hv2", n) }()
	for n.asked.Load() == asked {
	}
	if err := s.Close(t.Context()); err != nil { // and does not wait for hv2
		t.Error(err)
	}
}

// large is a node with many ports.
type large struct {
	node.Node
	asked atomic.Int32
}

func (l *large) Info(context.Context) (*node.Info, error) {
	l.asked.Add(1)
	return &node.Info{Ports: make([]node.Port, keptPorts/4)}, nil
}

// TestDescribeMany: descriptions beyond the bound are dropped, and are asked for again.
func TestDescribeMany(t *testing.T) {
	s := (&Deployment{}).share()
	defer s.Close(t.Context())
	n := &large{}
	const chassis = 10
	for i := range chassis {
		if info, err := s.describe(t.Context(), fmt.Sprint("hv", i), n); err != nil || len(info.Ports) != keptPorts/4 {
			t.Fatalf("%v", err)
		}
		s.asking.Wait()
		if s.ports > keptPorts || s.ports != len(s.described)*keptPorts/4 {
			t.Errorf("%d descriptions of %d ports are kept", len(s.described), s.ports)
		}
	}
	if len(s.described) != 4 || n.asked.Load() != chassis {
		t.Errorf("%d descriptions, asked %d times", len(s.described), n.asked.Load())
	}
	for i := range chassis {
		if _, err := s.describe(t.Context(), fmt.Sprint("hv", i), n); err != nil {
			t.Fatal(err)
		}
		s.asking.Wait()
	}
	if again := n.asked.Load() - chassis; again < chassis-4 || again > chassis {
		t.Errorf("asked %d times again", again)
	}
}
