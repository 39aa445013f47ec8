package explain

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// untracked returns why conntrack cannot know the connection of a packet that an ACL stage drops,
// where an ACL allows the other direction: an answer that is not tracked, or whose request was not,
// needs a rule of its own. It returns nothing for a packet that begins a connection, and where the
// other direction is not allowed either. by is the rule that lets the request pass untracked, if
// there is one.
func (e *Explainer) untracked(ctx context.Context, s *seen, from *LogicalFlow) (why string, by *NBRow, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := s.lookup
	dp, err := e.datapathOf(ctx, s)
	if err != nil || dp == nil {
		return "", nil, err
	}
	l.datapath = dp
	f, err := e.factsOn(ctx, dp, s.packet())
	if err != nil || f.begins() {
		return "", nil, err
	}
	request := f.reversed()
	if f.holds("ct.trk") != yes {
		l.stage = stage{from.Pipeline, from.TableID}
		acl, err := e.allowing(ctx, l, request, func(lf *LogicalFlow) bool { return !drops(lf.Actions) && !rejects(lf.Actions) })
		if err != nil || acl == nil {
			return "", nil, err
		}
		why, err := e.whyUntracked(ctx, s, f)
		if err != nil || why == "" {
			return "", nil, err
		}
		return fmt.Sprintf("no entry can be here: %s; %s allows the other direction, and the answer needs a rule of its own", why, acl.rule()), nil, nil
	}
	// The request came the other way through the same port: its stage is the other pipeline's.
	pre, ok := e.stageNamed(otherWay(from.Stage) + "pre_acl")
	if !ok {
		return "", nil, nil
	}
	l.stage = pre
	acl, err := e.allowing(ctx, l, request, func(lf *LogicalFlow) bool { return lf.Hint != "" && !strings.Contains(lf.Actions, "reg0[0] = 1") })
	if err != nil || acl == nil {
		return "", nil, err
	}
	return fmt.Sprintf("no entry can be here: %s lets the other direction pass untracked, and the answer needs a rule of its own", acl.rule()), acl.NB, nil
}

// begins reports whether a packet is not an answer: a SYN, an ICMP message other than an echo
// reply, anything but IP.
func (f facts) begins() bool {
	t := f.number("icmp_type") + f.number("icmpv6_type")
	switch {
	case !f.ip4() && !f.ip6():
		return true
	case f.ipProto == packet.ProtoTCP:
		flags := f.fields["tcp_flags"]
		return flags == "syn" || flags == "0x2" || flags == "0x002"
	case f.ipProto == packet.ProtoICMP:
		return t != 0
	case f.ipProto == packet.ProtoICMPv6:
		return t != 129
	}
	return false
}

// reversed returns the request that a packet would be the answer to.
func (f facts) reversed() facts {
	out := f
	out.fields = maps.Clone(f.fields)
	for _, pair := range [...][2]string{
		{"dl_src", "dl_dst"}, {"nw_src", "nw_dst"}, {"ipv6_src", "ipv6_dst"}, {"tp_src", "tp_dst"}, {"reg14", "reg15"},
		{"tcp_src", "tcp_dst"}, {"udp_src", "udp_dst"}, {"sctp_src", "sctp_dst"},
	} {
		for i, name := range pair {
			delete(out.fields, name)
			if v, ok := f.fields[pair[1-i]]; ok {
				out.fields[name] = v
			}
		}
	}
	for name, request := range map[string]string{"icmp_type": "8", "icmpv6_type": "128"} {
		if _, ok := out.fields[name]; ok {
			out.fields[name] = request
		}
	}
	if f.ip6() && f.ipProto == packet.ProtoICMPv6 && f.is("icmp_type") {
		out.fields["icmp_type"] = "128"
	}
	out.inport, out.outport = f.outport, f.inport
	return out
}

