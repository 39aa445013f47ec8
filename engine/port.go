package engine

// PortKind says what lies behind a datapath port.
type PortKind string

// The kinds of port.
const (
	PortVIF      PortKind = "vif"      // has an iface-id
	PortHost     PortKind = "host"     // the bridge's local port, or an internal port without iface-id
	PortTunnel   PortKind = "tunnel"   // geneve, vxlan, stt, gre ...
	PortPhysical PortKind = "physical" // a system device without iface-id
)

// Port is a port of the node.
type Port struct {
	Datapath string   `json:"datapath"` // datapath port number, in decimal
	Name     string   `json:"name"`
	Bridge   string   `json:"bridge"`
	OFPort   uint32   `json:"ofport"` // OpenFlow port number on Bridge
	Type     string   `json:"type"`   // as OVS names it: system, internal, geneve ...
	Kind     PortKind `json:"kind"`
	IfaceID  string   `json:"iface_id,omitempty"` // external_ids:iface-id, the logical port
	// Bond is the bond that it is a member of.
	Bond string `json:"bond,omitempty"`
	// Mirrors are the mirrors of its bridge whose output port it is.
	Mirrors []string `json:"mirrors,omitempty"`
}

// Ports finds a port by its name in a datapath action, which is a number or a name; ok is false if
// there is none.
type Ports interface {
	ByDatapath(port string) (p Port, ok bool)
}

// Bonds returns the members of a bond by the number in lb_output, which bond/show calls bond-id;
// nil for an unknown number.
type Bonds interface {
	Members(id uint32) []Port
}
