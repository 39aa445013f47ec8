package driver

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// slowNode answers Info when it is let go, or fails when its caller gives up.
type slowNode struct {
	node.Node
	asked atomic.Int32
	let   chan struct{}
}

func (n *slowNode) Info(ctx context.Context) (*node.Info, error) {
	n.asked.Add(1)
	select {
	case <-n.let:
		return &node.Info{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type slowNodes map[string]*slowNode

func (s slowNodes) Node(_ context.Context, c *ovn.Chassis) (node.Node, error) { return s[c.Name], nil }

func TestPrefetch(t *testing.T) {
	nodes := slowNodes{}
	d := &Driver{Nodes: nodes}
	var pending []arrival
	for _, name := range []string{"hv1", "hv2"} {
		nodes[name] = &slowNode{let: make(chan struct{})}
		d.remember(&ovn.Chassis{Name: name})
		pending = append(pending, arrival{chassis: name}, arrival{chassis: name})
	}
	d.expectAll(t.Context(), []*track{{pending: pending}, {pending: pending}})
	for name, n := range nodes {
		for end := time.Now().Add(5 * time.Second); n.asked.Load() == 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if got := n.asked.Load(); got != 1 {
			t.Errorf("%s was asked %d times", name, got)
		}
	}

	// The packet gets to a node that is still starting: it waits, unless it gives up.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	d.await(gone, "hv1")
	close(nodes["hv1"].let)
	d.await(t.Context(), "hv1")
	d.await(t.Context(), "hv9") // nobody prepares it

	// The end of the run does not wait for a node that hangs.
	ended := make(chan struct{})
	go func() {
		d.Settle()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("a node that hangs is waited for")
	}
}
