package ctdpif

import (
	"context"
	"io"
	"strings"
)

// callStreamer is a Streamer over a Caller.
type callStreamer struct{ Caller }

func (c callStreamer) Stream(ctx context.Context, method string, args ...string) (io.ReadCloser, error) {
	text, err := c.Call(ctx, method, args...)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// newCaller is New for a client that returns whole replies.
func newCaller(c Caller, dp string) *Table { return New(callStreamer{c}, dp) }
