package campaign

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// balancers are faults of load balancers.
var balancers = []Kind{
	{Name: "vip-other-port", Draw: vipOtherPort},
	{Name: "lb-no-backend", Draw: lbNoBackend},
	{Name: "lb-backend-down", Draw: lbBackendDown},
	{Name: "lb-not-on-router", Draw: lbNotOnRouter},
	{Name: "lb-force-snat-ignored", Draw: lbForceSNATIgnored},
	// OVN 25.03 handles load balancers at each gateway port (northd:
	// build_distr_lrouter_nat_flows_for_lb).
	{Name: "lb-two-gateways", Until: "7.11", Draw: lbTwoGateways},
	{Name: "lb-hairpin", Draw: lbHairpin},
	{Name: "lb-affinity-first", Draw: lbAffinityFirst},
	{Name: "lb-unanswered-vip", Draw: lbUnansweredVIP},
	{Name: "stale-lb-backend", Draw: staleBackend},
	{Name: "stale-lb-backend-empty", Draw: staleBackendEmpty},
}

// service is a load balancer of an instance.
type service struct {
	lb, proto string
	vip       string // address and port
	backends  []string
	machines  []string // the ports of the backends
	add, drop string   // commands that put it on its switch or router, and take it off
	flow      Flow
}

// service draws a load balancer with n backends on a switch, a gateway router or a router with a
// distributed gateway port, and a flow to its VIP. protos are those to draw from.
func (d *draw) service(n int, protos ...string) service { return d.serviceAt(d.IntN(3), n, protos...) }

// The places of a load balancer.
const (
	onSwitch = iota
	onGatewayRouter
	onGatewayPort
)

// serviceAt draws a load balancer at a place.
func (d *draw) serviceAt(place, n int, protos ...string) service {
	s := service{lb: d.name("lb-case"), proto: one(d, protos...)}
	port := one(d, 80, 443, 6443, 8000)
	last := 100 + d.IntN(50)
	s.flow = Flow{Proto: s.proto, Dport: port}
	var behind []string
	switch place {
	case onSwitch:
		s.add, s.drop = "ls-lb-add sw0 "+s.lb, "ls-lb-del sw0 "+s.lb
		s.flow.From, s.flow.To, behind = one(d, ports["sw0"]...), fmt.Sprintf("30.0.1.%d", last), ports["sw1"]
	case onGatewayRouter:
		s.add, s.drop = "lr-lb-add gr0 "+s.lb, "lr-lb-del gr0 "+s.lb
		s.flow.From, s.flow.To, behind = "ext3", fmt.Sprintf("172.17.0.%d", last+100), ports["sw4"]
	case onGatewayPort:
		s.add, s.drop = "lr-lb-add lr1 "+s.lb, "lr-lb-del lr1 "+s.lb
		s.flow.From, s.flow.To, behind = "ext1", fmt.Sprintf("172.16.0.%d", last+101), []string{"sw3-p1", "sw3-p3"}
	}
	first := d.IntN(len(behind))
	for i := range n {
		m := behind[(first+i)%len(behind)]
		s.machines = append(s.machines, m)
		s.backends = append(s.backends, fmt.Sprintf("%s:%d", address(d.topo, m), 8080))
	}
	s.vip = fmt.Sprintf("%s:%d", s.flow.To, port)
	return s
}

// row returns the object of a question: the load balancer by name or UUID.
func (s service) row() []string {
	return []string{s.lb, s.vip, "?--bare --columns=_uuid find load_balancer name=" + s.lb}
}

// vips sets the load balancer's only VIP and its backends.
func (s service) vips(vip string, backends ...string) string {
	return fmt.Sprintf(`set load_balancer %s 'vips="%s"="%s"'`, s.lb, vip, strings.Join(backends, ","))
}

func (s service) setUp() []string {
	return []string{fmt.Sprintf("lb-add %s %s %s %s", s.lb, s.vip, strings.Join(s.backends, ","), s.proto), s.add}
}

func (s service) tearDown() []string { return []string{"--if-exists lb-del " + s.lb} }

