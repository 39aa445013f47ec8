package matrix

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// maxSilent is how many requests in a row a chassis may leave unanswered before it is given up.
const maxSilent = 2

// Gate bounds what each chassis is asked: a number of requests at a time, and a share of its Open
// vSwitch's time. It implements driver.Gate.
type Gate struct {
	inFlight int
	share    float64       // of a second; 1 is all of it
	timeout  time.Duration // of one request, without the time that it waits here

	mu      sync.Mutex
	chassis map[string]*doorway
}

// doorway is the gate of one chassis.
type doorway struct {
	slots chan struct{}

	mu     sync.Mutex
	free   time.Time // before that, the chassis has had its share
	silent int       // requests in a row without an answer
}

// NewGate returns a gate. inFlight is at least 1. maxLoad is in percent, 1 to 100; below 100 a
// chassis has one request at a time. timeout bounds each request.
func NewGate(inFlight, maxLoad int, timeout time.Duration) *Gate {
	if maxLoad < 100 {
		inFlight = 1
	}
	return &Gate{inFlight: inFlight, share: float64(maxLoad) / 100, timeout: timeout, chassis: map[string]*doorway{}}
}

// SilentError is a chassis that is not asked any more.
type SilentError struct{ Chassis string }

func (e *SilentError) Error() string {
	return fmt.Sprintf("chassis %s has left %d requests in a row unanswered and is not asked any more", e.Chassis, maxSilent)
}

// Failure is something that could not be reached.
func (e *SilentError) Failure() (failure.Kind, string) { return failure.Unreachable, "" }

// Do implements driver.Gate.
func (g *Gate) Do(ctx context.Context, chassis string, request func(context.Context) (time.Duration, error)) error {
	d := g.doorway(chassis)
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-d.slots }()
	if err := d.wait(ctx, chassis); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	began := time.Now()
	busy, err := request(bounded)
	if busy == 0 {
		busy = time.Since(began) // an older node does not say it: the share is then kept the more
	}
	d.done(busy, g.share, err, ctx.Err() == nil && bounded.Err() != nil)
	return err
}

func (g *Gate) doorway(chassis string) *doorway {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.chassis[chassis]
	if d == nil {
		d = &doorway{slots: make(chan struct{}, g.inFlight)}
		g.chassis[chassis] = d
	}
	return d
}

// wait waits until the chassis may be asked again.
func (d *doorway) wait(ctx context.Context, chassis string) error {
	d.mu.Lock()
	silent, pause := d.silent, time.Until(d.free)
	d.mu.Unlock()
	if silent >= maxSilent {
		return &SilentError{chassis}
	}
	if pause <= 0 {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// done counts a request: a chassis that was busy for a time is left alone for as long as its share
// demands.
func (d *doorway) done(busy time.Duration, share float64, err error, late bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if late && errors.Is(err, context.DeadlineExceeded) {
		d.silent++
	} else {
		d.silent = 0
	}
	if share < 1 {
		d.free = time.Now().Add(pauseAfter(busy, share))
	}
}

// pauseAfter returns how long a chassis is left alone after it was busy, so that it was busy for no
// more than the share of the whole time.
func pauseAfter(busy time.Duration, share float64) time.Duration {
	return time.Duration(float64(busy) * (1/share - 1))
}
