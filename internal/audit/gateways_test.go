package audit

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

func TestLoadBalancerOfTwoGateways(t *testing.T) {
	r := sample()
	r.nb.RouterPorts[1].Gateways = ids(41)
	in := input(t, r)
	found := func(code report.Code) (n int) {
		for _, f := range Audit(in).Findings {
			if f.Code == code {
				n++
			}
		}
		return n
	}
	if n := found(report.CodeLBTwoGateways) + found(report.CodeLBHandledElsewhere); n != 0 {
		t.Errorf("no flows of load balancing: %d findings", n)
	}
	in.Inventory.RouterPort("lr0-public").Balances = true
	if n := found(report.CodeLBTwoGateways); n != 1 {
		t.Errorf("one of two gateways: %d findings", n)
	}
	in.Inventory.RouterPort("lr0-sw1").Balances = true
	if n := found(report.CodeLBTwoGateways); n != 0 {
		t.Errorf("both gateways: %d findings", n)
	}
	if n := found(report.CodeLBHandledElsewhere); n != 1 {
		t.Errorf("both gateways: handled elsewhere %d times", n)
	}
	for _, b := range in.Inventory.Router("lr0").Balancers() {
		b.Options = map[string]string{"distributed": "true"}
	}
	if n := found(report.CodeLBHandledElsewhere); n != 0 {
		t.Errorf("distributed load balancers: handled elsewhere %d times", n)
	}
	for _, b := range in.Inventory.Router("lr0").Balancers() {
		b.Options = nil
	}
	in.Inventory.RouterPort("lr0-public").Balances, in.Inventory.RouterPort("lr0-sw1").Balances = false, false
	if n := found(report.CodeLBHandledElsewhere) + found(report.CodeLBTwoGateways); n != 0 {
		t.Errorf("no gateway port restricts them: %d findings", n)
	}
}

// A connection has the findings of its own entries only, and a healthy one has none.
func TestConnection(t *testing.T) {
	stale := "hv1 sw0-p1: udp 10.0.0.3:9>30.0.0.10:53 | udp 20.0.0.3:5353>10.0.0.3:9, replied, natted, left=100"
	in := input(t, sample(), append([]string{stale}, healthy...)...)
	found := 0
	for i := range in.Connections {
		c := &in.Connections[i]
		for _, f := range Connection(in, c) {
			if f.Code != report.CodeStaleLBBackend || c.Orig().Src.Port() != 9 {
				t.Errorf("%v: %s", c.Orig(), told(f))
			}
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d findings", found)
	}
}