func vipOtherPort(d *draw) Instance {
	s := d.service(1, "tcp", "udp")
	other := fmt.Sprintf("%s:%d", s.flow.To, s.flow.Dport+1)
	return Instance{
		What: fmt.Sprintf("the VIP of %s (%s) is now %s", s.lb, s.add, other), Flow: s.flow, Setup: s.setUp(), Teardown: s.tearDown(),
		Inject: []string{"clear load_balancer " + s.lb + " vips", s.vips(other, s.backends...)},
		Mend:   []string{"clear load_balancer " + s.lb + " vips", s.vips(s.vip, s.backends...)},
		Asks:   []Ask{{Args: s.flow.why(d.topo), Codes: []string{"vip-other-port"}, Objects: append(s.row(), other, s.flow.To)}},
	}
}

func lbNoBackend(d *draw) Instance {
	s := d.service(1, "tcp", "udp")
	in := Instance{
		What: fmt.Sprintf("VIP %s of %s (%s) has no backend", s.vip, s.lb, s.add), Flow: s.flow, Setup: s.setUp(), Teardown: s.tearDown(),
		Inject: []string{s.vips(s.vip)}, Mend: []string{s.vips(s.vip, s.backends...)},
		Asks: []Ask{{Args: s.flow.why(d.topo), Codes: []string{"lb-no-backend"}, Objects: s.row()},
			{Args: []string{"nat"}, Codes: []string{"lb-no-backend"}, Objects: s.row()}},
	}
	if d.IntN(2) == 0 {
		in.Setup = append(in.Setup, "set load_balancer "+s.lb+" options:reject=true")
	}
	return in
}

// lbBackendDown adds a health check, which nobody answers.
func lbBackendDown(d *draw) Instance {
	s := d.service(1, "tcp")
	for !strings.HasPrefix(s.add, "ls-") {
		s = d.service(1, "tcp")
	}
	ip := strings.TrimSuffix(s.backends[0], ":8080")
	return Instance{
		What: fmt.Sprintf("the health check of %s finds %s down", s.lb, s.backends[0]), Flow: s.flow, Setup: s.setUp(), Teardown: s.tearDown(),
		Inject: []string{
			fmt.Sprintf("set load_balancer %s ip_port_mappings:%s=%s:20.0.0.2", s.lb, ip, s.machines[0]),
			fmt.Sprintf(`--id=@h create load_balancer_health_check vip='"%s"' options:interval=1 options:timeout=1 options:success_count=1 options:failure_count=1 -- add load_balancer %s health_check @h`, s.vip, s.lb),
			"@until @sb --bare --columns=_uuid find service_monitor status=offline",
		},
		Mend: []string{"clear load_balancer " + s.lb + " health_check", "clear load_balancer " + s.lb + " ip_port_mappings"},
		Asks: []Ask{{Args: s.flow.why(d.topo), Codes: []string{"lb-backend-down"}, Objects: s.row()},
			{Args: []string{"nat"}, Codes: []string{"lb-backend-down"}, Objects: append(s.row(), s.backends[0])}},
	}
}

func lbNotOnRouter(d *draw) Instance {
	s := d.service(1, "tcp", "udp")
	return Instance{
		What: s.drop, Flow: s.flow, Setup: s.setUp(), Teardown: s.tearDown(),
		Inject: []string{s.drop}, Mend: []string{s.add},
		Asks: []Ask{{Args: s.flow.why(d.topo), Codes: []string{"lb-not-on-router"}, Objects: s.row()}},
	}
}

// lbForceSNATIgnored sets an option that only gateway routers know on a router with a distributed
// gateway port.
func lbForceSNATIgnored(d *draw) Instance {
	value := one(d, "172.16.0.1", "50.0.0.1", "router_ip")
	s := d.serviceAt(onGatewayPort, 1, "tcp", "udp")
	return Instance{
		Setup: s.setUp(), Teardown: s.tearDown(),
		What:   "lb_force_snat_ip=" + value + " on lr1, which is no gateway router",
		Inject: []string{"set logical_router lr1 options:lb_force_snat_ip=" + value}, Mend: []string{"remove logical_router lr1 options lb_force_snat_ip"},
		Shows: holds("--bare --columns=_uuid find logical_router options:lb_force_snat_ip=" + value),
		Asks:  both([]string{"lb-force-snat-ignored"}, s.flow.why(d.topo), "lr1", "?--bare --columns=_uuid find logical_router name=lr1"),
	}
}

