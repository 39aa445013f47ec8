package inflight

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Nobody is left out, and no more are asked at once than may be.
func TestEach(t *testing.T) {
	var now, most, all atomic.Int64
	Each(100, Bounds{Working: 4, Open: 8, Patience: time.Hour}, func(int, func()) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		all.Add(1)
		time.Sleep(time.Millisecond)
		now.Add(-1)
	})
	if all.Load() != 100 || most.Load() > 4 || most.Load() < 2 {
		t.Errorf("%d asked, %d at once", all.Load(), most.Load())
	}
}

// Those that do not answer leave their places, and more of them than may be open are not asked.
func TestEachSilent(t *testing.T) {
	const silent = 6
	answered := make(chan struct{})
	var mu sync.Mutex
	left, open, most := 20, 0, 0
	Each(20+silent, Bounds{Working: 2, Open: 8, Patience: time.Millisecond}, func(i int, _ func()) {
		mu.Lock()
		open++
		most = max(most, open)
		mu.Unlock()
		defer func() {
			mu.Lock()
			open--
			mu.Unlock()
		}()
		if i < silent {
			<-answered // after all others: they do not wait for this one
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 {
			close(answered)
		}
	})
	if most > 8 {
		t.Errorf("%d at once", most)
	}
}

// Who rests leaves its place to another.
func TestEachResting(t *testing.T) {
	const n = 5
	met := make(chan struct{})
	var resting atomic.Int64
	Each(n, Bounds{Working: 1, Open: n, Patience: time.Hour}, func(_ int, rest func()) {
		rest()
		if resting.Add(1) == n {
			close(met)
		}
		select {
		case <-met:
		case <-time.After(10 * time.Second):
			t.Error("the others wait for one that rests")
		}
	})
}
