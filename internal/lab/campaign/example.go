package campaign

import (
	"context"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// Example is a fault of docs/debugging.md, the same each time.
type Example struct {
	Name     string
	Instance Instance
}

// Examples returns the faults of docs/debugging.md. What finds them is written there.
func Examples(t *lab.Topology) []Example {
	return []Example{
		{"stale-backend", exampleStaleBackend()},
		{"asymmetric-gateway", exampleGateway()},
		{"exhausted-ports", examplePorts()},
		{"blocked-connection", exampleBlocked()},
		{"dropped-answer", exampleAnswer(t)},
	}
}

// FindExample returns an example by its name.
func FindExample(t *lab.Topology, name string) (Example, error) {
	all := Examples(t)
	i := slices.IndexFunc(all, func(e Example) bool { return e.Name == name })
	if i < 0 {
		return Example{}, fmt.Errorf("no fault %q", name)
	}
	return all[i], nil
}

// exampleStaleBackend replaces the backend of a VIP under a connection.
func exampleStaleBackend() Instance {
	f := Flow{From: "sw0-p1", To: "30.0.0.10", Proto: "tcp", Dport: 80, Sport: 46982}
	vip := func(backend string) []string {
		return []string{"--may-exist lb-add lb-one 30.0.0.10:80 " + backend + " tcp"}
	}
	return Instance{
		What: "lb-one has backend 20.0.0.5:8080 instead of 20.0.0.4:8080, under a connection", Before: before(f),
		Inject: vip("20.0.0.5:8080"), Mend: append(vip("20.0.0.4:8080"), flushAll), Shows: stuck,
	}
}

// exampleGateway moves the gateway of lr1 under a connection: answers come to a chassis that does
// not know it.
func exampleGateway() Instance {
	f := Flow{From: "sw3-p3", To: "ext1", Proto: "tcp", Dport: 443, Sport: 46983}
	return Instance{
		What: "the gateway of lr1 moves from hv3 to hv2, under a connection", Before: before(f),
		Inject: []string{"lrp-set-gateway-chassis lr1-public hv2 30", "@bound cr-lr1-public hv2", "@sleep 2s"},
		Mend:   []string{"lrp-del-gateway-chassis lr1-public hv2", "@bound cr-lr1-public hv3", flushAll},
		Shows:  unanswered,
	}
}

// examplePorts gives a machine a NAT address with four ports, and uses them.
func examplePorts() Instance {
	f := Flow{From: "sw4-p2", To: "ext3", Proto: "tcp", Dport: 443}
	return Instance{
		What: "sw4-p2 leaves by four ports of 172.17.0.77, and has four connections to 172.17.0.100:443", Flow: f,
		Inject: []string{"--portrange lr-nat-add gr0 snat 172.17.0.77 60.0.0.4 5000-5003"},
		Mend:   []string{"lr-nat-del gr0 snat 60.0.0.4", flushAll},
		Act:    func(ctx context.Context, s *stage) error { return before(f, f, f, f)(ctx, s) },
		Shows:  untranslated("172.17.0.77"),
	}
}

// exampleBlocked turns an ACL into a drop under a connection, which sends one more packet.
func exampleBlocked() Instance {
	f := Flow{From: "sw0-p1", To: "sw2-p2", Proto: "tcp", Dport: 8080, Sport: 46984}
	const match = "to-lport 1010 'outport == @pg2 && tcp.dst == 8080'"
	return Instance{
		What: "ACL closed drops port 8080 of sw2-p2, under a connection", Before: before(f),
		Inject: []string{"--name=closed acl-add pg2 " + match + " drop"}, Mend: []string{"acl-del pg2 " + match, flushAll}, Shows: cut,
	}
}

// exampleAnswer lets requests to a machine through, and drops its answers.
func exampleAnswer(t *lab.Topology) Instance {
	f := Flow{From: "sw0-p1", To: "sw1-p2", Proto: "tcp", Dport: 80}
	const match = `from-lport 1000 'inport == "sw1-p2" && ip4'`
	return Instance{
		What: "ACL quiet drops what sw1-p2 sends", Flow: f,
		Inject: []string{"--name=quiet acl-add sw1 " + match + " drop"}, Mend: []string{"acl-del sw1 " + match},
		Asks: []Ask{{Args: f.why(t)}},
	}
}

// Make sets up an instance, injects it and checks that it shows.
func (r *Runner) Make(ctx context.Context, in Instance) error {
	s := &stage{Runner: r, in: &in}
	if err := s.setUp(ctx); err != nil {
		return err
	}
	if _, err := s.inject(ctx); err != nil {
		return err
	}
	why, err := s.shows(ctx)
	if err == nil && why != "" {
		err = fmt.Errorf("the fault does not show: %s", why)
	}
	return err
}

// Mend removes an instance that another process may have made, and checks that its flow works.
func (r *Runner) Mend(ctx context.Context, in Instance) error {
	s := &stage{Runner: r, in: &in}
	if err := s.mend(ctx); err != nil {
		return err
	}
	return r.change(ctx, in.Teardown, true)
}