// lbTwoGateways gives a router with a load balancer a second gateway port.
func lbTwoGateways(d *draw) Instance {
	at := one(d, "hv1", "hv2")
	s := d.serviceAt(onGatewayPort, 1, "tcp", "udp")
	return Instance{
		Setup: s.setUp(), Teardown: s.tearDown(),
		What: "lr1, which has load balancer lb-out, has a second gateway port, on " + at,
		Inject: []string{"ls-add public9", "lrp-add lr1 lr1-public9 00:00:00:00:fe:09 172.29.0.1/24", "lsp-add public9 public9-lr1", "lsp-set-type public9-lr1 router",
			"lsp-set-addresses public9-lr1 router", "lsp-set-options public9-lr1 router-port=lr1-public9", "lrp-set-gateway-chassis lr1-public9 " + at + " 20", "@bound cr-lr1-public9 " + at},
		Mend:  []string{"ls-del public9", "lrp-del lr1-public9", "@sleep 1s"},
		Shows: nothing,
		Asks:  both([]string{"lb-two-gateways"}, s.flow.why(d.topo), "lr1", "lb-out", "?--bare --columns=_uuid find logical_router name=lr1"),
	}
}

// lbHairpin lets a machine ask the VIP that it serves itself on a gateway router, whose answers
// need the router's own address as source.
func lbHairpin(d *draw) Instance {
	s := d.serviceAt(onGatewayRouter, 1, "tcp", "udp")
	s.flow.From = s.machines[0]
	on, off := "set logical_router gr0 options:lb_force_snat_ip=router_ip", "remove logical_router gr0 options lb_force_snat_ip"
	return Instance{
		What: fmt.Sprintf("gr0 has no lb_force_snat_ip, and %s asks %s of %s, whose backend it is", s.flow.From, s.vip, s.lb), Flow: s.flow,
		// Without them the router's own source NAT does it.
		Setup:    append(s.setUp(), on, "lr-nat-del gr0 dnat_and_snat 172.17.0.30", "lr-nat-del gr0 snat 60.0.0.0/24"),
		Teardown: append(s.tearDown(), off, "--may-exist lr-nat-add gr0 dnat_and_snat 172.17.0.30 60.0.0.3", "--may-exist lr-nat-add gr0 snat 172.17.0.1 60.0.0.0/24"),
		Inject:   []string{off}, Mend: []string{on},
		Asks: []Ask{{Args: s.flow.why(d.topo), Codes: []string{"lb-hairpin-snat-missing"}, Objects: s.row(), Any: true}},
	}
}

// affinitySeconds is the time for which a load balancer remembers a client.
const affinitySeconds = 2

// lbAffinityFirst lets a load balancer remember its clients' backends: OVN 23.03 drops the packet
// by which it learns.
func lbAffinityFirst(d *draw) Instance {
	s := d.serviceAt(onSwitch, 2, "tcp", "udp")
	return Instance{
		What: fmt.Sprintf("%s remembers its clients; the first packet of %s is lost", s.lb, s.flow), Flow: s.flow,
		Setup: s.setUp(), Teardown: s.tearDown(),
		Inject: []string{fmt.Sprintf("set load_balancer %s options:affinity_timeout=%d", s.lb, affinitySeconds)},
		Mend:   []string{"remove load_balancer " + s.lb + " options affinity_timeout"},
		Shows: func(ctx context.Context, st *stage) (string, error) {
			whole, sent, err := st.works(ctx, s.flow)
			if err == nil && whole {
				return "the first packet arrives: " + lastOf(sent), nil
			}
			if err == nil { // the client is forgotten
				err = st.Lab.Do(ctx, fmt.Sprintf("@sleep %ds", 3*affinitySeconds))
			}
			return "", err
		},
		Asks: []Ask{{Args: s.flow.why(d.topo), Codes: []string{"lb-affinity-first"}, Objects: s.row()}},
	}
}