// allowing returns the first flow of a stage that matches a packet, was made for a Northbound row
// and satisfies want; nil where there is none. The port on the far side may be unknown.
func (e *Explainer) allowing(ctx context.Context, l lookup, f facts, want func(*LogicalFlow) bool) (*Named, error) {
	in, err := e.stageFlows(ctx, l.datapath.UUID, l.stage)
	if err != nil {
		return nil, err
	}
	var best *LogicalFlow
	for _, b := range in {
		if best != nil && best.Priority >= b.priority || f.holds(b.match) == no || b.match == "1" {
			continue
		}
		if err := e.readSets(ctx, &f, l.datapath, b.match); err != nil {
			return nil, err
		}
		if !f.meets(b.match) {
			continue
		}
		lf, err := e.flow(ctx, b.id)
		if err != nil {
			return nil, err
		}
		if lf != nil && lf.Hint != "" {
			best = lf
		}
	}
	if best == nil || !want(best) {
		return nil, nil
	}
	on, err := e.onDatapath(ctx, best, uint64(l.datapath.TunnelKey))
	if err != nil {
		return nil, err
	}
	named := []Named{{Flow: on}}
	err = e.nameNB(ctx, named)
	return &named[0], err
}

// meets reports whether every condition of a match holds; conditions on a logical port may be
// unknown.
func (f facts) meets(match string) bool {
	terms, ok := f.conjuncts(match)
	for _, t := range terms {
		if t.is == no || t.is == unknown && !strings.Contains(t.text, "port") {
			return false
		}
	}
	return ok
}

// rule names the row that a logical flow was made for, else the flow.
func (n *Named) rule() string {
	if n.NB != nil {
		return n.NB.Table + " " + n.NB.Title()
	}
	return fmt.Sprintf("a rule of %s, priority %d (%s),", n.Flow.Stage, n.Flow.Priority, n.Flow.Match)
}

// otherWay is the beginning of the stages' names in the other pipeline of a switch.
func otherWay(stage string) string {
	if strings.HasPrefix(stage, "ls_in_") {
		return "ls_out_"
	}
	return "ls_in_"
}

// stageNamed finds a stage by its name among the flows that were read.
func (e *Explainer) stageNamed(name string) (stage, bool) {
	for _, lf := range e.flows {
		if lf.Stage == name {
			return stage{lf.Pipeline, lf.TableID}, true
		}
	}
	return stage{}, false
}

// whyUntracked returns what kept a packet from connection tracking on its way to an ACL stage: the
// flow that it hit in the pre_acl stage, which northd writes for ports without tracking (northd.c:
// skip_port_from_conntrack), for stateless rules, or for all packets of a switch where nothing is
// stateful.
func (e *Explainer) whyUntracked(ctx context.Context, s *seen, f facts) (string, error) {
	pre := s.earlier(otherWay(otherWay(s.named.Stage)) + "pre_acl")
	if pre == nil || pre.named.Flow == nil || strings.Contains(pre.named.Flow.Actions, "reg0[0] = 1") {
		return "", nil
	}
	lf, on := pre.named.Flow, "switch "+cmpOr(pre.named.Flow.Datapath, "its switch")
	switch {
	case pre.named.NB != nil && pre.named.NB.Table == "ACL":
		return pre.named.rule() + " keeps it from tracking", nil
	case lf.Match == "1":
		return on + " tracks nothing: none of its ACLs is stateful", nil
	}
	for _, port := range []string{f.inport, f.outport} {
		if port == "" || !strings.Contains(lf.Match, `"`+port+`"`) {
			continue
		}
		pb, err := e.sb.PortByName(ctx, port)
		if err != nil && !isNotFound(err) {
			return "", err
		}
		kind := "port"
		switch {
		case pb == nil:
		case pb.Type == "patch", pb.Type == "l3gateway", pb.Type == "router":
			kind = "router port"
		case pb.Type != "":
			kind = pb.Type + " port"
		}
		return fmt.Sprintf("this port is not tracked (%s %s of %s)", kind, port, on), nil
	}
	return fmt.Sprintf("it is not tracked (%s of %s: %s)", lf.Stage, on, lf.Match), nil
}

// earlier finds the latest look-up of a stage before this one on the same datapath.
func (s *seen) earlier(stage string) *seen {
	for p := s.before; p != nil; p = p.before {
		if p.hit.Metadata == s.hit.Metadata && p.named.Stage == stage {
			return p
		}
	}
	return nil
}
