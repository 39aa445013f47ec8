package audit

import (
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// outwardReport is the way of a packet from sw0-p1 to 172.16.0.100, which lr0 translates in its
// zone on hv3.
func outwardReport() *report.Report {
	head := func(src string) report.Header {
		return report.Header{EthSrc: "50:54:00:00:00:01", IPSrc: src, IPDst: "172.16.0.100", IPProto: "tcp"}
	}
	table := func(datapath string, n byte) report.Table {
		t := report.Table{LogicalFlow: &report.LogicalFlow{Datapath: datapath}}
		if n != 0 {
			t.NB = &report.NB{UUID: id(n).String()}
		}
		return t
	}
	commit := report.CT{Zone: 6, Action: "ct(commit,zone=6,nat(src=172.16.0.1))", Tuple: &report.Tuple{Src: "10.0.0.3", Dst: "172.16.0.100"},
		NAT: &report.NAT{From: head("10.0.0.3"), To: head("172.16.0.1")}}
	return &report.Report{Packets: []*report.Packet{{Direction: report.DirectionOriginal, Header: head("10.0.0.3"),
		Hops: []*report.Hop{
			{Chassis: "hv1", Segments: []*report.Segment{{Tables: []report.Table{table("sw0", 0)}, CT: []report.CT{{Zone: 1, Action: "ct(zone=1)"}}}}},
			{Chassis: "hv3", Segments: []*report.Segment{{Tables: []report.Table{table("lr0", 71), table("lr0", 31)}, CT: []report.CT{commit}}}},
		}}}}
}

// TestWay checks what is kept of a session.
func TestWay(t *testing.T) {
	w := WayOf(nil, outwardReport())
	if got := w.Chassis(); !slices.Equal(got, []string{"hv1", "hv3"}) || !slices.Equal(w.Zones("hv3"), []uint16{6}) {
		t.Errorf("chassis %v, zones of hv3 %v", got, w.Zones("hv3"))
	}
	if !w.Has(addr("172.16.0.1")) || w.Has(addr("10.0.0.4")) || !slices.Equal(w.MACs(), []string{"50:54:00:00:00:01"}) {
		t.Errorf("%+v", w)
	}
	s := sample()
	if got := w.External(inventory.New(s.nb, s.sb)); len(got) != 1 || got[0] != addr("172.16.0.1") {
		t.Errorf("NAT addresses %v", got)
	}
}

// TestOnWay checks that each fault is found on the way, and that the same fault elsewhere is not.
func TestOnWay(t *testing.T) {
	stale := func(mac string, port int64) func(*rows, *Input) {
		return func(r *rows, _ *Input) {
			r.learn.FDB = append(r.learn.FDB, ovn.FDBRow{UUID: id(99), MAC: mac, Datapath: 1, Port: port})
		}
	}
	limit := func(chassis string, zone uint16) func(*rows, *Input) {
		return func(_ *rows, in *Input) {
			in.Chassis = append(in.Chassis, Chassis{Name: chassis, Zones: map[uint16]string{zone: "z"}, Limits: map[uint16]ctstate.ZoneLimit{zone: {Limit: 1, Count: 1}}})
		}
	}
	full := func(chassis string) func(*rows, *Input) {
		return func(_ *rows, in *Input) { in.Chassis = append(in.Chassis, Chassis{Name: chassis, Count: 9, Max: 9}) }
	}
	twin := func(n byte) func(*rows, *Input) {
		return func(r *rows, _ *Input) {
			ip := "10.0.0.3"
			if n == 2 {
				ip = "20.0.0.3"
			}
			r.nb.SwitchPorts = append(r.nb.SwitchPorts, vif(120, "twin", "50:54:00:00:00:99", ip))
			for i := range r.nb.Switches {
				if r.nb.Switches[i].UUID == id(n) {
					r.nb.Switches[i].Ports = append(r.nb.Switches[i].Ports, id(120))
				}
			}
		}
	}
	snat := func(router int, logical string) func(*rows, *Input) {
		return func(r *rows, _ *Input) {
			r.nb.NATs = append(r.nb.NATs, ovn.NATRow{UUID: id(121), Type: "snat", External: addr("172.16.0.77"), Logical: prefix(logical)})
			r.nb.Routers[router].NATs = append(r.nb.Routers[router].NATs, id(121))
		}
	}
	hop := func(n byte) func(*rows, *Input) {
		return func(r *rows, _ *Input) {
			if n == 71 {
				r.nb.Routes[0].NextHop = "172.16.0.1"
				return
			}
			r.nb.Routes = append(r.nb.Routes, ovn.RouteRow{UUID: id(n), Prefix: prefix("99.0.0.0/8"), NextHop: "172.16.0.1"})
			r.nb.Routers[0].Routes = append(r.nb.Routers[0].Routes, id(n))
		}
	}
	ports := func(lines ...string) func(*rows, *Input) {
		return func(r *rows, in *Input) {
			r.nb.NATs[0].PortRange = "5000-5001"
			for _, l := range lines {
				in.Connections = append(in.Connections, connection.Connection{Legs: []connection.Record{record(t, l)}})
			}
		}
	}
	for _, c := range []struct {
		name string
		make func(*rows, *Input)
		want string // severity and code; empty: nothing
	}{
		{"healthy", func(*rows, *Input) {}, ""},
		{"FDB", stale("50:54:00:00:00:01", 2), "warning stale-fdb"},
		{"FDB of another address", stale("50:54:00:00:00:02", 1), ""},
		{"two owners", twin(1), "warning address-claimed-twice"},
		{"two owners elsewhere", twin(2), ""},
		{"two rules", snat(0, "10.0.0.0/24"), "warning nat-conflict"},
		{"two rules of another network", snat(1, "20.0.0.0/24"), ""},
		{"the router itself", hop(71), "error route-via-self"},
		{"the router itself, by another route", hop(122), ""},
		{"a zone that takes no entry", limit("hv3", 6), "error zone-limit"},
		{"a zone that need not take one", limit("hv1", 1), "warning zone-limit"},
		{"another zone", limit("hv3", 5), ""},
		{"a full table", full("hv3"), "error table-full"},
		{"a full table that need not take an entry", full("hv1"), "warning table-full"},
		{"no port left", ports("hv3 lr0_snat: tcp 10.0.0.3:1>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.1:5000",
			"hv3 lr0_snat: tcp 10.0.0.4:2>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.1:5001"), "error snat-exhausted"},
		{"a port left", ports("hv3 lr0_snat: tcp 10.0.0.3:1>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.1:5000"), ""},
	} {
		s := sample()
		in := &Input{Learned: s.learn}
		c.make(s, in)
		in.Inventory = inventory.New(s.nb, s.sb)
		var got []string
		for _, f := range OnWay(in, WayOf(outwardReport())) {
			got = append(got, string(f.Severity)+" "+string(f.Code))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestOnWayVIP checks that mistakes about load balancers are those of the VIP that is asked for,
// and not of a backend's other packets.
func TestOnWayVIP(t *testing.T) {
	for dst, want := range map[string]int{"172.16.0.50": 1, "172.16.0.10": 0} {
		s := sample()
		s.nb.Routers[0].Options["lb_force_snat_ip"] = "router_ip"
		r := outwardReport()
		r.Packets[0].Header = report.Header{IPSrc: "10.0.0.3", IPDst: dst}
		if got := OnWay(&Input{Inventory: inventory.New(s.nb, s.sb)}, WayOf(r)); len(got) != want {
			t.Errorf("to %s: %+v", dst, got)
		}
	}
}
