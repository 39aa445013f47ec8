package cases

import (
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// hashed returns sessions over choices by the packet's hash, which conntrack does not record: all
// packets of one direction of a connection have the same hash, so that the session is established
// with any choice.
func hashed(b builder) []probe.Case {
	const feature = "sessions, a way that a hash chooses"
	session := func(name string, p *probe.Packet, setup, cleanup []string) probe.Case {
		return changed(probe.Case{Name: "session-" + name, Feature: feature, Session: true, Expect: "established", Steps: []probe.Step{{Packet: p}}}, setup, cleanup)
	}
	// Two gateway routers between lr0 and the public network translate to different addresses: packets
	// through both of them do not make one connection.
	gateways := []string{"ls-add sw-hash", "lrp-add lr0 lr0-hash 00:00:00:00:f5:01 100.64.72.1/24", "lsp-add sw-hash hash-lr0 -- lsp-set-type hash-lr0 router",
		"lsp-set-addresses hash-lr0 router", "lsp-set-options hash-lr0 router-port=lr0-hash"}
	gone := []string{"lr-route-del lr0 172.16.0.0/24", "lrp-del lr0-hash", "ls-del sw-hash"}
	for i, chassis := range []string{"hv2", "hv3"} {
		gr, n := fmt.Sprintf("gr-hash%d", i), i+2
		gateways = append(gateways, "lr-add "+gr, "set logical_router "+gr+" options:chassis="+chassis)
		for side, sw := range []string{"sw-hash", "public"} {
			rp, sp := gr+"-"+sw, sw+"-"+gr
			gateways = append(gateways, fmt.Sprintf("lrp-add %s %s 00:00:00:00:f5:%d%d %s%d/24", gr, rp, side+1, n, []string{"100.64.72.", "172.16.0.6"}[side], n),
				"lsp-add "+sw+" "+sp, "lsp-set-type "+sp+" router", "lsp-set-addresses "+sp+" router", "lsp-set-options "+sp+" router-port="+rp)
			if sw == "public" {
				gone = append(gone, "lsp-del "+sp)
				for _, host := range []string{"ext1", "ext2"} {
					gateways = append(gateways, "static-mac-binding-add "+rp+" "+b.end(host).ip(false)+" "+b.end(host).mac)
					gone = append(gone, "static-mac-binding-del "+rp+" "+b.end(host).ip(false))
				}
			}
		}
		gateways = append(gateways, "lr-route-add "+gr+" 10.0.0.0/24 100.64.72.1", fmt.Sprintf("lr-nat-add %s snat 172.16.0.6%d 10.0.0.0/24", gr, n))
		gone = append(gone, "lr-del "+gr)
	}
	gateways = append(gateways, "@sleep 3s")
	one, other := "lr-route-add lr0 172.16.0.0/24 100.64.72.2", "--ecmp lr-route-add lr0 172.16.0.0/24 100.64.72.3"
	twoRoutes := slices.Concat(gateways, []string{one, other})
	policy := "lr-policy-add lr0 100 'ip4.src == 10.0.0.0/24 && ip4.dst == 172.16.0.0/24' reroute 100.64.72.2,100.64.72.3"
	noPolicy := slices.Concat([]string{"lr-policy-del lr0 100"}, gone)
	// A provider network's bridge with a group that hashes.
	marked := []string{
		"@hv3 ovs-ofctl -OOpenFlow15 add-group br-ex 'group_id=7,type=select,selection_method=dp_hash,bucket=bucket_id:0,actions=set_field:3->ip_dscp,NORMAL,bucket=bucket_id:1,actions=set_field:5->ip_dscp,NORMAL'",
		"@hv3 ovs-ofctl -OOpenFlow15 add-flow br-ex 'priority=100,tcp,nw_dst=172.16.0.100,actions=group:7'",
	}
	unmarked := []string{"@hv3 ovs-ofctl del-flows br-ex tcp,nw_dst=172.16.0.100", "@hv3 ovs-ofctl -OOpenFlow15 del-groups br-ex group_id=7"}
	return []probe.Case{
		session("ecmp-snat", b.tcp("sw0-p1", "ext1", 80), twoRoutes, gone),
		session("ecmp-snat-udp", b.udp("sw0-p3", "ext2", 53), twoRoutes, gone),
		session("policy-snat", b.tcp("sw0-p1", "ext1", 81), slices.Concat(gateways, []string{one, policy}), noPolicy),
		session("policy-over-routes", b.tcp("sw0-p3", "ext1", 82), slices.Concat(twoRoutes, []string{policy}), noPolicy),
		session("provider-group", b.tcp("sw3-p3", "ext1", 83), marked, unmarked),
		session("snat-port-range", b.tcp("sw3-p3", "ext1", 84),
			[]string{"lr-nat-del lr1 snat 50.0.0.0/24", "--portrange lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24 20000-20100"},
			[]string{"lr-nat-del lr1 snat 50.0.0.0/24", "lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24"}),
	}
}
