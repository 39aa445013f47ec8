package explain

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// why explains why a logical flow drops; f is the packet there, as far as it is known.
func (n Named) why(f facts) reading {
	kind, text := n.judge(f)
	r := reading{kind, text, Subject{Datapath: n.Flow.Datapath}}
	switch kind {
	case KindPortDisabled:
		r.subject.Port = n.NB.Name
	case KindPortSecurity:
		r.subject.Port = f.inport
		if strings.HasPrefix(n.Flow.Stage, "ls_out_") {
			r.subject.Port = f.outport
		}
	case KindRouterPortDown:
		r.subject.Port = f.outport
	}
	return r
}

// judge returns the kind of a logical flow's drop, and one sentence.
func (n Named) judge(f facts) (Kind, string) {
	lf := n.Flow
	on := cmpOr(lf.Datapath, "its datapath")
	rule := fmt.Sprintf("%s of %s, priority %d", lf.Stage, on, lf.Priority)
	has := func(part string) bool { return strings.Contains(lf.Stage, part) }
	dst := f.said(" ", "ip4.dst", "ip6.dst")
	switch {
	case n.NB != nil && n.NB.Table == "ACL" && rejects(lf.Actions):
		return KindACLReject, "ACL " + n.NB.Title() + " rejects it"
	case n.NB != nil && n.NB.Table == "ACL":
		return KindACLDrop, "ACL " + n.NB.Title() + " drops it"
	case n.NB != nil && n.NB.Table == "Load_Balancer" && rejects(lf.Actions):
		return KindNoBackend, "load balancer " + n.NB.Title() + " has no backend and rejects it"
	case n.NB != nil && n.NB.Table == "Load_Balancer" && strings.Contains(lf.Actions, "commit_lb_aff("):
		return KindAffinity, "load balancer " + n.NB.Title() + " records this client's backend (affinity) and drops the packet: a retransmission goes through"
	case n.NB != nil && n.NB.Table == "Load_Balancer":
		return KindNoBackend, "load balancer " + n.NB.Title() + " has no backend and drops it"
	case has("_acl") && strings.Contains(lf.Match, "ct.inv"):
		return KindInvalid, "connection tracking finds it invalid, or its connection was cut off by an ACL that changed (" + rule + ")"
	case has("_acl") && lf.Hint != "" && rejects(lf.Actions):
		return KindACLReject, fmt.Sprintf("an ACL whose UUID begins with %s rejects it: %s (%s)", lf.Hint, lf.Match, rule)
	case has("_acl") && lf.Hint != "":
		return KindACLDrop, fmt.Sprintf("an ACL whose UUID begins with %s drops it: %s (%s)", lf.Hint, lf.Match, rule)
	case strings.TrimSpace(lf.Actions) == "": // northd wrote it so: no rule asks for a drop
		return KindOther, "the logical flow has no actions, so the packet ends there (" + rule + ": " + lf.Match + ")"
	case has("_acl"):
		return KindNoACL, fmt.Sprintf("no ACL allows it: default drop of %s, priority %d in %s", on, lf.Priority, lf.Stage)
	case n.NB != nil && n.NB.Table == "Logical_Switch_Port" && strings.Contains(n.NB.Summary, "; disabled"):
		return KindPortDisabled, "logical port " + n.NB.Name + " is disabled (" + rule + ")"
	case has("ls_in_") && has("port_sec"):
		return KindPortSecurity, "port security" + f.said(" of ", "inport") + " refuses it" + f.said(" from ", "arp.sha", "eth.src") +
			f.said(" with ", "ip4.src", "ip6.src", "arp.spa") + f.allowed() + " (" + rule + ")"
	case has("port_sec"):
		return KindPortSecurity, "port security" + f.said(" of ", "outport") + " refuses it" + f.said(" for ", "eth.dst") +
			f.said(" with ", "ip4.dst", "ip6.dst", "arp.tpa") + f.allowed() + " (" + rule + ")"
	case has("l2_unknown"), has("l2_lkup"):
		return KindNobody, "nobody on " + on + " has its Ethernet destination" + f.said(" ", "eth.dst") + " (" + rule + ")"
	case n.NB != nil:
		return n.rowKind(), fmt.Sprintf("%s %s drops it (%s)", n.NB.Table, n.NB.Title(), rule)
	case has("ip_routing") && lf.Priority == 0:
		return KindNoRoute, "no route of " + on + " leads to its destination" + dst + " (" + rule + ")"
	case has("lr_in_admission"):
		return KindNotForRouter, "no port of router " + on + " takes its Ethernet destination" + f.said(" ", "eth.dst") + f.said(" from ", "inport") + " (" + rule + ")"
	case has("arp_resolve") && lf.Match == "1":
		return KindUnresolved, "the next hop's MAC address is unknown (" + rule + ")"
	case has("lr_out_delivery"):
		return KindRouterPortDown, "router port" + f.said(" ", "outport") + " does not send: it is disabled, or does not exist (" + rule + ")"
	case lf.Desc != "":
		return KindOther, lf.Desc + " (" + rule + ")"
	case lf.Match == "1":
		return KindOther, "nothing in " + lf.Stage + " of " + on + " takes it: its default drops"
	}
	return KindOther, fmt.Sprintf("%s drops it: %s", rule, lf.Match)
}

