package driver

import (
	"context"
	"time"
)

// Gate bounds how much work nodes have at a time. It is safe for concurrent use.
type Gate interface {
	// Do waits until a chassis may be given another request, and makes it. The request returns how
	// long the chassis' Open vSwitch needed, 0 if that is unknown. The error is the request's, or
	// says why it was not made: ctx has ended, or the chassis is not asked any more.
	Do(ctx context.Context, chassis string, request func(context.Context) (busy time.Duration, err error)) error
}

// gated makes a request of a chassis through the gate.
func (d *Driver) gated(ctx context.Context, chassis string, request func(context.Context) (busy time.Duration, err error)) error {
	if d.Gate == nil {
		_, err := request(ctx)
		return err
	}
	return d.Gate.Do(ctx, chassis, request)
}
