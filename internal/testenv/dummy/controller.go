package dummy

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"

// Controller makes this Open vSwitch the chassis hv1 of the Southbound database at a remote, by a
// real ovn-controller. It does not wait until the chassis is there and br-int has its flows.
func (o *OVS) Controller(southbound string) {
	o.t.Helper()
	o.Vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=dummy", "fail-mode=secure", "--",
		"set", "open", ".", "external_ids:system-id=hv1", "external_ids:ovn-remote="+southbound,
		"external_ids:ovn-encap-type=geneve", "external_ids:ovn-encap-ip=127.0.0.11")
	o.daemon(testenv.Tool(o.t, "ovn-controller"), "unix:"+o.RunDir+"/db.sock", "--pidfile",
		"-vconsole:warn", "-vsyslog:off", "-vfile:off")
}

// Bind plugs a dummy port of br-int in as a logical port; the port has its name.
func (o *OVS) Bind(port string) {
	o.t.Helper()
	o.Vsctl("add-port", "br-int", port, "--", "set", "interface", port, "type=dummy", "external_ids:iface-id="+port)
}
