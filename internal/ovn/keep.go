package ovn

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"

// KeepPorts makes a database that keeps answers (ovsdb.DB.Keep) read together what is asked again
// and again for the packets of many ports: the ports of the chassis, those of switches to routers,
// and the addresses on each switch.
func (s *SB) KeepPorts(chassis ...ovsdb.UUID) {
	for _, c := range chassis {
		s.KeepBy(portBindings.Equal("chassis", c), "logical_port")
	}
	for _, t := range attachedTypes {
		s.KeepBy(portBindings.Equal("type", t), "datapath", "logical_port")
	}
	s.KeepBy(addressRows, "datapath")
}

// KeepPorts does what SB.KeepPorts does, for the options that DHCP gives.
func (n *NB) KeepPorts() { n.KeepBy(dhcpRows, "name") }
