package node

import (
	"context"
	"errors"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// keptUnderlay is the underlay of a rebuilt datapath. A way that was not rebuilt is unknown there,
// not missing on the machine.
type keptUnderlay struct {
	engine.Underlay // nil for a kernel's tunnels
	lacks           error
}

// errNoWay reports a way that was invented for a kernel's tunnel, and does not lead to its far end.
var errNoWay = errors.New("not collected: this machine's Open vSwitch could not rebuild the tunnel, which the kernel makes there")

// ways returns the underlay for a datapath.
func (r *Replica) ways(u engine.Underlay, typ string) engine.Underlay {
	switch {
	case typ == "system" || r.Live != nil: // the ways of a copy are invented too
		return keptUnderlay{lacks: errNoWay}
	case u != nil && r.RoutesLack != "":
		return keptUnderlay{u, &NotCollectedError{r.Of, r.RoutesLack}}
	}
	return u
}

// Resolved implements engine.Underlay: nothing that a rebuilt Open vSwitch asks leaves its machine.
func (k keptUnderlay) Resolved(context.Context) (bool, error) { return true, nil }

// Way implements engine.Underlay.
func (k keptUnderlay) Way(ctx context.Context, bridge string, ofport uint32, set netip.Addr) (engine.Way, error) {
	if k.Underlay == nil {
		return engine.Way{}, k.lacks
	}
	way, err := k.Underlay.Way(ctx, bridge, ofport, set)
	if err == nil && !way.Known {
		err = k.lacks
	}
	return way, err
}
