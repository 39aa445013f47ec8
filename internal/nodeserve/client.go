package nodeserve

import (
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// client is what one client occupies, over all of its connections.
type client struct {
	name     string
	requests *semaphore.Weighted
	rate     *rate.Limiter
	conns    int // guarded by clients.mu
}

// clients are the allowed ones. There are no more than names were allowed.
type clients struct {
	limits Limits
	mu     sync.Mutex
	all    map[string]*client
	conns  int
}

func newClients(l Limits) *clients { return &clients{limits: l, all: map[string]*client{}} }

// join counts a connection of a client. The error says which limit it exceeds.
func (c *clients) join(name string) (*client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.all[name]
	if one == nil {
		one = &client{name: name, requests: semaphore.NewWeighted(int64(c.limits.Requests)), rate: rate.NewLimiter(rate.Limit(c.limits.Rate), c.limits.Burst)}
		c.all[name] = one
	}
	switch {
	case one.conns >= c.limits.PerClient:
		return nil, fmt.Errorf("%s has %d connections already (--max-connections-per-client)", name, one.conns)
	case c.conns >= c.limits.Connections:
		return nil, fmt.Errorf("%d connections are open already (--max-connections)", c.conns)
	}
	one.conns++
	c.conns++
	return one, nil
}

// leave takes a connection back.
func (c *clients) leave(one *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one.conns--
	c.conns--
}

// end takes n requests back.
func (c *client) end(n int) { c.requests.Release(int64(n)) }
