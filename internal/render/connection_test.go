package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/reporttest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

func someConnection() *report.Connection {
	sport, dport, eighty := uint16(4000), uint16(80), uint16(8080)
	orig := report.Tuple{Proto: "tcp", Src: "10.0.0.3", Dst: "30.0.0.10", Sport: &sport, Dport: &dport}
	reply := report.Tuple{Proto: "tcp", Src: "20.0.0.4", Dst: "10.0.0.3", Sport: &eighty, Dport: &sport}
	age := int64(840)
	return &report.Connection{
		Proto: "tcp", Original: orig, Translated: reply.Inverse(), States: []string{"ESTABLISHED"}, Client: "port sw0-p1", Server: "",
		Legs: []report.Leg{{
			Chassis: "hv1", Zone: 12, ZoneName: "sw0-p1", State: "ESTABLISHED", NAT: "dnat", Marks: []string{"natted"}, Age: &age,
			Entry: report.Entry{Original: orig, Reply: reply, Status: "SEEN_REPLY|ASSURED", Protoinfo: "ESTABLISHED", Timeout: 432000, Mark: "0x2", Label: "0x0",
				Counters: &report.Counters{Original: report.Counter{Packets: 7, Bytes: 900}, Reply: report.Counter{Packets: 5, Bytes: 12345}}},
			NB: &report.NB{Table: "Load_Balancer", UUID: "u", Name: "web", Summary: "s"}, Rule: `load balancer "web", VIP 30.0.0.10:80`,
		}},
	}
}

// Connections that are printed one at a time give the same JSON as the whole report.
func TestConnectionsJSON(t *testing.T) {
	for n := range 3 {
		whole := &report.ConnectionsReport{
			Schema: report.Schema, Connections: []*report.Connection{}, Chassis: []report.ListedChassis{{Chassis: "hv1", Entries: n}}, Warnings: []string{`"connections": []`},
		}
		var got, want bytes.Buffer
		p, err := NewConnections(&got, whole, true, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if err := p.Print(someConnection()); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.End(); err != nil {
			t.Fatal(err)
		}
		for range n {
			whole.Connections = append(whole.Connections, someConnection())
		}
		if err := encode(&want, whole); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("%d connections are printed as\n%s\nnot\n%s", n, &got, &want)
		}
		if err := reporttest.Check(got.Bytes()); err != nil {
			t.Error(err)
		}
	}
}

func TestConnectionsText(t *testing.T) {
	list := &report.ConnectionsReport{Chassis: []report.ListedChassis{{Chassis: "hv2", HeldMS: 7}}, AskedOf: 9, Warnings: []string{"hv3 is missing"}}
	var got strings.Builder
	p, err := NewConnections(&got, list, false, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Print(someConnection()); err != nil {
		t.Fatal(err)
	}
	if err := p.End(); err != nil {
		t.Fatal(err)
	}
	const want = `10.0.0.3:4000 > 30.0.0.10:80 => 10.0.0.3:4000 > 20.0.0.4:8080  tcp  ESTABLISHED  hv1
  from port sw0-p1 to an unknown owner
  hv1 zone 12 sw0-p1  dnat 30.0.0.10:80 => 20.0.0.4:8080  ESTABLISHED assured  for 14m  expires in 5d0h  7 packets 900 bytes, answers 5 packets 12345 bytes  natted  load balancer "web", VIP 30.0.0.10:80
1 connection
asked 1 of 9 chassis, on which these addresses can be: hv2
hv2: reading the userspace datapath's table took 7 ms, in which ovs-vswitchd's main thread took part
warning: hv3 is missing
`
	if got.String() != want {
		t.Errorf("printed\n%s\nnot\n%s", &got, want)
	}
}
