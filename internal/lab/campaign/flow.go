package campaign

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/cases"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// echoID is the identifier that the tool assumes for an echo request.
const echoID = 1

// distributedFloat is the floating address that the chassis of its machine serves.
const distributedFloat = "172.16.0.11"

// packet returns the packet that opens the flow from a source port.
func (f Flow) packet(t *lab.Topology, sport int) probe.Packet {
	p := cases.To(t, f.From, f.To, f.V6)
	p.Proto, p.Size = f.Proto, f.Size
	if p.Dst == distributedFloat {
		p.EthDst = lab.MACFloat // which answers for it, and not the router's
	}
	switch {
	case f.Proto == "icmp" && p.V6():
		p.Proto, p.Type, p.ID = "icmp6", 128, echoID
	case f.Proto == "icmp":
		p.Type, p.ID = 8, echoID
	default:
		p.Sport, p.Dport = sport, f.Dport
	}
	if f.Proto == "tcp" {
		p.Flags = "syn"
	}
	return p
}

// String returns the flow on one line.
func (f Flow) String() string {
	if f.Proto == "icmp" {
		return fmt.Sprintf("icmp %s > %s", f.From, f.To)
	}
	if f.Sport != 0 {
		return fmt.Sprintf("%s %s:%d > %s:%d", f.Proto, f.From, f.Sport, f.To, f.Dport)
	}
	return fmt.Sprintf("%s %s > %s:%d", f.Proto, f.From, f.To, f.Dport)
}

// why returns the question about the flow.
func (f Flow) why(t *lab.Topology) []string {
	p := f.packet(t, cmp.Or(f.Sport, 50000))
	args := []string{"why"}
	if f.Size > 0 {
		args = append(args, "--len", fmt.Sprint(f.Size+28))
	}
	if i := slices.IndexFunc(t.Hosts, func(h lab.Host) bool { return h.Name == f.From }); i >= 0 {
		return append(args, p.Microflow(t.Hosts[i].Port))
	}
	if switchOf(f.From) == "prov" { // no router, so that the next hop has to be given
		return append(args, p.Microflow(f.From))
	}
	to := p.Dst
	switch {
	case f.Proto == "icmp":
		to += "/icmp"
	case p.V6():
		to = fmt.Sprintf("[%s]:%d/%s", p.Dst, f.Dport, f.Proto)
	default:
		to = fmt.Sprintf("%s:%d/%s", p.Dst, f.Dport, f.Proto)
	}
	args = append(args, "--from", f.From, "--to", to)
	if f.Sport != 0 {
		args = append(args, fmt.Sprintf("%s.src == %d", f.Proto, f.Sport))
	}
	return args
}

// works plays the flow's handshake and reports whether all its packets arrive.
func (s *Runner) works(ctx context.Context, f Flow) (bool, []probe.Exchange, error) {
	sport := f.Sport
	if sport == 0 {
		s.sport++
		sport = 42000 + s.sport%6000
	}
	sent, whole, err := s.Probe.Play(ctx, f.packet(s.Lab.Topo, sport))
	return whole, sent, err
}

// connect makes a connection that later parts of an instance use.
func (s *stage) connect(ctx context.Context, f Flow) error {
	whole, sent, err := s.works(ctx, f)
	if err != nil {
		return err
	}
	if !whole {
		return fmt.Errorf("%s: no connection before the fault: %s", f, lastOf(sent))
	}
	s.conns = append(s.conns, connection{f, sent})
	return nil
}

// again sends the client's next packet of a connection and returns where it arrives, "" for
// nowhere.
func (s *stage) again(ctx context.Context, c connection) (string, error) {
	p := c.sent[0].Packet
	if c.flow.Proto == "tcp" {
		p = c.sent[2].Packet
	}
	real, err := s.Probe.SendOne(ctx, p)
	if err != nil || len(real.Ends) == 0 {
		return "", err
	}
	return real.Ends[0].End, nil
}

// endOf returns where the first packet of a handshake arrived, "" for nowhere.
func endOf(sent []probe.Exchange) string {
	if len(sent) == 0 || len(sent[0].Real.Ends) == 0 {
		return ""
	}
	return sent[0].Real.Ends[0].End
}

// arrived returns where the first packet of a connection arrived, such as "port sw1-p2".
func (c connection) arrived() string { return endOf(c.sent) }

func lastOf(sent []probe.Exchange) string {
	if len(sent) == 0 {
		return "nothing was sent"
	}
	last := sent[len(sent)-1]
	return fmt.Sprintf("%s from %s\n%s", last.Packet, last.Packet.From, last.Real)
}

// address returns the first IPv4 address of a logical port or host.
func address(t *lab.Topology, name string) string {
	for _, h := range t.Hosts {
		if h.Name == name {
			return h.IP(false)
		}
	}
	if v, err := t.VIF(name); err == nil {
		return v.IP(false)
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return name
	}
	panic("campaign: no address of " + name)
}
