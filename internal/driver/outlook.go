package driver

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// ask is an address that ovn-controller asks for while a packet waits for the answer. All
// alternatives in which the request is sent share it.
type ask struct {
	pinctrl.Await
	waiting  *report.Branch   // the packet's end
	reached  []*report.Branch // where the request, and what answers it, ended
	answered bool             // OVN itself has answered: the router learned the address
}

// asks notes a question and the packet that waits for it.
func (s *sending) asks(what pinctrl.Await, waiting *report.Branch) *ask {
	q := &ask{Await: what, waiting: waiting}
	s.asked = append(s.asked, q)
	return q
}

// ends notes where a copy of the request ended.
func (q *ask) ends(b *report.Branch) {
	if q != nil {
		q.reached = append(q.reached, b)
	}
}

// hears notes what a router learned from p, a packet that followed from the request.
func (q *ask) hears(p packet.Packet) {
	if q == nil {
		return
	}
	owner := p.NDTarget
	if p.EthType == packet.EthARP {
		owner = p.Src
	}
	q.answered = q.answered || owner == q.Addr
}

// outlooks completes the reasons of packets that wait for an answer: who can give it.
func (s *sending) outlooks(ctx context.Context) {
	for _, q := range s.asked {
		r := q.waiting.Reason
		if r == nil {
			continue
		}
		text, err := s.outlook(ctx, q)
		if err != nil {
			s.warn("whether %s is answered is unknown: %v", q.Addr, err)
		}
		if text != "" && !strings.Contains(r.Text, text) {
			r.Text += "; " + text
		}
	}
}

// outlook says who can answer a question; empty where that is unknown.
func (s *sending) outlook(ctx context.Context, q *ask) (string, error) {
	if q.answered {
		return "OVN answers that itself, so the packet goes on at once", nil
	}
	sb, err := s.Southbound(ctx, q.waiting.End.Chassis)
	if err != nil {
		return "", err
	}
	own, err := s.ownAddress(ctx, sb, q)
	if err != nil {
		return "", err
	}
	if own != "" {
		return "nobody will answer: " + q.Addr.String() + " is " + own, nil
	}
	var ports, networks []string
	dropped := ""
	for _, b := range q.reached {
		switch b.Verdict {
		case engine.Delivered:
			ports = append(ports, b.End.Port)
		case engine.External:
			if by := b.End.Port + " on " + b.End.Chassis; !slices.Contains(networks, by) {
				networks = append(networks, by)
			}
		case engine.Host: // a copy that a bridge's NORMAL floods to its own port
		case engine.Dropped:
			if b.Reason != nil && dropped == "" {
				dropped = b.Reason.Text
			}
		default:
			return "", nil // what becomes of the request is itself unknown
		}
	}
	switch {
	case len(q.reached) == 0:
		return "", nil
	case len(ports)+len(networks) == 0 && dropped != "":
		return "nobody will answer: the request itself is dropped (" + dropped + ")", nil
	case len(ports)+len(networks) == 0:
		return "nobody will answer: the request itself is dropped", nil
	}
	return s.mayAnswer(ctx, sb, q.Addr, ports, networks)
}

// ownAddress names what makes an address the asking router's own: a router never answers itself.
// It is empty for any other address.
func (s *sending) ownAddress(ctx context.Context, sb *ovn.SB, q *ask) (string, error) {
	dp, err := sb.DatapathByKey(ctx, int64(q.Datapath))
	if err != nil {
		return "", err
	}
	ports, err := sb.PortsOfDatapath(ctx, dp.UUID)
	if err != nil {
		return "", err
	}
	for _, p := range ports {
		if p.Type != "chassisredirect" && p.HasIP(q.Addr) {
			return "the address of router port " + p.LogicalPort + " itself", nil
		}
	}
	for _, p := range ports {
		if p.Type == "chassisredirect" {
			continue
		}
		h, ok, err := s.NB.HeldBy(ctx, p.LogicalPort, q.Addr)
		if err != nil || !ok {
			return "", err // every port is of the same router
		}
		return "a " + h.What + " of router " + h.Router + " itself", nil
	}
	return "", nil
}

// mayAnswer says who among those that receive the request has the address.
func (s *sending) mayAnswer(ctx context.Context, sb *ovn.SB, addr netip.Addr, ports, networks []string) (string, error) {
	owners, err := sb.PortsByIP(ctx, addr)
	if err != nil {
		return "", err
	}
	for _, p := range owners {
		switch {
		case slices.Contains(ports, p.LogicalPort):
			return "port " + p.LogicalPort + " has that address, so the packet goes on if its guest answers", nil
		case p.Type == "virtual":
			return "that is the address of virtual port " + p.LogicalPort + ": the packet goes on if one of its parents answers", nil
		}
	}
	if len(networks) > 0 {
		return "the packet goes on if a host outside OVN answers, reached by " + strings.Join(networks, ", "), nil
	}
	for _, name := range ports {
		p, err := sb.PortByName(ctx, name)
		if err != nil {
			return "", err
		}
		if p.HasUnknown() {
			return "no port has that address; the packet goes on if a guest behind " + name + ", which takes unknown addresses, answers", nil
		}
	}
	return "no port that receives the request has that address, so no answer is expected", nil
}
