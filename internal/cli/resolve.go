package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/packet"
)

// entry is a packet ready to be traced.
type entry struct {
	start  driver.Start
	packet packet.Packet
	label  string
	expect expectation
}

// resolve finds ports and fills in what was left out.
func (in *input) resolve(ctx context.Context, d *deployment) (*entry, error) {
	mf, err := in.microflow(ctx, d)
	if err != nil {
		return nil, err
	}
	from := in.from
	if from == "" {
		from = mf.InPort
	}
	pb, err := in.onePort(ctx, d, "--from", from)
	if err != nil {
		return nil, err
	}
	if in.at == "" {
		d.driver.Expect(ctx, pb.Chassis)
	}
	// --from may name the port by address; what the microflow calls inport must be the same port.
	if mf.InPort != "" && mf.InPort != pb.LogicalPort && in.from != "" {
		return nil, usagef("say the port once", "inport is %q and --from is %q", mf.InPort, pb.LogicalPort)
	}
	mf.InPort = pb.LogicalPort
	dest, toPort, err := in.destination(ctx, d)
	if err != nil {
		return nil, err
	}
	if err := in.fill(ctx, d, &mf, pb, dest); err != nil {
		return nil, err
	}
	e := &entry{packet: mf.Packet, label: label(mf.Packet), expect: expectation{verdict: in.expect, port: toPort}}
	if in.length > 0 {
		e.packet.Length = in.length
	}
	if e.packet.Inner, err = in.innerPacket(e.packet); err != nil {
		return nil, err
	}
	if in.to != "" && toPort == "" {
		owners, err := d.sb.PortsByIP(ctx, e.packet.Dst)
		if err != nil {
			return nil, err
		}
		e.expect.outside = len(owners) == 0
		if len(owners) == 1 && owners[0].IsVIF() {
			e.expect.port = owners[0].LogicalPort // an address that one port has is meant there
		}
	}
	e.start, err = d.driver.Enter(ctx, pb, in.at, e.packet)
	return e, err
}

// microflow parses the expression with the database's address sets and port groups.
func (in *input) microflow(ctx context.Context, d *deployment) (microflow.Microflow, error) {
	if in.ready {
		return in.given, nil
	}
	mf := microflow.Microflow{}
	if in.text != "" {
		var err error
		opt := microflow.Options{Symbols: symbols{ctx, d.sb}}
		if in.to != "" {
			if opt.Family, err = in.family(ctx, d); err != nil {
				return mf, err
			}
		}
		if mf, err = microflow.Parse(in.text, opt); err != nil {
			return mf, microflowUsage("microflow", err)
		}
	}
	return mf, nil
}

// family is 4 or 6 where --from and --to settle it, else 0.
func (in *input) family(ctx context.Context, d *deployment) (int, error) {
	dest, _, err := in.destination(ctx, d)
	if err != nil {
		return 0, err
	}
	var from microflow.Endpoint
	if in.from != "" {
		pb, err := in.onePort(ctx, d, "--from", in.from)
		if err != nil {
			return 0, err
		}
		if from, err = endpointOf(pb); err != nil {
			return 0, err
		}
	}
	return microflow.Family(from, dest), nil
}

// symbols are the database's address sets and port groups.
type symbols struct {
	ctx context.Context
	sb  *ovn.SB
}

// AddressSet gives the addresses of $name.
func (s symbols) AddressSet(name string) ([]string, bool) {
	v, err := s.sb.AddressSet(s.ctx, name)
	return v, err == nil
}

// PortGroup gives the ports of @name.
func (s symbols) PortGroup(name string) ([]string, bool) {
	v, err := s.sb.PortGroup(s.ctx, name)
	return v, err == nil
}

