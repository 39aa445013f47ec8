package ctjournal

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
)

// traffic is a set of connections between two namespaces that echo all the time.
type traffic struct {
	tcp, udp int
	count    atomic.Int64
	quit     chan struct{}
	done     chan error
	conns    []net.Conn
}

func startTraffic(t *testing.T, ns nodens.NetNS) *traffic {
	t.Helper()
	peer := nstest.New(t)
	nstest.Run(t, ns, "", "ip", "link", "add", "e0", "type", "veth", "peer", "name", "e0", "netns", peer.Path())
	for n, addr := range map[nodens.NetNS]string{ns: "192.0.2.1/24", peer: "192.0.2.2/24"} {
		nstest.Run(t, n, "", "ip", "addr", "add", addr, "dev", "e0")
		nstest.Run(t, n, "", "ip", "link", "set", "e0", "up")
	}
	tr := &traffic{tcp: 8, udp: 8, quit: make(chan struct{}), done: make(chan error, 64)}
	var l net.Listener
	var pc net.PacketConn
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// Sockets belong to the namespace of the thread that makes them.
	must(peer.Do(func() (err error) { l, err = listenHere("192.0.2.2:7"); return err }))
	must(peer.Do(func() (err error) {
		pc, err = (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", "192.0.2.2:7")
		return err
	}))
	t.Cleanup(func() { l.Close(); pc.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c)
		}
	}()
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			pc.WriteTo(b[:n], from)
		}
	}()
	for i := range tr.tcp + tr.udp {
		network := "tcp4"
		if i >= tr.tcp {
			network = "udp4"
		}
		must(ns.Do(func() error {
			// Without fallback and resolver, the dial stays on this thread.
			c, err := dialHere(network, "192.0.2.2:7")
			tr.conns = append(tr.conns, c)
			return err
		}))
	}
	for _, c := range tr.conns {
		go func() { tr.done <- tr.echo(c) }()
	}
	return tr
}

func (tr *traffic) echo(c net.Conn) error {
	defer c.Close()
	buf := make([]byte, 64)
	for i := 0; ; i++ {
		select {
		case <-tr.quit:
			return nil
		default:
		}
		msg := fmt.Sprintf("message %d", i)
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write([]byte(msg)); err != nil {
			return err
		}
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		if string(buf[:n]) != msg {
			return fmt.Errorf("sent %q, got %q", msg, buf[:n])
		}
		tr.count.Add(1)
		time.Sleep(time.Millisecond)
	}
}

// settle waits until every connection is assured and no longer changes.
func (tr *traffic) settle(t *testing.T, tbl *ctnetlink.Table) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		n := 0
		for _, i := range table(t, tbl) {
			if i.status&ctstate.Assured != 0 {
				n++
			}
		}
		if n == tr.tcp+tr.udp {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d connections are assured", n, tr.tcp+tr.udp)
		}
	}
}

func (tr *traffic) stop(t *testing.T) int64 {
	t.Helper()
	close(tr.quit)
	for range tr.conns {
		if err := <-tr.done; err != nil {
			t.Errorf("a live connection broke: %v", err)
		}
	}
	return tr.count.Load()
}

// dialHere connects a socket made on the calling thread.
func dialHere(network, to string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second, FallbackDelay: -1}
	return d.Dial(network, to)
}

func listenHere(addr string) (net.Listener, error) { return net.Listen("tcp4", addr) }
