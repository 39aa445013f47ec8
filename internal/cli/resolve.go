package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// entry is a packet ready to be traced.
type entry struct {
	start    driver.Start
	packet   packet.Packet
	label    string
	expect   expectation
	warnings []string // what was said of the packet and is not used
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
	if err := in.checkDatapath(ctx, d, pb); err != nil {
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
	dest, expect, err := in.destination(ctx, d)
	if err != nil {
		return nil, err
	}
	expect.verdict = in.expect
	if err := in.fill(ctx, d, &mf, pb, dest); err != nil {
		return nil, err
	}
	e := &entry{packet: mf.Packet, label: label(mf.Packet), expect: expect}
	if unused := mf.Unused(); len(unused) > 0 {
		e.warnings = append(e.warnings, fmt.Sprintf("not used of what was said: %s; a packet enters without registers, and what conntrack says of it is looked up", strings.Join(unused, ", ")))
	}
	if unsaid := mf.Unsaid(); len(unsaid) > 0 {
		e.warnings = append(e.warnings, "ofproto/trace cannot be given all of the packet, which is traced without: "+strings.Join(unsaid, ", "))
	}
	if mf.Within != "" {
		e.warnings = append(e.warnings, mf.Within)
	}
	if in.length > 0 {
		e.packet.Length = in.length
	}
	if e.packet.Inner, err = in.innerPacket(e.packet); err != nil {
		return nil, err
	}
	if in.to != "" && dest.Kind == microflow.TargetIP {
		if err := e.expect.owner(ctx, d, e.packet.Dst); err != nil {
			return nil, err
		}
	}
	e.start, err = d.driver.Enter(ctx, pb, in.at, e.packet)
	return e, err
}

// checkDatapath holds the first argument of ovn-trace's form against the port's switch or router.
func (in *input) checkDatapath(ctx context.Context, d *deployment, pb *ovn.PortBinding) error {
	if in.datapath == "" {
		return nil
	}
	dp, err := d.sb.DatapathByName(ctx, in.datapath)
	var missing *ovn.NotFoundError
	if errors.As(err, &missing) {
		return &usageError{msg: err.Error(), hint: "a MICROFLOW is one argument, in quotes; before it may stand the datapath, as ovn-trace takes it", err: err}
	}
	if err == nil && dp.UUID != pb.Datapath {
		err = usagef("leave it out: the port tells", "port %s is not on %s", pb.LogicalPort, in.datapath)
	}
	return err
}

// microflow parses the expression with the database's address sets and port groups.
func (in *input) microflow(ctx context.Context, d *deployment) (microflow.Microflow, error) {
	if in.ready {
		return in.given, nil
	}
	mf := microflow.Microflow{}
	if in.text != "" {
		var err error
		names := &symbols{ctx: ctx, d: d}
		opt := microflow.Options{Symbols: names}
		if in.to != "" {
			if opt.Family, err = in.family(ctx, d); err != nil {
				return mf, err
			}
		}
		mf, err = microflow.Parse(in.text, opt)
		if names.err != nil {
			return mf, names.err // not that there is no such name: it could not be asked
		}
		if err != nil {
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

// symbols are the databases' address sets and port groups.
type symbols struct {
	ctx context.Context
	d   *deployment
	err error // of the database, which is not that a name is unknown
}

// AddressSet gives the addresses of $name.
func (s *symbols) AddressSet(name string) ([]string, bool) {
	v, err := s.d.sb.AddressSet(s.ctx, name)
	return v, s.known(err)
}

// PortGroup gives the ports of @name, as the Northbound database has it or by its name in the Southbound database.
func (s *symbols) PortGroup(name string) ([]string, bool) {
	if s.d.nb != nil {
		if v, ok, err := s.d.nb.PortGroup(s.ctx, name); ok && err == nil {
			return v, true
		}
	}
	v, err := s.d.sb.PortGroup(s.ctx, name)
	return v, s.known(err)
}

// known keeps an error other than that the name is unknown.
func (s *symbols) known(err error) bool {
	var missing *ovn.NotFoundError
	if err != nil && !errors.As(err, &missing) && s.err == nil {
		s.err = err
	}
	return err == nil
}

// destination looks --to up: an address as it is, else the port's; and what it means to arrive there.
func (in *input) destination(ctx context.Context, d *deployment) (microflow.Destination, expectation, error) {
	dest := microflow.Destination{Target: in.dest}
	if in.to == "" || in.dest.Kind == microflow.TargetIP {
		return dest, expectation{}, nil
	}
	pb, err := in.onePort(ctx, d, "--to", in.dest.Name)
	if err != nil {
		return dest, expectation{}, err
	}
	place := placeOf(pb)
	if pb.Type == "patch" || pb.Type == "l3gateway" {
		if pb, err = facing(ctx, d, pb); err != nil {
			return dest, expectation{}, err
		}
	}
	dest.Endpoint, err = endpointOf(pb)
	return dest, place, err
}

// facing is a router's port for the switch's port that is joined to it, which has no address of its own.
func facing(ctx context.Context, d *deployment, pb *ovn.PortBinding) (*ovn.PortBinding, error) {
	if len(pb.Addrs()) > 0 || pb.Peer() == "" {
		return pb, nil
	}
	return d.sb.PortByName(ctx, pb.Peer())
}

// fill completes the microflow as the guest behind the port would send it.
func (in *input) fill(ctx context.Context, d *deployment, mf *microflow.Microflow, pb *ovn.PortBinding, dest microflow.Destination) error {
	from, err := endpointOf(pb)
	if err != nil {
		return err
	}
	proto, _ := protoOf(in.proto)
	opt := microflow.FillOptions{Proto: proto}
	srcGiven := !mf.Open(microflow.HasSrc)
	if err := microflow.FillIP(mf, from, dest, opt); err != nil {
		return fillUsage(err)
	}
	if mf.Open(microflow.HasEthDst) && mf.Packet.IsIP() {
		hop, err := d.sb.NextHop(ctx, pb, mf.Packet.Dst, d.nb)
		var none *ovn.NoNextHopError
		switch {
		case errors.As(err, &none) && mf.Given.Has(microflow.HasEthDst):
			// Some bits of eth.dst were said: they have to do.
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

// sourceIn is, of several addresses of a guest, the one on the network by which the packet leaves it.
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

var errNoPort = usagef("--from PORT, or inport == \"PORT\"", "the packet enters nowhere: no port is given")

// onePort finds the one port that a word names.
func (in *input) onePort(ctx context.Context, d *deployment, flag, spec string) (*ovn.PortBinding, error) {
	if spec == "" {
		return nil, errNoPort
	}
	found, err := d.sb.FindPorts(ctx, spec, in.network)
	var missing *ovn.NotFoundError
	if errors.As(err, &missing) && missing.Name == spec && d.nb != nil {
		found, err = in.northbound(ctx, d, spec, err)
	}
	if err != nil {
		return nil, unresolved(err, spec)
	}
	if len(found) > 1 {
		return nil, usagef("name the port, or narrow it with --network", "%s %q is not one port: %s", flag, spec, candidates(ctx, d, found))
	}
	return found[0], nil
}

// northbound finds a port by what only the Northbound database has of it; without one the error stays as it was.
func (in *input) northbound(ctx context.Context, d *deployment, spec string, notFound error) ([]*ovn.PortBinding, error) {
	names, err := d.nb.PortNames(ctx, spec)
	if err != nil || len(names) == 0 {
		return nil, notFound
	}
	var out []*ovn.PortBinding
	for _, name := range names {
		found, err := d.sb.FindPorts(ctx, name, in.network)
		switch {
		case err != nil && in.network != "":
			return nil, notFound
		case err != nil:
			return nil, &usageError{msg: fmt.Sprintf("logical port %q is in the Northbound database and has no Port_Binding in the Southbound database", name),
				hint: "is ovn-northd running? ovn-nbctl --wait=sb sync tells", err: err}
		}
		out = append(out, found...)
	}
	return out, nil
}

// unresolved adds to a name that nobody has what it may have been meant for.
func unresolved(err error, spec string) error {
	var missing *ovn.NotFoundError
	t, bad := microflow.ParseTarget(spec)
	if !errors.As(err, &missing) || len(missing.Nearest) > 0 || bad != nil || t.Kind != microflow.TargetName || !strings.Contains(spec, ".") {
		return err
	}
	return &usageError{msg: err.Error(), hint: "host names are not looked up: give an address, or a logical port", err: err}
}

// maxCandidates bounds how many ports an error lists.
const maxCandidates = 10

// candidates lists ports with what tells them apart.
func candidates(ctx context.Context, d *deployment, found []*ovn.PortBinding) string {
	var ids []ovsdb.UUID
	for _, p := range found {
		ids = append(ids, p.Datapath)
	}
	datapaths, err := d.sb.DatapathsByUUID(ctx, ids)
	if err != nil {
		datapaths = nil // the names alone, then
	}
	var names []string
	for i, p := range found {
		if i == maxCandidates {
			names = append(names, fmt.Sprintf("and %d more", len(found)-i))
			break
		}
		name := p.LogicalPort
		if dp := datapaths[p.Datapath]; dp != nil {
			name += " on " + dp.Name
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
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
