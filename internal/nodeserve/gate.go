package nodeserve

import (
	"net"
	"sync"
)

// gate bounds the connections whose client is not known yet: anyone who reaches the port can make
// such ones.
type gate struct {
	most, each int // of all, and of one address

	mu   sync.Mutex
	all  int
	from map[string]int
}

// enter counts a connection until leave is called. It returns the limit that is exceeded instead.
func (g *gate) enter(from net.Addr) (leave func(), why string) {
	host, _, err := net.SplitHostPort(from.String())
	if err != nil {
		host = from.String()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.all >= g.most:
		return nil, "handshakes"
	case g.from[host] >= g.each:
		return nil, "handshakes of one address"
	}
	g.all++
	g.from[host]++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.all--
		if g.from[host]--; g.from[host] == 0 {
			delete(g.from, host)
		}
	}, ""
}
