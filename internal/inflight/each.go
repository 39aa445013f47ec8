// Package inflight asks many at once, bounded: one that does not answer takes the place of nobody
// for long.
package inflight

import (
	"sync"
	"time"
)

// Bounds bound what is asked at once.
type Bounds struct {
	// Working is the maximum number that are asked and have taken less than Patience.
	Working int
	// Open is the maximum number that are asked, with those that take longer; at least Working.
	Open int
	// Patience is how long one counts as working.
	Patience time.Duration
}

// Nodes bounds what nodes are asked: those that do not answer leave the others their places, and
// Open of them are few enough for the memory of this machine.
var Nodes = Bounds{Working: 64, Open: 512, Patience: time.Second}

// Each calls f for 0 to n-1, several at once, and returns when all have returned. f calls rest
// before it waits for something that costs nothing: from then on it does not count as working.
func Each(n int, b Bounds, f func(i int, rest func())) {
	working, open := make(chan struct{}, b.Working), make(chan struct{}, max(b.Open, b.Working))
	var wg sync.WaitGroup
	for i := range n {
		open <- struct{}{}
		working <- struct{}{}
		wg.Go(func() {
			var once sync.Once
			release := func() { once.Do(func() { <-working }) }
			late := time.AfterFunc(b.Patience, release)
			defer func() {
				late.Stop()
				release()
				<-open
			}()
			f(i, release)
		})
	}
	wg.Wait()
}