// rowKind returns the kind of a drop by the Northbound row of a flow.
func (n Named) rowKind() Kind {
	switch n.NB.Table {
	case "Logical_Router_Static_Route":
		return KindRouteDrop
	case "Logical_Router_Policy":
		return KindPolicyDrop
	}
	return KindOther
}

// said returns the text before followed by the first of the fields that is known; empty where none
// is.
func (f facts) said(before string, fields ...string) string {
	for _, field := range fields {
		if v := f.text(field); v != "" && v != "0" {
			return before + v
		}
	}
	return ""
}

// allowed returns the addresses that the port's security allows, for the end of a sentence.
func (f facts) allowed() string {
	if len(f.security) == 0 {
		return ""
	}
	return "; it allows " + strings.Join(first(f.security, 4), ", ")
}

// factsAt returns the packet at a hit, with its logical ports' names where the hit's datapath is
// known.
func (e *Explainer) factsAt(ctx context.Context, s *seen) (facts, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	dp, err := e.datapathOf(ctx, s)
	if err != nil || dp == nil {
		return readFacts(s.packet()), err
	}
	f, err := e.factsOn(ctx, dp, s.packet())
	if err != nil || !strings.Contains(s.named.Stage, "port_sec") {
		return f, err
	}
	port := f.inport
	if strings.HasPrefix(s.named.Stage, "ls_out_") {
		port = f.outport
	}
	pb, err := e.sb.PortByName(ctx, port)
	if isNotFound(err) {
		return f, nil
	}
	if err == nil {
		f.security = pb.PortSecurity
	}
	return f, err
}

// keys matches a logical port as a text names it without a database.
var keys = regexp.MustCompile(`port key (\d+) of datapath (\d+)`)

