package whatif

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// fakeCrew returns a crew, and the number of its members that have not ended.
func fakeCrew() (c *crew, open func() int) {
	var mu sync.Mutex
	n := 0
	count := func(d int) int {
		mu.Lock()
		defer mu.Unlock()
		n += d
		return n
	}
	another := func() (*passer, func(context.Context) error) {
		count(1)
		return &passer{}, func(context.Context) error { count(-1); return nil }
	}
	return &crew{&passer{}, another}, func() int { return count(0) }
}

// Every connection is traced once, a group's in their order; those for which a router must learn
// come last, in order, by the one that lets it.
func TestCrew(t *testing.T) {
	for range 50 {
		groups := []*group{{}, {}, nil}
		var conns []*live
		for i := range 30 {
			conns = append(conns, &live{group: groups[i%3]})
		}
		learns := map[*live]bool{conns[6]: true, conns[8]: true} // of the first group, and without one
		c, open := fakeCrew()
		var mu sync.Mutex
		var order, late []*live
		var said []int
		err := c.each(t.Context(), conns, func(n int) { said = append(said, n) }, func(_ context.Context, p *passer, l *live) error {
			mu.Lock()
			defer mu.Unlock()
			if learns[l] && p != c.main {
				return errLearns
			}
			if p == c.main {
				late = append(late, l)
			}
			order = append(order, l)
			return nil
		})
		if err != nil || open() != 0 {
			t.Fatalf("%v, %d open", err, open())
		}
		place := map[*live]int{}
		for i, l := range order {
			place[l] = i
		}
		if len(order) != len(conns) || len(place) != len(conns) {
			t.Fatalf("%d of %d connections are traced, %d times", len(place), len(conns), len(order))
		}
		for i, l := range conns[3:] {
			if l.group != nil && place[l] < place[conns[i]] {
				t.Fatalf("connection %d of a group is traced before %d", i+3, i)
			}
		}
		// The first group waits from its third connection on.
		want := []*live{conns[6], conns[8]}
		for i := 9; i < len(conns); i += 3 {
			want = append(want, conns[i])
		}
		if !slices.Equal(late, want) {
			t.Fatalf("%d connections are traced late, want %d", len(late), len(want))
		}
		for i, n := range said[:len(said)-1] {
			if i != n {
				t.Fatalf("call %d says %d", i, n)
			}
		}
	}
}

// An error ends all, and nobody is left.
func TestCrewFails(t *testing.T) {
	conns := make([]*live, 100)
	for i := range conns {
		conns[i] = &live{}
	}
	broken := errors.New("broken")
	c, open := fakeCrew()
	err := c.each(t.Context(), conns, func(int) {}, func(_ context.Context, _ *passer, l *live) error {
		if l == conns[10] {
			return fmt.Errorf("here: %w", broken)
		}
		return nil
	})
	if !errors.Is(err, broken) || open() != 0 {
		t.Errorf("%v, %d open", err, open())
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	err = c.each(ctx, conns, func(int) {}, func(ctx context.Context, _ *passer, _ *live) error { return ctx.Err() })
	if !errors.Is(err, context.Canceled) || open() != 0 {
		t.Errorf("interrupted: %v, %d open", err, open())
	}
	if err := c.each(t.Context(), nil, func(int) {}, nil); err != nil || open() != 0 {
		t.Errorf("no connections: %v, %d open", err, open())
	}
}
