package lab

import "fmt"

// Kube is the deployment that OVN-Kubernetes makes with interconnect, on chassis with the given
// datapath: three nodes, each a zone with databases and an ovn-northd of its own, which listen on
// sockets of that node only.
func Kube(datapath string) *Topology {
	t := &Topology{Datapath: datapath, On: kubeNodes[0].name}
	for i, n := range kubeNodes {
		zone := &Topology{}
		n.zone(zone)
		t.VIFs = append(t.VIFs, zone.VIFs...)
		t.Chassis = append(t.Chassis, Chassis{
			Name: n.name, EncapIP: underlayNet + itoa(n.id), IPs: []string{underlayNet + itoa(10+n.id)}, Zone: n.zoneName(),
			Mappings: map[string]string{kubeNetwork: "br-ex"}, Options: map[string]string{"ovn-is-interconn": "true"},
		})
		// A machine outside whose next hop is this node's gateway router.
		t.Hosts = append(t.Hosts, Host{Name: "ext" + itoa(n.id), Network: kubeNetwork, MAC: n.outsideMAC(), IPs: []string{n.outsideIP()},
			Gateway: n.mac(kubeExternal), Port: "br-ex_" + n.name})
		if i == 0 {
			t.Setup = zone.Setup
		} else {
			t.Zones = append(t.Zones, Zone{Name: n.zoneName(), On: n.name, Setup: zone.Setup})
		}
		t.After = append(t.After, n.neighbours()...)
	}
	return t
}

// kubeNetwork is the physical network of the nodes.
const kubeNetwork = "physnet"

// kubeNode is one node of Kube; id is its number, from 1, as in OVN-Kubernetes' annotation
// k8s.ovn.org/node-id, which decides its addresses.
type kubeNode struct {
	name string
	id   int
}

var kubeNodes = []kubeNode{{"hv1", 1}, {"hv2", 2}, {"hv3", 3}}

// The networks of the router ports of a node.
const (
	kubePods     = iota // 10.244.N.0/24
	kubeJoin            // 100.64.0.0/16
	kubeTransit         // 100.88.0.0/16
	kubeExternal        // 172.18.0.0/16
)

// zoneName returns the name of the node's zone in the lab; the first is "".
func (n kubeNode) zoneName() string {
	if n.id == 1 {
		return ""
	}
	return "z" + itoa(n.id)
}

// ip returns the address of the node's router port in a network.
func (n kubeNode) ip(network int) string {
	switch network {
	case kubePods:
		return fmt.Sprintf("10.244.%d.1", n.id)
	case kubeJoin:
		return fmt.Sprintf("100.64.0.%d", n.id+1)
	case kubeTransit:
		return fmt.Sprintf("100.88.0.%d", n.id+1)
	}
	return fmt.Sprintf("172.18.0.%d", n.id+1)
}

// mac returns the MAC address of the node's router port in a network.
func (n kubeNode) mac(network int) string {
	switch network {
	case kubePods:
		return fmt.Sprintf("0a:58:0a:f4:%02x:01", n.id)
	case kubeJoin:
		return fmt.Sprintf("0a:58:64:40:00:%02x", n.id+1)
	case kubeTransit:
		return fmt.Sprintf("0a:58:64:58:00:%02x", n.id+1)
	}
	return fmt.Sprintf("0a:58:ac:12:00:%02x", n.id+1)
}

// subnet returns the network of the node's pods.
func (n kubeNode) subnet() string { return fmt.Sprintf("10.244.%d.0/24", n.id) }

// pod returns the address of a pod of the node.
func (n kubeNode) pod(host int) string { return fmt.Sprintf("10.244.%d.%d", n.id, host) }

func (n kubeNode) outsideMAC() string { return fmt.Sprintf("52:54:00:ee:01:%02x", n.id) }

func (n kubeNode) outsideIP() string { return fmt.Sprintf("172.18.0.%d", 100+n.id) }

