package lab

import "strconv"

// Base is the topology that tests, demo and shell share, on the kernel's datapath.
func Base() *Topology { return BaseOn(System) }

// BaseOn is the same topology on chassis with the given datapath.
func BaseOn(datapath string) *Topology {
	t := &Topology{
		Datapath: datapath,
		Chassis: []Chassis{
			{Name: "hv1", EncapIP: underlayNet + "1", IPs: []string{underlayNet + "11", "fd31::1"}, Mappings: map[string]string{"physnet1": "br-ex"}},
			{Name: "hv2", EncapIP: underlayNet + "2", IPs: []string{underlayNet + "12", "fd31::2"}, Mappings: map[string]string{"physnet1": "br-ex"}},
			{Name: "hv3", EncapIP: underlayNet + "3", IPs: []string{underlayNet + "13", "fd31::3"}, Mappings: map[string]string{"physnet1": "br-ex"}},
		},
	}
	eastWest(t)
	north(t)
	gatewayRouter(t)
	provider(t)
	special(t)
	l2gateway(t)
	interconnect(t)
	bonds(t)
	return t
}

func itoa(n int) string { return strconv.Itoa(n) }

// port adds a VIF and its logical switch port.
func (t *Topology) port(sw, gateway, name, chassis, mac string, ips ...string) {
	t.VIFs = append(t.VIFs, VIF{Port: name, Chassis: chassis, MAC: mac, IPs: ips, Gateway: gateway})
	addr := mac
	for _, ip := range ips {
		addr += " " + ip
	}
	t.setup("lsp-add "+sw+" "+name, "lsp-set-addresses "+name+" '"+addr+"'")
}

func (t *Topology) setup(commands ...string) { t.Setup = append(t.Setup, commands...) }

// link joins a switch to a router.
func (t *Topology) link(router, sw, mac string, nets ...string) {
	rp, sp := router+"-"+sw, sw+"-"+router
	cmd := "lrp-add " + router + " " + rp + " " + mac
	for _, n := range nets {
		cmd += " " + n
	}
	t.setup(cmd, "lsp-add "+sw+" "+sp, "lsp-set-type "+sp+" router",
		"lsp-set-addresses "+sp+" router", "lsp-set-options "+sp+" router-port="+rp)
}

// MACs of the router ports that cases send to.
const (
	MACSw0 = "00:00:00:00:ff:01"
	MACSw1 = "00:00:00:00:ff:02"
	MACSw2 = "00:00:00:00:ff:03"
)

// eastWest is one distributed router between three switches on three chassis, with load balancers
// on sw0, sw1 and the router. Only sw2 has ACLs, so that they affect nothing else.
func eastWest(t *Topology) {
	t.setup("ls-add sw0", "ls-add sw1", "ls-add sw2", "lr-add lr0")
	t.port("sw0", MACSw0, "sw0-p1", "hv1", "50:54:00:00:00:03", "10.0.0.3", "fd00:10::3")
	t.port("sw0", MACSw0, "sw0-p2", "hv2", "50:54:00:00:00:04", "10.0.0.4", "fd00:10::4")
	t.port("sw0", MACSw0, "sw0-p3", "hv1", "50:54:00:00:00:05", "10.0.0.5", "fd00:10::5")
	t.port("sw1", MACSw1, "sw1-p1", "hv2", "50:54:00:01:00:03", "20.0.0.3", "fd00:20::3")
	t.port("sw1", MACSw1, "sw1-p2", "hv3", "50:54:00:01:00:04", "20.0.0.4", "fd00:20::4")
	t.port("sw1", MACSw1, "sw1-p3", "hv3", "50:54:00:01:00:05", "20.0.0.5", "fd00:20::5")
	t.port("sw2", MACSw2, "sw2-p1", "hv1", "50:54:00:02:00:03", "40.0.0.3", "fd00:40::3")
	t.port("sw2", MACSw2, "sw2-p2", "hv3", "50:54:00:02:00:04", "40.0.0.4", "fd00:40::4")
	t.link("lr0", "sw0", MACSw0, "10.0.0.1/24", "fd00:10::1/64")
	t.link("lr0", "sw1", MACSw1, "20.0.0.1/24", "fd00:20::1/64")
	t.link("lr0", "sw2", MACSw2, "40.0.0.1/24", "fd00:40::1/64")

	// One backend, three backends, UDP, IPv6, and a backend that is also the client.
	t.setup(
		"lb-add lb-one 30.0.0.10:80 20.0.0.4:8080 tcp",
		"lb-add lb-three 30.0.0.11:80 20.0.0.3:8080,20.0.0.4:8080,20.0.0.5:8080 tcp",
		"lb-add lb-dns 30.0.0.10:53 20.0.0.4:5353 udp",
		"lb-add lb-six [fd00:30::10]:80 [fd00:20::4]:8080 tcp",
		"lb-add lb-self 30.0.0.12:80 10.0.0.3:8080 tcp",
	)
	for _, lb := range []string{"lb-one", "lb-three", "lb-dns", "lb-six", "lb-self"} {
		t.setup("ls-lb-add sw0 " + lb)
	}

	// To sw2 are allowed port 8080 from sw0's subnet, and echo and DNS from anywhere; from it nothing
	// may go to 20.0.0.5 or to port 25.
	t.setup(
		"pg-add pg2 sw2-p1 sw2-p2",
		`acl-add pg2 to-lport 1000 'outport == @pg2 && ip' drop`,
		`--name=allow-8080 acl-add pg2 to-lport 1002 'outport == @pg2 && ip4.src == 10.0.0.0/24 && tcp.dst == 8080' allow-related`,
		`acl-add pg2 to-lport 1002 'outport == @pg2 && icmp4' allow-related`,
		`acl-add pg2 to-lport 1002 'outport == @pg2 && udp.dst == 53' allow-related`,
		`acl-add pg2 to-lport 1002 'outport == @pg2 && ip6 && tcp.dst == 8080' allow-related`,
		`acl-add pg2 from-lport 1002 'inport == @pg2 && ip' allow-related`,
		`--name=no-smtp acl-add pg2 from-lport 1004 'inport == @pg2 && tcp.dst == 25' drop`,
		`acl-add pg2 from-lport 1004 'inport == @pg2 && ip4.dst == 20.0.0.5' drop`,
	)
}
