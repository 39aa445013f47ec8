package deployment

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/creachadair/jrpc2/channel"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/testca"
)

// well is a node that says that it is well.
type well struct{ node.Node }

func (well) Check(context.Context) error { return nil }

// Connections that are not in use make room for those of other chassis, and are opened again when
// their chassis are asked.
func TestMakeRoom(t *testing.T) {
	ca, err := testca.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := ca.Write(dir, "it", testca.Cert{CN: "it", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	cert, err := tls.LoadX509KeyPair(file("it.pem"), file("it.key"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var opened atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			opened.Add(1)
			go func() {
				defer c.Close()
				_ = node.Greet(c)
				_ = node.NewServing(well{}, node.ServeOptions{}).Run(t.Context(), channel.Line(c, c))
			}()
		}
	}()
	n := NewNodes(Options{NodeCommand: "tls:" + l.Addr().String(), Certificate: file("it.pem"), PrivateKey: file("it.key"), CACert: file("ca.pem")}, "")
	if n.most != mostServed {
		t.Errorf("%d nodes may be open", n.most)
	}
	n.most = 3
	connected := func() (k int) {
		for _, nd := range n.open {
			if nd.(*node.Remote).Connected() {
				k++
			}
		}
		return k
	}
	chassis := []string{"hv1", "hv2", "hv3", "hv4", "hv5", "hv6"}
	var nodes []node.Node
	for _, name := range chassis {
		nd, err := n.Node(t.Context(), &ovn.Chassis{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, nd)
	}
	for round := range 2 {
		for _, nd := range nodes {
			if err := nd.Check(t.Context()); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
			n.closes.Wait()
			if k := connected(); k > n.most {
				t.Errorf("round %d: %d nodes are connected", round, k)
			}
		}
	}
	if opened.Load() < int64(2*len(chassis)-n.most) {
		t.Errorf("%d connections for two rounds", opened.Load())
	}
	if err := n.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if k := connected(); k != 0 {
		t.Errorf("%d nodes are connected after Close", k)
	}
}
