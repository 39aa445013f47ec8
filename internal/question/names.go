package question

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// Names looks the question's ports up, without asking a node, and returns the one that its packet
// enters at. The error is that of Answer for a name that is unknown or ambiguous.
func (j *Judged) Names(ctx context.Context, r *deployment.Run) (*ovn.PortBinding, error) {
	from := j.q.From
	if from == "" {
		from = j.given.InPort
	}
	pb, err := j.onePort(ctx, r, "--from", from)
	if err != nil {
		return nil, err
	}
	_, _, err = j.destination(ctx, r)
	return pb, err
}