const (
	clusterRouter  = "ovn_cluster_router"
	clusterNet     = "10.244.0.0/16"
	clusterJoinMAC = "0a:58:64:40:00:01"
	clusterJoinIP  = "100.64.0.1"
	transitSwitch  = "transit_switch"
	masqueradeIP   = "169.254.169.4"
	masqueradeMAC  = "0a:58:a9:fe:a9:04"
	hairpinIP      = "169.254.169.5"
)

// The pods of a node by the last number of their address; KubeWeb and KubeDB of each node are
// backends of services.
const (
	kubeManagement = 2 // the node's own port
	kubeClient     = 3
	kubeWeb        = 4
	kubeDB         = 5
)

// zone writes what the node's Northbound database contains.
func (n kubeNode) zone(t *Topology) {
	gr, ext := "GR_"+n.name, "ext_"+n.name
	t.setup("ls-add "+n.name, "ls-add join", "ls-add "+ext, "lr-add "+clusterRouter,
		"lr-add "+gr, "set logical_router "+gr+" options:chassis="+n.name+" options:snat-ct-zone=0 options:lb_force_snat_ip=router_ip options:always_learn_from_arp_request=false options:dynamic_neigh_routers=true",
		"ls-add "+transitSwitch, "set logical_switch "+transitSwitch+" other_config:interconn-ts="+transitSwitch+" other_config:requested-tnl-key=16711683")
	router := func(lr, rp, mac, net, ls, sp string) {
		t.setup("lrp-add "+lr+" "+rp+" "+mac+" "+net, "lsp-add "+ls+" "+sp, "lsp-set-type "+sp+" router",
			"lsp-set-addresses "+sp+" router", "lsp-set-options "+sp+" router-port="+rp)
	}
	router(clusterRouter, "rtos-"+n.name, n.mac(kubePods), n.ip(kubePods)+"/24", n.name, "stor-"+n.name)
	router(clusterRouter, "rtoj-"+clusterRouter, clusterJoinMAC, clusterJoinIP+"/16", "join", "jtor-"+clusterRouter)
	router(clusterRouter, "rtots-"+n.name, n.mac(kubeTransit), n.ip(kubeTransit)+"/16", transitSwitch, "tstor-"+n.name)
	router(gr, "rtoj-"+gr, n.mac(kubeJoin), n.ip(kubeJoin)+"/16", "join", "jtor-"+gr)
	router(gr, "rtoe-"+gr, n.mac(kubeExternal), n.ip(kubeExternal)+"/16", ext, "etor-"+gr)
	t.setup("lsp-set-options tstor-" + n.name + " router-port=rtots-" + n.name + " requested-tnl-key=" + itoa(n.id))
	t.localnet(ext, "br-ex_"+n.name, kubeNetwork, "")
	for _, far := range kubeNodes {
		if far != n {
			t.remoteNode(far)
		}
	}
	n.pods(t)
	n.routes(t, gr)
	n.services(t, gr)
	n.policies(t)
}

// remoteNode writes the way to another node: its port of the transit switch, and routes.
func (t *Topology) remoteNode(far kubeNode) {
	sp := "tstor-" + far.name
	t.setup("lsp-add "+transitSwitch+" "+sp, "lsp-set-type "+sp+" remote",
		"lsp-set-addresses "+sp+" '"+far.mac(kubeTransit)+" "+far.ip(kubeTransit)+"/16'",
		"lsp-set-options "+sp+" requested-tnl-key="+itoa(far.id)+" requested-chassis="+far.name,
		"lr-route-add "+clusterRouter+" "+far.subnet()+" "+far.ip(kubeTransit),
		"lr-route-add "+clusterRouter+" "+far.ip(kubeJoin)+"/32 "+far.ip(kubeTransit))
}