// portNames replaces a logical port's keys in a text by its name.
func (e *Explainer) portNames(ctx context.Context, text string) (string, error) {
	m := keys.FindStringSubmatch(text)
	if m == nil || e.sb == nil {
		return text, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	port, _ := strconv.ParseUint(m[1], 10, 64)
	datapath, _ := strconv.ParseUint(m[2], 10, 64)
	dp, err := e.datapathByKey(ctx, datapath)
	if err != nil || dp == nil {
		return text, err
	}
	name, err := e.portName(ctx, dp.UUID, port)
	if err != nil || name == "" {
		return text, err
	}
	return strings.Replace(text, m[0], name+" of "+dp.Name, 1), nil
}

// datapathOf returns the datapath of a hit, nil where it is unknown.
func (e *Explainer) datapathOf(ctx context.Context, s *seen) (*ovn.Datapath, error) {
	key := s.hit.Metadata
	if key == 0 {
		key = readFacts(s.packet()).number("metadata")
	}
	if key == 0 || e.sb == nil {
		return nil, nil
	}
	return e.datapathByKey(ctx, key)
}

// beyond explains a drop at a hit without a logical flow: the flow has outlived its logical flow, a
// stage has none installed, or the pipelines let the packet through to its output port and the
// chassis cannot put it out there, which is no policy. It returns the zero reading for any other
// hit.
func (e *Explainer) beyond(ctx context.Context, chassis string, s *seen) (reading, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	dp, err := e.datapathOf(ctx, s)
	if err != nil || dp == nil {
		return reading{}, err
	}
	in := s.lookup
	logical, err := e.locate(ctx, &in)
	switch {
	case err != nil:
		return reading{}, err
	case logical && s.named.Gone:
		return reading{KindOutlived, fmt.Sprintf("a flow of table %d drops it (priority %d, cookie 0x%x) whose logical flow is no longer in the Southbound database",
			s.hit.Table, s.hit.Priority, s.hit.Cookie), Subject{Datapath: dp.Name}}, nil
	case logical:
		return reading{KindNotInstalled, fmt.Sprintf("no flow of table %d, a stage of %s, takes it: its logical flows are not installed", s.hit.Table, dp.Name),
			Subject{Datapath: dp.Name}}, nil
	}
	f := readFacts(s.packet())
	out := f.number("reg15")
	if out == 0 {
		return reading{}, nil
	}
	if out >= firstGroupKey {
		return e.unreachableGroup(ctx, chassis, dp, int64(out))
	}
	pb, err := e.sb.PortByKey(ctx, dp.UUID, int64(out))
	if isNotFound(err) {
		return reading{}, nil
	}
	if err != nil {
		return reading{}, err
	}
	if !s.hit.Miss && s.hit.Priority > 0 && !intoNothing(s.hit) { // since 23.03 tables have a flow that drops what no other takes
		if out == f.number("reg14") && f.number("reg10")&1 == 0 && strings.HasPrefix(s.named.Row, "Port_Binding") {
			return reading{KindSamePort, "it would go out by the port it came in by, " + pb.LogicalPort, Subject{Datapath: dp.Name, Port: pb.LogicalPort}}, nil
		}
		return reading{}, nil
	}
	return e.unreachable(ctx, chassis, dp, pb)
}

// intoNothing reports whether a flow outputs to an OpenFlow port that the bridge does not have
// (compose_output_action__): the interface is gone, and ovn-controller has not removed its flow.
func intoNothing(h engine.TableHit) bool {
	return slices.ContainsFunc(h.Actions, func(line string) bool { return strings.Contains(line, "Nonexistent output port") })
}

// maxMembers bounds how many ports of a multicast group are asked about.
const maxMembers = 64

// unreachableGroup explains why a chassis has no port to put out a packet for a multicast group.
func (e *Explainer) unreachableGroup(ctx context.Context, chassis string, dp *ovn.Datapath, key int64) (reading, error) {
	g, err := e.sb.MulticastByKey(ctx, dp.UUID, key)
	if err != nil {
		if isNotFound(err) {
			err = nil
		}
		return reading{}, err
	}
	text := fmt.Sprintf("multicast group %s of %s has no port to put it out by", g.Name, dp.Name)
	for _, u := range g.Ports[:min(len(g.Ports), maxMembers)] {
		pb, err := e.sb.PortByUUID(ctx, u)
		if err != nil && !isNotFound(err) {
			return reading{}, err
		}
		if err == nil && pb.Type == "localnet" {
			why, err := e.unreachable(ctx, chassis, dp, pb)
			why.text = text + ": " + why.text
			return why, err
		}
	}
	return reading{KindOther, text, Subject{Datapath: dp.Name}}, nil
}

// unreachable explains why a chassis cannot send to a port.
func (e *Explainer) unreachable(ctx context.Context, chassis string, dp *ovn.Datapath, pb *ovn.PortBinding) (reading, error) {
	here, err := e.sb.ChassisByName(ctx, chassis)
	if err != nil && !isNotFound(err) {
		return reading{}, err
	}
	port, network := fmt.Sprintf("logical port %s of %s", pb.LogicalPort, dp.Name), pb.Options["network_name"]
	is := func(k Kind, on, format string, args ...any) (reading, error) {
		return reading{k, fmt.Sprintf(format, args...), Subject{Datapath: dp.Name, Port: pb.LogicalPort, Chassis: on, Network: network}}, nil
	}
	switch {
	case pb.Type == "localnet" && here != nil && here.BridgeMappings()[network] == "":
		return is(KindNoBridgeMapping, "", "%s has no bridge mapping for provider network %s, which localnet port %s of %s is on", chassis, network, pb.LogicalPort, dp.Name)
	case pb.Type == "localnet":
		return is(KindNoPatchPort, "", "%s has no patch port to the bridge of provider network %s, which localnet port %s of %s is on", chassis, network, pb.LogicalPort, dp.Name)
	case pb.Type == "virtual" && pb.Chassis.IsZero():
		return is(KindUnbound, "", "virtual port %s of %s is not bound: none of its parents (%s) has claimed its address", pb.LogicalPort, dp.Name, pb.Options["virtual-parents"])
	case pb.Type == "chassisredirect" && pb.Chassis.IsZero():
		return is(KindUnbound, "", "gateway port %s is on no chassis", strings.TrimPrefix(pb.LogicalPort, "cr-"))
	case pb.Chassis.IsZero():
		return is(KindUnbound, "", "%s is not bound to any chassis", port)
	case here != nil && pb.Chassis == here.UUID:
		return is(KindNoInterface, chassis, "%s is bound to %s, which has no interface for it", port, chassis)
	}
	there, err := e.sb.ChassisByUUID(ctx, pb.Chassis)
	if isNotFound(err) {
		return is(KindChassisGone, "", "%s is bound to a chassis that is no longer in the Southbound database", port)
	}
	if err != nil {
		return reading{}, err
	}
	return is(KindNoTunnel, there.Name, "%s is bound to %s, to which %s has no tunnel", port, there.Name, chassis)
}