// lbUnansweredVIP takes a load balancer, whose VIP is in the client's own network, off the router
// that answers for it there.
func lbUnansweredVIP(d *draw) Instance {
	s := d.serviceAt(onSwitch, 1, "tcp", "udp")
	s.flow.To = fmt.Sprintf("10.0.0.%d", 100+d.IntN(100))
	s.vip = fmt.Sprintf("%s:%d", s.flow.To, s.flow.Dport)
	v, _ := d.topo.VIF(s.flow.From)
	request := probe.Packet{From: s.flow.From, Proto: "arp", Op: 1, EthSrc: v.MAC, EthDst: "ff:ff:ff:ff:ff:ff", Src: v.IP(false), Dst: s.flow.To, SHA: v.MAC, THA: "00:00:00:00:00:00"}
	answered := func(ctx context.Context, st *stage) (bool, error) {
		real, err := st.Probe.SendOne(ctx, request)
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(slices.Concat(real.Ends, real.Answers), func(e probe.Seen) bool { return e.End == "port "+s.flow.From }), nil
	}
	return Instance{
		What:  fmt.Sprintf("only sw0, and not lr0, has %s, whose VIP %s is in the network of %s", s.lb, s.vip, s.flow.From),
		Setup: append(s.setUp(), "lr-lb-add lr0 "+s.lb), Teardown: s.tearDown(),
		Before: func(ctx context.Context, st *stage) error {
			ok, err := answered(ctx, st)
			if err == nil && !ok {
				err = fmt.Errorf("before the fault nobody answers for %s", s.flow.To)
			}
			return err
		},
		Inject: []string{"lr-lb-del lr0 " + s.lb}, Mend: []string{"lr-lb-add lr0 " + s.lb},
		Shows: func(ctx context.Context, st *stage) (string, error) {
			ok, err := answered(ctx, st)
			if ok {
				return "somebody answers for " + s.flow.To, err
			}
			return "", err
		},
		Asks: []Ask{{Args: s.flow.why(d.topo), Codes: []string{"lb-unanswered-vip"}, Objects: s.row()}},
	}
}

// pinned is a UDP connection to a VIP whose backend is taken away: its entry goes on.
func (d *draw) pinned(s service, now ...string) Instance {
	f := s.flow
	f.Sport = 20000 + d.IntN(5000)
	s.flow.Sport = f.Sport
	return Instance{
		Flow: f, Setup: s.setUp(), Teardown: s.tearDown(), Before: before(f),
		Inject: []string{s.vips(s.vip, now...)}, Mend: []string{flushAll},
		Shows: stuck,
		Asks:  []Ask{{Args: []string{"nat"}, Codes: []string{"stale-lb-backend"}, Objects: append(s.row(), s.backends[0])}},
	}
}

func staleBackend(d *draw) Instance {
	s := d.service(2, "udp")
	old, now := s.backends[0], s.backends[1]
	s.backends = s.backends[:1]
	in := d.pinned(s, now)
	in.What = fmt.Sprintf("%s (%s) has backend %s instead of %s, which a UDP connection keeps", s.lb, s.add, now, old)
	in.Asks = append(in.Asks, Ask{Args: in.Flow.why(d.topo), Codes: []string{"stale-lb-backend"}, Objects: append(s.row(), old)})
	return in
}

func staleBackendEmpty(d *draw) Instance {
	s := d.service(1, "udp")
	in := d.pinned(s)
	in.What = fmt.Sprintf("%s (%s) has no backend any more; a UDP connection keeps %s", s.lb, s.add, s.backends[0])
	in.Mend = []string{s.vips(s.vip, s.backends...), flushAll}
	return in
}

// flushAll empties the conntrack tables of all chassis.
const flushAll = "@all ovs-appctl dpctl/flush-conntrack"
