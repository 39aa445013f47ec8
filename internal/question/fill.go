package question

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// fill completes the microflow as the guest behind the port would send it.
func (j *Judged) fill(ctx context.Context, r *deployment.Run, mf *microflow.Microflow, pb *ovn.PortBinding, dest microflow.Destination) error {
	from, err := endpointOf(pb)
	if err != nil {
		return err
	}
	proto, _ := protoOf(j.q.Proto)
	opt := microflow.FillOptions{Proto: proto}
	srcGiven := !mf.Open(microflow.HasSrc)
	if err := microflow.FillIP(mf, from, dest, opt); err != nil {
		return fillUsage(err)
	}
	if mf.Open(microflow.HasEthDst) && mf.Packet.IsIP() {
		hop, err := r.SB.NextHop(ctx, pb, mf.Packet.Dst, r.NB)
		var none *ovn.NoNextHopError
		switch {
		case errors.As(err, &none) && mf.Given.Has(microflow.HasEthDst):
			// Some bits of eth.dst were given: they are taken as they are.
		case none != nil:
			return &noHopError{mf.Packet, none}
		case err != nil:
			return err
		default:
			if opt.NextHop, err = packet.ParseMAC(hop.MAC); err != nil {
				return fmt.Errorf("next hop %s of %s: %w", hop.Port, pb.LogicalPort, err)
			}
			if !srcGiven {
				mf.Packet.Src = sourceIn(hop.Net, from, mf.Packet.Src)
			}
		}
	}
	return fillUsage(microflow.Fill(mf, from, dest, opt))
}

// noHopError is a packet for which the guest finds no next hop.
type noHopError struct {
	packet packet.Packet // without what is filled in after the next hop
	err    *ovn.NoNextHopError
}

func (e *noHopError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *noHopError) Unwrap() error { return e.err }

// sourceIn returns the guest's address on the network by which the packet leaves; src where it has
// none there.
func sourceIn(network netip.Prefix, from microflow.Endpoint, src netip.Addr) netip.Addr {
	if !network.IsValid() || network.Contains(src) {
		return src
	}
	for _, a := range from.Addrs {
		if network.Contains(a.Unmap()) {
			return a.Unmap()
		}
	}
	return src
}

func fillUsage(err error) error {
	var se *microflow.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &se):
		return microflowUsage("microflow", err)
	}
	return &usage.Error{Msg: err.Error(), Err: err}
}

// endpointOf returns a port's MAC and addresses.
func endpointOf(pb *ovn.PortBinding) (microflow.Endpoint, error) {
	e := microflow.Endpoint{Port: pb.LogicalPort}
	for _, a := range pb.Addrs() {
		if a.MAC != "" && e.MAC.IsZero() {
			mac, err := packet.ParseMAC(a.MAC)
			if err != nil {
				return e, fmt.Errorf("port %s: %w", pb.LogicalPort, err)
			}
			e.MAC = mac
		}
		for _, ip := range a.IPs {
			e.Addrs = append(e.Addrs, ip.Addr())
		}
	}
	return e, nil
}