// pods adds the node's pods, and its own port.
func (n kubeNode) pods(t *Topology) {
	pod := func(name string, host int) {
		mac := fmt.Sprintf("0a:58:0a:f4:%02x:%02x", n.id, host)
		t.VIFs = append(t.VIFs, VIF{Port: name, Chassis: n.name, MAC: mac, IPs: []string{n.pod(host)}, Gateway: n.mac(kubePods)})
		t.setup("lsp-add "+n.name+" "+name, "lsp-set-addresses "+name+" '"+mac+" "+n.pod(host)+"'")
		if host != kubeManagement {
			t.setup("lsp-set-port-security "+name+" '"+mac+" "+n.pod(host)+"'",
				"set logical_switch_port "+name+" external_ids:pod=true external_ids:namespace=default")
		}
	}
	pod("k8s-"+n.name, kubeManagement)
	pod("default_cli"+itoa(n.id), kubeClient)
	pod("default_web"+itoa(n.id), kubeWeb)
	pod("default_db"+itoa(n.id), kubeDB)
}

// routes writes the node's routes, policies and source NAT.
func (n kubeNode) routes(t *Topology, gr string) {
	t.setup(
		"--policy=src-ip lr-route-add "+clusterRouter+" "+n.subnet()+" "+n.ip(kubeJoin),
		"lr-route-add "+clusterRouter+" "+n.ip(kubeJoin)+"/32 "+n.ip(kubeJoin),
		`lr-policy-add `+clusterRouter+` 1004 'inport == "rtos-`+n.name+`" && ip4.dst == `+n.ip(kubeExternal)+` /* `+n.name+` */' reroute `+n.pod(kubeManagement),
		`lr-policy-add `+clusterRouter+` 102 'ip4.src == `+clusterNet+` && ip4.dst == `+clusterNet+`' allow`,
		`lr-policy-add `+clusterRouter+` 102 'ip4.src == `+clusterNet+` && ip4.dst == 100.64.0.0/16' allow`,
		"lr-route-add "+gr+" "+clusterNet+" "+clusterJoinIP,
		"lr-route-add "+gr+" 169.254.169.0/29 "+masqueradeIP+" rtoe-"+gr,
		"lr-route-add "+gr+" 0.0.0.0/0 "+n.outsideIP()+" rtoe-"+gr,
		// The gateway router learns its neighbours (dynamic_neigh_routers): this one it knows from
		// the start.
		"static-mac-binding-add rtoj-"+gr+" "+clusterJoinIP+" "+clusterJoinMAC,
		"static-mac-binding-add rtoe-"+gr+" "+masqueradeIP+" "+masqueradeMAC,
		"static-mac-binding-add rtoe-"+gr+" "+n.outsideIP()+" "+n.outsideMAC(),
		"lr-nat-add "+gr+" snat "+n.ip(kubeExternal)+" "+n.subnet(),
		"lr-nat-add "+gr+" snat "+n.ip(kubeExternal)+" "+n.ip(kubeJoin),
	)
}

// Addresses and ports of Kube's services.
const (
	KubeWebVIP      = "10.96.0.10"  // port 80 to port 8080 of the web pods
	KubeDBVIP       = "10.96.0.20"  // port 5432 to port 5432 of hv3's database
	KubeExternalVIP = "172.18.0.50" // port 80 to port 8080 of the web pods, from outside
	KubeNodePort    = 30080         // of every node, to port 8080 of hv2's web pod
)

