package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// underlay returns cases of tunnels other than Geneve over IPv4. A case configures the chassis to
// use them and restores the configuration.
func underlay(b builder) []probe.Case {
	// tunnels waits until each chassis of the first zone has a tunnel to each other one.
	tunnels := func(kind, prefix string) []string {
		var out []string
		for _, c := range b.t.Chassis {
			for _, peer := range b.t.Chassis {
				if c.Name != peer.Name && c.Zone == "" && peer.Zone == "" {
					out = append(out, "@until @"+c.Name+" ovs-vsctl --bare --columns=_uuid find interface type="+kind+
						` 'options:remote_ip="`+prefix+number(peer.Name)+`"' ofport!=[]`)
				}
			}
		}
		return out
	}
	const v4, v6 = "172.31.0.", "fd31::"
	encap := func(kind string) []string {
		return append([]string{"@all ovs-vsctl set open_vswitch . external-ids:ovn-encap-type=" + kind}, tunnels(kind, v4)...)
	}
	each := func(prefix string) []string {
		var out []string
		for _, c := range b.t.Chassis {
			out = append(out, "@"+c.Name+" ovs-vsctl set open_vswitch . external-ids:ovn-encap-ip="+prefix+number(c.Name))
		}
		return append(out, tunnels("geneve", prefix)...)
	}
	both := func(name, feature string, setup, cleanup []string) []probe.Case {
		return []probe.Case{
			changed(handshake(name+"-switch", feature, b.tcp("sw0-p1", "sw0-p2", 80), "sw0-p2"), setup, cleanup),
			changed(handshake(name+"-vip", feature, b.tcp("sw0-p1", "30.0.0.10", 80), "sw1-p2"), setup, cleanup),
			changed(one(name+"-broadcast", feature, with(b.udp("sw0-p1", "10.0.0.255", 7), func(p *probe.Packet) { p.EthDst = broadcastMAC }), "sw0-p2, sw0-p3"), setup, cleanup),
		}
	}
	var all []probe.Case
	back := each(v4)
	// Each chassis has its second address at .1N; the kernel sends from the first unless the tunnel
	// says otherwise.
	two := func(order string) []string {
		var out []string
		for _, c := range b.t.Chassis {
			if c.Zone != "" {
				continue
			}
			n := number(c.Name)
			ips := "172.31.0." + n + ",172.31.0.1" + n
			if order == "second first" {
				ips = "172.31.0.1" + n + ",172.31.0." + n
			}
			out = append(out, "@"+c.Name+" ovs-vsctl set open_vswitch . external-ids:ovn-encap-ip="+ips)
		}
		return append(out, "@sleep 3s")
	}
	all = append(all, both("two-addresses", "several tunnel addresses", two(""), back)...)
	all = append(all,
		changed(echo("two-addresses-second", "several tunnel addresses", b.ping("sw0-p1", "sw0-p2"), "sw0-p2"), two("second first"), back),
		changed(echo("two-addresses-of-port", "several tunnel addresses", b.ping("sw0-p1", "sw0-p2"), "sw0-p2"),
			append(two(""), "@hv2 ovs-vsctl set interface sw0-p2 external-ids:encap-ip=172.31.0.12", "@sleep 2s"),
			append([]string{"@hv2 ovs-vsctl remove interface sw0-p2 external-ids encap-ip"}, back...)),
		changed(echo("ipsec", "tunnels set up for IPsec", b.ping("sw0-p1", "sw0-p2"), "sw0-p2"),
			[]string{"set nb_global . ipsec=true", "@sleep 3s"}, []string{"set nb_global . ipsec=false", "@sleep 3s"}),
	)
	mixed := []string{"@hv1 ovs-vsctl set open_vswitch . external-ids:ovn-encap-type=geneve,vxlan", "@hv2 ovs-vsctl set open_vswitch . external-ids:ovn-encap-type=geneve,vxlan",
		"@hv3 ovs-vsctl set open_vswitch . external-ids:ovn-encap-type=vxlan", "@sleep 3s"}
	all = append(all, both("mixed", "Geneve and VXLAN tunnels together", mixed, encap("geneve"))...)
	all = append(all, both("vxlan", "VXLAN tunnels", encap("vxlan"), encap("geneve"))...)
	all = append(all, both("underlay-ipv6", "IPv6 underlay", each(v6), back)...)
	return all
}

// number returns the last digit of a chassis' name, which is part of its addresses.
func number(chassis string) string { return chassis[len(chassis)-1:] }
