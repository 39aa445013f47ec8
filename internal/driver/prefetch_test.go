package driver

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
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

// What was asked for while connecting names and reaches a chassis; its row is asked for only where
// a command needs the first of several addresses.
func TestDirectory(t *testing.T) {
	dep := ovntest.New(t, "")
	if _, err := dep.SBCtl(t.Context(), "chassis-add one geneve 10.9.0.1\nchassis-add two geneve 10.9.0.2\n--id=@e create encap type=geneve ip=10.9.0.3 chassis_name=two -- add chassis two encaps @e"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		addr, name string
		bare       bool
		types      int // of encapsulations that are known: those of a row
	}{
		{"10.9.0.1", "one", true, 0}, {"10.9.0.1", "one", false, 0},
		{"10.9.0.3", "two", true, 0}, {"10.9.0.3", "two", false, 2},
	} {
		ctx := ovn.First(t.Context(), ovn.Beginning{})
		sb, err := ovn.DialSB(ctx, ovsdb.Options{Remotes: dep.SB})
		if err != nil {
			t.Fatal(err)
		}
		defer sb.Close()
		d := &Driver{SB: sb, Bare: c.bare}
		got, err := d.byEndpoint(ovsdb.WithAhead(ctx), sb, netip.MustParseAddr(c.addr))
		if err != nil || got.Name != c.name {
			t.Fatalf("%s: %+v, %v", c.addr, got, err)
		}
		types := 0
		for _, e := range got.Encaps {
			if e.Type != "" {
				types++
			}
		}
		if types != c.types {
			t.Errorf("%s, bare %v: %+v", c.addr, c.bare, got.Encaps)
		}
	}
}
