package node

import "context"

// hold says that the connection is in use until the returned function is called: Idle leaves it.
func (r *Remote) hold() (release func()) {
	r.busy.Add(1)
	return func() { r.busy.Add(-1) }
}

// Connected reports whether there is a connection, or one is being made.
func (r *Remote) Connected() bool {
	if r.busy.Load() > 0 {
		return true
	}
	if !r.mu.TryLock() {
		return true
	}
	defer r.mu.Unlock()
	return r.client != nil
}

// Forget drops the node's description, which Info then asks for again; not while the node is being
// connected to or closed, which it does not wait for.
func (r *Remote) Forget() {
	if r.mu.TryLock() {
		defer r.mu.Unlock()
		r.info, r.outline = nil, nil
	}
}

// Idle closes the connection if nothing is asked over it and the node keeps nothing for it: no
// committed entries, no recording. The next question connects again. It reports whether it has
// closed it.
func (r *Remote) Idle(ctx context.Context) bool {
	if r.busy.Load() > 0 || !r.mu.TryLock() {
		return false
	}
	defer r.mu.Unlock()
	// A call that begins from here on waits in connect for mu, and connects again.
	if r.busy.Load() > 0 || r.client == nil || r.committed || r.recorded.Load() || r.dead != nil {
		return false
	}
	_ = r.close(ctx) // without anything to clean up there, how it ends does not matter
	return true
}
