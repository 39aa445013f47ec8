package node

import "context"

// Outliner is a Node that can describe itself without its ports, of which it has one for each other
// chassis: what many chassis are asked for.
type Outliner interface {
	// Outline is Info without Ports and Bonds, and with PortCount.
	Outline(ctx context.Context) (*Info, error)
}

// Outline describes a node without its ports.
func Outline(ctx context.Context, n Node) (*Info, error) {
	if o, ok := n.(Outliner); ok {
		return o.Outline(ctx)
	}
	info, err := n.Info(ctx)
	if err != nil {
		return nil, err
	}
	return info.withoutPorts(), nil
}

// infoRequest is the argument of Info. An older node ignores it.
type infoRequest struct {
	NoPorts bool `json:"no_ports,omitempty"`
}

// of asks a node.
func (r infoRequest) of(ctx context.Context, n Node) (*Info, error) {
	if r.NoPorts {
		return Outline(ctx, n)
	}
	return n.Info(ctx)
}

// withoutPorts returns a copy that has the number of ports in their place.
func (i *Info) withoutPorts() *Info {
	out := *i
	out.PortCount = i.NumPorts()
	out.Ports, out.Bonds = nil, nil
	return &out
}

// NumPorts returns the number of ports.
func (i *Info) NumPorts() int { return max(len(i.Ports), i.PortCount) }
