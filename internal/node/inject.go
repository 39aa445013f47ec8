package node

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// Injector is a Node that can make its ovn-controller send a packet. It is separate from Node
// because older nodes cannot.
type Injector interface {
	// Inject sends one real packet: it enters at a logical port of this chassis as if the workload
	// had sent it.
	Inject(ctx context.Context, req InjectRequest) error
}

// InjectRequest is the packet.
type InjectRequest struct {
	// Microflow is an OVN expression that gives every header, inport included
	// (microflow.Expression).
	Microflow string `json:"microflow"`
}

// Inject runs ovn-controller's inject-pkt (ofctrl_inject_pkt, controller/ofctrl.c): a packet-out
// with the port of the interface as its in_port, and 64 bytes of payload.
func (s *Service) Inject(ctx context.Context, req InjectRequest) error {
	if err := s.live("send a packet"); err != nil {
		return err
	}
	path, _, err := unixctl.Discover(s.opt.OVNRunDir, "ovn-controller")
	if err != nil {
		return err
	}
	ctl := &unixctl.Client{Path: path}
	defer ctl.Close()
	_, err = ctl.Call(ctx, "inject-pkt", req.Microflow)
	return err
}

// Inject sends one packet on the node.
func (r *Remote) Inject(ctx context.Context, req InjectRequest) error {
	_, err := remoteCall[struct{}](ctx, r, "Inject", req)
	return err
}
