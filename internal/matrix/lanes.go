package matrix

import (
	"context"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// window is how many questions are read ahead, to find some for each chassis: a list often has the
// questions of one port, and so of one chassis, together.
const window = 4096

// lanes are questions that wait, by the chassis on which their packets enter.
type lanes struct {
	mu      sync.Mutex
	work    *sync.Cond // a question may be taken
	space   *sync.Cond // the window has room
	each    map[ovsdb.UUID]*lane
	ring    []*lane // in the order of their first question
	next    int     // in ring
	waiting int
	closed  bool // no more questions come
	stopped bool
}

// lane is the questions of one chassis.
type lane struct {
	list   []Question
	active int // questions taken and not done
}

func newLanes(ctx context.Context) (l *lanes, release func() bool) {
	l = &lanes{each: map[ovsdb.UUID]*lane{}}
	l.work, l.space = sync.NewCond(&l.mu), sync.NewCond(&l.mu)
	return l, context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stopped = true
		l.work.Broadcast()
		l.space.Broadcast()
	})
}

// put adds a question; it waits while the window is full. It returns false once the run has ended.
func (l *lanes) put(chassis ovsdb.UUID, q Question) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.waiting >= window && !l.stopped {
		l.space.Wait()
	}
	if l.stopped {
		return false
	}
	a := l.each[chassis]
	if a == nil {
		a = &lane{}
		l.each[chassis] = a
		l.ring = append(l.ring, a)
	}
	a.list = append(a.list, q)
	l.waiting++
	l.work.Signal()
	return true
}

// close says that no more questions come.
func (l *lanes) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.work.Broadcast()
}

// take returns a question of a chassis that has fewer than most of them in progress, the chassis in
// turn. It waits for one; ok is false once there are no more, or the run has ended. done says that
// the question was answered.
func (l *lanes) take(most int) (q Question, done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.stopped || l.closed && l.waiting == 0 {
			return Question{}, nil, false
		}
		for i := range l.ring {
			a := l.ring[(l.next+i)%len(l.ring)]
			if len(a.list) == 0 || a.active >= most {
				continue
			}
			l.next = (l.next + i + 1) % len(l.ring)
			q, a.list = a.list[0], a.list[1:]
			a.active++
			if l.waiting--; l.closed && l.waiting == 0 {
				l.work.Broadcast()
			}
			l.space.Signal()
			return q, func() { l.done(a) }, true
		}
		l.work.Wait()
	}
}

func (l *lanes) done(a *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.active--
	l.work.Signal()
}