// services writes the load balancers: those of cluster addresses for the switch and the gateway
// router, those of external addresses for the router, and a node port by a template.
func (n kubeNode) services(t *Topology, gr string) {
	all := func(host int, port string) (s string) {
		for i, k := range kubeNodes {
			if i > 0 {
				s += ","
			}
			s += k.pod(host) + ":" + port
		}
		return s
	}
	t.setup("--id=@both create load_balancer_group name=clusterLBGroup" +
		" -- --id=@sw create load_balancer_group name=clusterSwitchLBGroup" +
		" -- --id=@r create load_balancer_group name=clusterRouterLBGroup" +
		" -- set logical_switch " + n.name + " load_balancer_group=[@both,@sw]" +
		" -- set logical_router " + gr + " load_balancer_group=[@both,@r]")
	lb := func(id, group, name, vip, backends, more string) {
		t.setup("--id=@"+id+" create load_balancer name="+name+` protocol=tcp 'vips:"`+vip+`"="`+backends+`"'`+
			" options:reject=true options:event=false options:hairpin_snat_ip="+hairpinIP+more,
			"add load_balancer_group "+group+" load_balancer @"+id)
	}
	lb("lb1", "clusterLBGroup", "Service_default/web_TCP_cluster", KubeWebVIP+":80", all(kubeWeb, "8080"), "")
	lb("lb2", "clusterLBGroup", "Service_default/db_TCP_cluster", KubeDBVIP+":5432", kubeNodes[2].pod(kubeDB)+":5432", "")
	lb("lb3", "clusterRouterLBGroup", "Service_default/web_TCP_external", KubeExternalVIP+":80", all(kubeWeb, "8080"), "")
	lb("lb4", "clusterLBGroup", "Service_default/web_TCP_node_template_IPv4", "^NODEIP_IPv4_0:"+itoa(KubeNodePort), "^Service_default_web_BACKENDS",
		" options:template=true options:address-family=ipv4")
	t.setup("create chassis_template_var chassis=" + n.name + " variables:NODEIP_IPv4_0=" + n.ip(kubeExternal) +
		` 'variables:Service_default_web_BACKENDS="` + kubeNodes[1].pod(kubeWeb) + `:8080"'`)
}

// Names of Kube's policies.
const (
	KubeDenyACL  = "NP:default:Ingress"
	KubeAllowACL = "NP:default:db-from-web:Ingress:0"
	KubeOutACL   = "NP:default:no-smtp:Egress:0"
)

// policies writes network policies: the database pods accept port 5432 of web pods only, and no pod
// may send to port 25.
func (n kubeNode) policies(t *Topology) {
	db, web, cli := "default_db"+itoa(n.id), "default_web"+itoa(n.id), "default_cli"+itoa(n.id)
	webs := ""
	for _, k := range kubeNodes {
		webs += ` "` + k.pod(kubeWeb) + `"`
	}
	t.setup(
		"pg-add a_ingressDefaultDeny "+db, "pg-add a_db "+db, "pg-add a_all "+db+" "+web+" "+cli,
		"create address_set name=a_web 'addresses="+joinSet(webs)+"'",
		`--name=`+KubeDenyACL+` acl-add a_ingressDefaultDeny to-lport 1000 'outport == @a_ingressDefaultDeny' drop`,
		`acl-add a_ingressDefaultDeny to-lport 1001 'outport == @a_ingressDefaultDeny && (arp || nd)' allow`,
		`--name=`+KubeAllowACL+` acl-add a_db to-lport 1001 'ip4.src == {$a_web} && outport == @a_db && tcp && tcp.dst == 5432' allow-related`,
		`--apply-after-lb --name=`+KubeOutACL+` acl-add a_all from-lport 1002 'inport == @a_all && tcp.dst == 25' drop`,
	)
}

// joinSet writes quoted words as an OVSDB set.
func joinSet(words string) string {
	w, err := SplitWords(words)
	if err != nil {
		panic(err) // addresses
	}
	s := "["
	for i, one := range w {
		if i > 0 {
			s += ","
		}
		s += `"` + one + `"`
	}
	return s + "]"
}

// neighbours returns the commands by which the node's Southbound database knows the other nodes, as
// OVN-Kubernetes' zone controller writes them: remote chassis, on which the ports of the transit
// switch are.
func (n kubeNode) neighbours() []string {
	where := "@" + n.zoneName() + "-sb "
	if n.zoneName() == "" {
		where = "@sb "
	}
	var out []string
	for _, far := range kubeNodes {
		if far == n {
			continue
		}
		out = append(out, where+"chassis-add "+far.name+" geneve "+underlayNet+itoa(far.id)+
			" -- set chassis "+far.name+" hostname="+far.name+" other_config:is-remote=true"+
			" -- --may-exist lsp-bind tstor-"+far.name+" "+far.name)
	}
	return out
}
