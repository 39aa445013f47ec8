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
)

// OutlookKind is who will answer the address request that a packet waits for.
type OutlookKind uint8

// The kinds of outlook.
const (
	OutlookUnknown  OutlookKind = iota
	OutlookOVN                  // OVN itself has answered
	OutlookOwn                  // nobody: the address is the asking router's own; Is names its kind
	OutlookDropped              // nobody: the request is dropped, at Dropped where that is known
	OutlookPort                 // the guest at Ports[0], which has the address
	OutlookVirtual              // one of the parents of virtual port Ports[0]
	OutlookOutside              // a host outside OVN, reached by Ports
	OutlookUnlisted             // no port has the address; perhaps a guest behind Ports[0]
	OutlookNobody               // no port that receives the request has the address
)

// Outlook is what can be expected for a packet that waits for an address to be resolved.
type Outlook struct {
	Kind    OutlookKind
	Addr    netip.Addr // that is to be resolved; zero in the zero Outlook
	Is      string     // what Addr is of the router's own, in words
	Ports   []string
	Dropped *Branch  // the end of the request; nil when unknown
	Learns  *Binding // by OVN's own answer; nil for the other kinds
}

// Binding is an address that a router has learned (a row of MAC_Binding).
type Binding struct {
	Datapath uint64 // the router's tunnel key
	Port     uint32 // tunnel key of the router's port
	Addr     netip.Addr
	MAC      packet.MAC
}

// Text returns the outlook in words; because is why the request is dropped.
func (o Outlook) Text(because string) string {
	switch o.Kind {
	case OutlookOVN:
		return "OVN answers that itself, so the packet goes on at once"
	case OutlookOwn:
		return "nobody will answer: " + o.Addr.String() + " is " + o.Is
	case OutlookDropped:
		if because != "" {
			because = " (" + because + ")"
		}
		return "nobody will answer: the request itself is dropped" + because
	case OutlookPort:
		return "port " + o.Ports[0] + " has that address, so the packet goes on if its guest answers"
	case OutlookVirtual:
		return "that is the address of virtual port " + o.Ports[0] + ": the packet goes on if one of its parents answers"
	case OutlookOutside:
		return "the packet goes on if a host outside OVN answers, reached by " + strings.Join(o.Ports, ", ")
	case OutlookUnlisted:
		return "no port has that address; the packet goes on if a guest behind " + o.Ports[0] + ", which takes unknown addresses, answers"
	case OutlookNobody:
		return "no port that receives the request has that address, so no answer is expected"
	}
	return ""
}

// ask is an address request that ovn-controller sends while a packet waits for the answer. All
// alternatives in which the request is sent share it.
type ask struct {
	pinctrl.Await
	waiting  *Branch   // the packet's end
	reached  []*Branch // where the request, and what answers it, ended
	answered bool      // OVN itself has answered: the router learned the address
	mac      packet.MAC
}

// asks notes an address request and the packet that waits for it.
func (s *sending) asks(what pinctrl.Await, waiting *Branch) *ask {
	q := &ask{Await: what, waiting: waiting}
	s.asked = append(s.asked, q)
	return q
}

// ends notes where a copy of the request ended.
func (q *ask) ends(b *Branch) {
	if q != nil {
		q.reached = append(q.reached, b)
	}
}

// hears notes what a router learned from p, a packet that followed from the request.
func (q *ask) hears(p packet.Packet) {
	if q == nil {
		return
	}
	owner, mac := p.NDTarget, p.NDTLL
	if p.EthType == packet.EthARP {
		owner, mac = p.Src, p.ARPSHA
	}
	if owner == q.Addr && !q.answered {
		q.answered, q.mac = true, mac
	}
}

// outlooks completes the causes of packets that wait for an answer by who can give it.
func (s *sending) outlooks(ctx context.Context) {
	for _, q := range s.asked {
		if q.waiting.Cause == nil {
			continue
		}
		o, err := s.outlook(ctx, q)
		if err != nil {
			s.warnLate("whether %s is answered is unknown: %v", q.Addr, err)
			continue
		}
		q.waiting.Cause.Outlook = o
	}
}

// outlook returns who can answer an address request; the zero Outlook where that is unknown.
func (s *sending) outlook(ctx context.Context, q *ask) (Outlook, error) {
	if q.answered {
		return Outlook{Kind: OutlookOVN, Addr: q.Addr, Learns: &Binding{q.Datapath, q.OutPort, q.Addr, q.mac}}, nil
	}
	sb, err := s.Southbound(ctx, q.waiting.Chassis)
	if err != nil {
		return Outlook{}, err
	}
	own, err := s.ownAddress(ctx, sb, q)
	if err != nil {
		return Outlook{}, err
	}
	if own != "" {
		return Outlook{Kind: OutlookOwn, Addr: q.Addr, Is: own}, nil
	}
	var ports, networks []string
	var dropped *Branch
	for _, b := range q.reached {
		switch b.Verdict {
		case engine.Delivered:
			ports = append(ports, b.Port)
		case engine.External:
			if by := b.Port + " on " + b.Chassis; !slices.Contains(networks, by) {
				networks = append(networks, by)
			}
		case engine.Host: // a copy that a bridge's NORMAL floods to its own port
		case engine.Dropped:
			if dropped == nil {
				dropped = b
			}
		default:
			return Outlook{}, nil // the end of the request is itself unknown
		}
	}
	switch {
	case len(q.reached) == 0:
		return Outlook{}, nil
	case len(ports)+len(networks) == 0:
		return Outlook{Kind: OutlookDropped, Addr: q.Addr, Dropped: dropped}, nil
	}
	return s.mayAnswer(ctx, sb, q.Addr, ports, networks)
}

// ownAddress returns what an address is of the asking router's own, in words: a router never
// answers itself. It returns nothing for any other address.
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

// mayAnswer returns who among those that receive the request has the address.
func (s *sending) mayAnswer(ctx context.Context, sb *ovn.SB, addr netip.Addr, ports, networks []string) (Outlook, error) {
	owners, err := sb.PortsByIP(ctx, addr)
	if err != nil {
		return Outlook{}, err
	}
	for _, p := range owners {
		switch {
		case slices.Contains(ports, p.LogicalPort):
			return Outlook{Kind: OutlookPort, Addr: addr, Ports: []string{p.LogicalPort}}, nil
		case p.Type == "virtual":
			return Outlook{Kind: OutlookVirtual, Addr: addr, Ports: []string{p.LogicalPort}}, nil
		}
	}
	if len(networks) > 0 {
		return Outlook{Kind: OutlookOutside, Addr: addr, Ports: networks}, nil
	}
	for _, name := range ports {
		p, err := sb.PortByName(ctx, name)
		if err != nil {
			return Outlook{}, err
		}
		if p.HasUnknown() {
			return Outlook{Kind: OutlookUnlisted, Addr: addr, Ports: []string{name}}, nil
		}
	}
	return Outlook{Kind: OutlookNobody, Addr: addr}, nil
}
