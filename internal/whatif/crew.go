package whatif

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
)

// Connections are traced several at a time: while ovs-vswitchd translates for one, the answer about
// another is read. Those of a group stay together, as one of them is traced for the others.

// maxCrew bounds the connections that are traced at a time: each chassis has one ovs-vswitchd, which
// answers one question after the other.
const maxCrew = 4

// runs are those of a copy: the main one, and others that share its nodes and rows.
type runs struct {
	*deployment.Run
	shared *deployment.Shared
}

// crew traces connections: main, and others beside it that let no router learn.
type crew struct {
	main *passer
	// another returns one of the others, and what ends it.
	another func() (*passer, func(context.Context) error)
}

// crew returns who traces in the runs.
func (t *task) crew(r *runs) *crew {
	main := t.passer(r.Run)
	return &crew{main, func() (*passer, func(context.Context) error) {
		run := r.shared.Run()
		return &passer{run: run, down: main.down}, run.Close
	}}
}

// jobs returns connections as they may be traced at the same time: each group's in their order.
func jobs(conns []*live) (out [][]*live) {
	of := map[*group]int{}
	for _, l := range conns {
		if l.group == nil {
			out = append(out, []*live{l})
			continue
		}
		i, known := of[l.group]
		if !known {
			i = len(out)
			of[l.group] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], l)
	}
	return out
}

// each calls trace once for every connection, in no order among groups; done is called before each,
// one call at a time, with the number of those before. A connection for which a router must learn an
// address is traced when all others are, by main: what it learns changes flows and rows.
func (c *crew) each(ctx context.Context, conns []*live, done func(n int), trace func(context.Context, *passer, *live) error) error {
	var (
		mu   sync.Mutex
		n    int
		late []*live
		todo = make(chan []*live)
	)
	next := func() {
		mu.Lock()
		defer mu.Unlock()
		done(n)
		n++
	}
	g, bounded := errgroup.WithContext(ctx)
	for range min(maxCrew, runtime.GOMAXPROCS(0), max(1, len(conns))) {
		p, end := c.another()
		g.Go(func() (err error) {
			defer func() { err = errors.Join(err, end(ctx)) }()
			for job := range todo {
				for i, l := range job {
					next()
					err := trace(bounded, p, l)
					if errors.Is(err, errLearns) {
						mu.Lock()
						late = append(late, job[i:]...)
						mu.Unlock()
						break
					}
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(todo)
		for _, job := range jobs(conns) {
			select {
			case todo <- job:
			case <-bounded.Done():
				return bounded.Err()
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	place := map[*live]int{}
	for i, l := range conns {
		place[l] = i
	}
	slices.SortFunc(late, func(a, b *live) int { return place[a] - place[b] })
	for _, l := range late {
		if err := trace(ctx, c.main, l); err != nil {
			return err
		}
	}
	return nil
}

// errLearns says that a packet goes on only if a router learns an address.
var errLearns = errors.New("a router must learn an address first")

// tracing returns what says how many connections were traced; how names the state of the copy.
func (t *task) tracing(how string, of int) func(n int) {
	return func(n int) {
		if n%50 == 0 {
			t.Say(fmt.Sprintf("tracing %d of %d live connections %s", n, of, how))
		}
	}
}
