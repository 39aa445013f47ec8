package deployment

import (
	"context"
	"syscall"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// The connections to nodes that are open at once, unless more are in use. A command is a process
// and several open files here; a connection to "node serve" is one file.
const (
	mostCommands = 512
	mostServed   = 4096

	filesOfCommand = 8 // while it starts; 4 later
	filesOfServed  = 1
	otherFiles     = 128 // of databases, and of the program itself
)

// mostOpen returns how many nodes are kept open at once: as many as are useful, and as the limit of
// this process for open files allows.
func mostOpen(template string) int {
	most, each := mostCommands, filesOfCommand
	if isServed(template) {
		most, each = mostServed, filesOfServed
	}
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil || files.Cur > 1<<30 {
		return most
	}
	return max(1, min(most, (int(files.Cur)-otherFiles)/each))
}

// Idle closes the connection to a chassis that is not asked soon again. It is opened again when it
// is asked.
func (n *Nodes) Idle(ctx context.Context, chassis string) {
	if r, ok := n.opened(chassis).(*node.Remote); ok {
		r.Idle(ctx)
	}
}

// makeRoom closes a connection that is not in use if there are too many for that of a chassis,
// which is about to be opened.
func (n *Nodes) makeRoom(chassis string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.open) < n.most {
		return
	}
	connected := 0
	var some []*node.Remote // in no order: each is as good
	for name, nd := range n.open {
		r, ok := nd.(*node.Remote)
		if name == chassis || !ok || !r.Connected() {
			continue
		}
		connected++
		if len(some) < 8 {
			some = append(some, r)
		}
	}
	if connected < n.most {
		return
	}
	n.closes.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), CloseGrace)
		defer cancel()
		for _, r := range some {
			if r.Idle(ctx) {
				return
			}
		}
	})
}
