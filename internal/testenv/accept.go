package testenv

import (
	"net"
	"testing"
)

// Accept calls a function for each connection to a listener, until that is closed. It closes the
// connection when the function returns.
func Accept(l net.Listener, serve func(net.Conn)) {
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
}

// Unix is Accept for a Unix socket, which it makes at a path for the time of the test.
func Unix(t testing.TB, path string, serve func(net.Conn)) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	Accept(l, serve)
}