// destination looks --to up: an address as it is, else the port's.
func (in *input) destination(ctx context.Context, d *deployment) (microflow.Destination, string, error) {
	dest := microflow.Destination{Target: in.dest}
	if in.to == "" || in.dest.Kind == microflow.TargetIP {
		return dest, "", nil
	}
	pb, err := in.onePort(ctx, d, "--to", in.dest.Name)
	if err != nil {
		return dest, "", err
	}
	if dest.Endpoint, err = endpointOf(pb); err != nil {
		return dest, "", err
	}
	if !pb.IsVIF() && pb.Type != "localport" && pb.Type != "virtual" && pb.Type != "external" {
		return dest, "", nil // a router's port is no place where a frame comes out
	}
	return dest, pb.LogicalPort, nil
}

// fill completes the microflow as the guest behind the port would send it.
func (in *input) fill(ctx context.Context, d *deployment, mf *microflow.Microflow, pb *ovn.PortBinding, dest microflow.Destination) error {
	from, err := endpointOf(pb)
	if err != nil {
		return err
	}
	proto, _ := protoOf(in.proto)
	opt := microflow.FillOptions{Proto: proto}
	if err := microflow.FillIP(mf, from, dest, opt); err != nil {
		return fillUsage(err)
	}
	if !mf.Given.Has(microflow.HasEthDst) && mf.Packet.IsIP() {
		hop, err := d.sb.NextHop(ctx, pb, mf.Packet.Dst, d.nb)
		if err != nil {
			return err
		}
		if opt.NextHop, err = packet.ParseMAC(hop.MAC); err != nil {
			return fmt.Errorf("next hop %s of %s: %w", hop.Port, pb.LogicalPort, err)
		}
	}
	return fillUsage(microflow.Fill(mf, from, dest, opt))
}

func fillUsage(err error) error {
	var se *microflow.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &se):
		return microflowUsage("microflow", err)
	}
	return &usageError{msg: err.Error(), err: err}
}

// endpointOf is a port's MAC and addresses.
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

// onePort finds the one port that a word names.
func (in *input) onePort(ctx context.Context, d *deployment, flag, spec string) (*ovn.PortBinding, error) {
	if spec == "" {
		return nil, usagef("--from PORT, or inport == \"PORT\"", "the packet enters nowhere: no port is given")
	}
	found, err := d.sb.FindPorts(ctx, spec, in.network)
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		var names []string
		for _, p := range found {
			names = append(names, p.LogicalPort)
		}
		return nil, usagef("name the port, or narrow it with --network", "%s %q is not one port: %s", flag, spec, strings.Join(names, ", "))
	}
	return found[0], nil
}

// innerPacket reads --icmp-inner.
func (in *input) innerPacket(p packet.Packet) (*packet.Inner, error) {
	if in.inner == "" {
		return p.Inner, nil
	}
	t, err := ctstate.ParseTuple(in.inner)
	if err != nil {
		return nil, &usageError{msg: "--icmp-inner: " + err.Error(), hint: "--icmp-inner 'tcp 10.0.0.1:1000>10.0.0.2:80'", err: err}
	}
	return &packet.Inner{
		Proto: t.Proto, Src: t.Src.Addr(), Dst: t.Dst.Addr(), SrcPort: t.Src.Port(), DstPort: t.Dst.Port(),
		ICMPType: t.ICMPType, ICMPCode: t.ICMPCode, ICMPID: t.ICMPID,
	}, nil
}

// label names a packet by what it does to a connection.
func label(p packet.Packet) string {
	const syn, ack, rst, fin = 0x02, 0x10, 0x04, 0x01
	switch {
	case p.IsIP() && p.Proto == packet.ProtoTCP:
		switch f := p.TCPFlags; {
		case f&rst != 0:
			return "RST"
		case f&(syn|ack) == syn|ack:
			return "SYN-ACK"
		case f&syn != 0:
			return "SYN"
		case f&fin != 0:
			return "FIN"
		case f == ack:
			return "ACK"
		}
	case p.IsEcho():
		return "echo " + map[bool]string{true: "reply", false: "request"}[p.ICMPType == 0 || p.ICMPType == 129]
	case p.IsARP():
		return strings.ToUpper(openflowARP(p.ARPOp))
	}
	return "packet"
}

func openflowARP(op uint16) string {
	if op == 2 {
		return "arp reply"
	}
	return "arp request"
}
